"""Ratcheting: an update is not refused for what was wrong before and has not changed (KEP-4008).

A problem is forgiven if the node that found it, or any node above, holds what it held before. Old and new are
correlated by field names and, in lists of type map, by their keys; what lies in other lists, in junctors or in unknown
fields stands or falls with the whole. Called by resource.py and rules.py.
Upstream: apiserver/validation/ratcheting.go, k8s.io/apiserver/pkg/cel/common/equality.go.
"""

from collections.abc import Iterable
from typing import Any

from sampan.machinery.places import Place, steps_of
from sampan.machinery.structural.list_types import key_of
from sampan.machinery.structural.problems import Problem
from sampan.machinery.structural.schema import META_FIELDS, Structural
from sampan.machinery.structural.words import identity, same

_SCALARS = (bool, float, int, str)


class Correlation:
    """A new value, the old value at the same place, and their node."""

    def __init__(self, new: Any, old: Any, node: Structural) -> None:
        self.new, self.old, self.node = new, old, node
        self._unchanged: bool | None = None
        self._old_items: dict[bytes, Any] | None = None
        self._below: dict[str | int, Correlation | None] = {}

    def below(self, step: str | int) -> "Correlation | None":
        """The correlation of a field or an item; None if there is no old value for it, or no schema."""
        if step not in self._below:
            self._below[step] = self._item(step) if isinstance(step, int) else self._field(step)
        return self._below[step]

    @property
    def unchanged(self) -> bool:
        """Whether the value is what it was; lists that are maps may be in another order."""
        if self._unchanged is None:
            self._unchanged = self._compare()
        return self._unchanged

    def old_item(self, item: Any) -> Any:
        """The old item with the keys of a new one, if the list is a map; None if there is none."""
        if self.node.list_type != "map" or type(self.old) is not list:
            return None
        if self._old_items is None:
            keyed = [(self._identity(one), one) for one in self.old]
            self._old_items = {key: one for key, one in reversed(keyed) if key is not None}
        key = self._identity(item)
        return None if key is None else self._old_items.get(key)

    def _identity(self, item: Any) -> bytes | None:
        """What tells an item from others; None where one of its keys is missing or no scalar."""
        key = key_of(item, self.node) if type(item) is dict else {}
        complete = len(key) == len(self.node.list_map_keys) > 0
        return identity(key) if complete and all(type(one) in _SCALARS for one in key.values()) else None

    def _field(self, name: str) -> "Correlation | None":
        child = self.node.field(name)
        if child is None or type(self.new) is not dict or type(self.old) is not dict:
            return None
        if name not in self.new or name not in self.old:
            return None
        return Correlation(self.new[name], self.old[name], child)

    def _item(self, index: int) -> "Correlation | None":
        old = self.old_item(self.new[index]) if type(self.new) is list and index < len(self.new) else None
        return None if old is None or self.node.items is None else Correlation(self.new[index], old, self.node.items)

    def _compare(self) -> bool:
        new, old = self.new, self.old
        if type(new) is dict and type(old) is dict:
            return len(new) == len(old) and self._all_unchanged(new)
        if type(new) is list and type(old) is list and self.node.list_type == "map" and new:
            return len(new) == len(old) and self._all_unchanged(range(len(new)))
        return same(new, old)

    def _all_unchanged(self, steps: Iterable[str | int]) -> bool:
        return all((below := self.below(step)) is not None and below.unchanged for step in steps)


def remaining(problems: Iterable[Problem], whole: Correlation | None, is_object: bool) -> list[Problem]:
    """The problems that an update is refused for. `is_object`: the value has apiVersion and kind."""
    if whole is None:
        return list(problems)
    return [problem for problem in problems if not _is_forgiven(problem.node, whole, is_object)]


def _is_forgiven(place: Place, whole: Correlation, is_object: bool) -> bool:
    if whole.unchanged:
        return True
    steps = steps_of(place)
    if is_object and steps and steps[0] in META_FIELDS[:2]:
        return False
    at: Correlation | None = whole
    for step in steps:
        at = at.below(step) if at is not None else None
        if at is not None and at.unchanged:
            return True
    return False
