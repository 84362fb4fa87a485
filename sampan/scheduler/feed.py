"""What informers show of nodes and pods, taken over into state and queue, as events that may help pods that wait.

Fed by the informers that app.py follows; decides nothing.
"""

from collections.abc import Callable, Container

from sampan.machinery.meta import Key, Object, is_deleting, key_of, labels_of
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.configuration.configuration import DEFAULT_NAME
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.pod_info import PodInfo, is_finished
from sampan.scheduler.queue import SchedulingQueue
from sampan.scheduler.state import ClusterState


class Feed:
    """`wants` says which pods wait for a node from here, `held` which of them may not have one yet.

    `left` is told of pods that have gone.
    """

    def __init__(
        self,
        state: ClusterState,
        queue: SchedulingQueue,
        nominated: Nominations,
        wants: Callable[[Object], PodInfo | None],
        held: Callable[[PodInfo], bool],
        left: Callable[[Key], None],
    ) -> None:
        self._state = state
        self._queue = queue
        self._nominated = nominated
        self._wants = wants
        self._held = held
        self._left = left

    def node_changed(self, old: Object | None, new: Object | None) -> None:
        """An informer's callback."""
        changes = set()
        if new is not None:
            changes = self._state.put_node(new)
        elif old is not None:
            self._state.remove_node(old["metadata"]["name"])
            changes = {ClusterEvent.NODE_REMOVE}
        if changes:
            self._queue.happened(changes)

    def pod_changed(self, old: Object | None, new: Object | None) -> None:
        """An informer's callback."""
        if new is None or is_finished(new):
            self._pod_left(key_of(new or old or {}))
        elif new["spec"].get("nodeName"):
            self._pod_assigned(old, new)
        elif (pod := self._wants(new)) is None:
            self._queue.remove(key_of(new))
            self._nominated.drop(key_of(new))
        elif not self._state.is_assumed(pod.key):
            self._pod_pending(old, new, pod)

    def _pod_pending(self, old: Object | None, new: Object, pod: PodInfo) -> None:
        nominated = _nominated(new)
        if nominated != (_nominated(old) if old is not None else ""):
            self._nominated.put(pod, nominated)  # by the scheduler that was here before, or by somebody else
        else:
            self._nominated.refresh(pod)
        if self._held(pod):
            self._queue.remove(pod.key)
        elif old is None or pod.key not in self._queue or not asks_alike(old, new):
            self._queue.add(pod)
        else:
            self._queue.refresh(pod)

    def _pod_assigned(self, old: Object | None, new: Object) -> None:
        key, place = key_of(new), new["spec"]["nodeName"]
        was_there = self._state.place_of(key) == place and not self._state.is_assumed(key)
        if was_there and old is not None and asks_alike(old, new):
            self._state.refresh_pod(new)
            return
        self._queue.remove(key)
        self._nominated.drop(key, assigned=place)
        self._state.put_pod(PodInfo(new), place)
        if not was_there:
            self._queue.happened({ClusterEvent.POD_ADD})
        elif old is not None and labels_of(old) != labels_of(new):
            self._queue.happened({ClusterEvent.POD_LABELS})

    def _pod_left(self, key: Key) -> None:
        self._queue.remove(key)
        self._left(key)
        self._nominated.drop(key)
        if self._state.remove_pod(key):
            self._queue.happened({ClusterEvent.POD_REMOVE})


def scheduler_of(pod: Object) -> str:
    """The name of the scheduler that a pod asks for a node."""
    return pod["spec"].get("schedulerName") or DEFAULT_NAME


def waits(pod: Object, schedulers: Container[str]) -> bool:
    """Whether a pod waits for a node from one of some schedulers."""
    spec, meta = pod["spec"], pod["metadata"]
    if spec.get("nodeName") or meta.get("deletionTimestamp"):
        return False
    return scheduler_of(pod) in schedulers


def _nominated(pod: Object) -> str:
    return (pod.get("status") or {}).get("nominatedNodeName") or ""


def asks_alike(old: Object, new: Object) -> bool:
    """Whether nothing has changed that matters to a pod's placement."""
    return _asks(old) == _asks(new)


def _asks(pod: Object) -> tuple[object, ...]:
    """What of a pod matters to its placement, and to that of others."""
    return pod["spec"], labels_of(pod), is_deleting(pod)
