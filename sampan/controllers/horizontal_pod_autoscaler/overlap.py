"""Which autoscalers select the same pods: none of them may scale, or they would work against each other. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from sampan.machinery.meta import Key, Object, labels_of
from sampan.machinery.selectors import Selector


class Selectors:
    """The selectors of all autoscalers, as far as they are known."""

    def __init__(self) -> None:
        self._of: defaultdict[str, dict[str, Selector]] = defaultdict(dict)  # namespace -> name -> selector

    def put(self, key: Key, selector: Selector) -> None:
        """An autoscaler selects so."""
        self._of[key.namespace][key.name] = selector

    def remove(self, key: Key) -> None:
        """It is gone."""
        known = self._of.get(key.namespace, {})
        known.pop(key.name, None)
        if not known:
            self._of.pop(key.namespace, None)

    def rival(self, key: Key, pods: Iterable[Object]) -> Key | None:
        """The first other autoscaler, by name, that selects one of these pods. Few pods differ in their labels."""
        different = {tuple(sorted(labels_of(pod).items())): labels_of(pod) for pod in pods}.values()
        for name, selector in sorted(self._of.get(key.namespace, {}).items()):
            if name != key.name and any(map(selector.matches, different)):
                return Key(key.namespace, name)
        return None
