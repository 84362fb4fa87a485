"""What a pod belongs to, as a selector: the basis of default spreading.

A pod belongs to the Services that select it and to the controller that owns it; the selector demands all of theirs at
once (upstream's helper.DefaultSelector).
"""

from collections.abc import Callable, Iterable, Mapping

from sampan.client.informer import Informer
from sampan.kinds.apps.replica_set import KIND as REPLICA_SET
from sampan.kinds.apps.stateful_set import KIND as STATEFUL_SET
from sampan.kinds.core.replication_controller import KIND as REPLICATION_CONTROLLER
from sampan.kinds.core.service import KIND as SERVICE
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, controller_of
from sampan.machinery.selectors import Selector, from_label_selector, from_labels
from sampan.scheduler.pod_info import PodInfo

_CONTROLLERS = (REPLICATION_CONTROLLER, REPLICA_SET, STATEFUL_SET)


class Owners:
    """Reads the informers of everything that pods can belong to."""

    def __init__(self, follow: Callable[[Kind], Informer]) -> None:
        self._services = follow(SERVICE)
        self._services.add_index("namespace", _namespace)
        self._controllers: Mapping[tuple[str, str], Informer] = {
            (kind.api_version, kind.name): follow(kind) for kind in _CONTROLLERS
        }

    def selector(self, pod: PodInfo) -> Selector | None:
        """The selector of all that the pod belongs to; None where that is nothing."""
        found = [*self._service_selectors(pod), *self._controller_selector(pod)]
        if len(found) == 1:
            return found[0]
        requirements = [requirement for selector in found for requirement in selector.requirements]
        return Selector(requirements) if requirements else None

    def _service_selectors(self, pod: PodInfo) -> Iterable[Selector]:
        for service in self._services.by("namespace", pod.namespace):
            selector = from_labels(service["spec"].get("selector"))
            if selector.matches(pod.labels):
                yield selector

    def _controller_selector(self, pod: PodInfo) -> Iterable[Selector]:
        ref = controller_of(pod.object)
        informer = self._controllers.get((ref.api_version, ref.kind)) if ref else None
        owner = informer.get(Key(pod.namespace, ref.name)) if informer and ref else None
        selector = owner["spec"].get("selector") if owner else None
        if ref and selector:
            yield from_labels(selector) if ref.kind == "ReplicationController" else from_label_selector(selector)


def _namespace(obj: Object) -> Iterable[str]:
    return (obj["metadata"].get("namespace", ""),)
