"""One pod's resize: what it is allocated, what it wants, how far it has come. Kept by worker.py; events are told here.

Rules: upstream's pkg/kubelet/allocation (handlePodResourcesResize) and kubelet.SyncPod.
"""

from collections.abc import Callable

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.records import PodRuntime
from sampan.kubelet.resize.allocation import differs, with_allocation
from sampan.kubelet.resize.changes import is_in_progress
from sampan.kubelet.resize.decision import Wish
from sampan.kubelet.resize.ledger import Record
from sampan.kubelet.resize.state import deferred_at, message, state_in
from sampan.machinery.meta import Object


class PodResize:
    """See the module. `newest` is the pod as the API has it."""

    def __init__(self, context: KubeletContext, pod: Object, newest: Callable[[], Object]) -> None:
        self._context = context
        self._newest = newest
        self.state = state_in(pod)
        self.wish: Wish | None = None

    @property
    def record(self) -> Record:
        """What it is allocated and runs with."""
        return self._context.ledger.record(self._newest())

    def allocated(self, pod: Object) -> Object:
        """The pod with what it is allocated in place of what it wants."""
        return with_allocation(pod, self.record.allocated)

    def follow(self) -> None:
        """The pod has changed: see what it wants now. What it wants no more is not pending either."""
        pod = self._newest()
        if differs(pod, self.record.allocated):
            self.wish = Wish(pod, self.allocated(pod), deferred_at(pod))
        else:
            self.wish, self.state = None, self.state.content()

    def give(self) -> None:
        """It is allocated what it wants."""
        pod = self._newest()
        generation = _generation(pod)
        self._context.ledger.allocate(pod)
        self.wish = None
        self.state = self.state.begun(generation)
        self._tell(pod, "Normal", "ResizeStarted", "Pod resize started", generation)

    def defer(self, why: str) -> bool:
        """It is not, for now; whether that is news."""
        pod = self._newest()
        before, generation = self.state.pending, _generation(pod)
        self.state = self.state.deferred(generation, why)
        now = self.state.pending
        if before is None or now is None or (before.generation, before.reason) != (now.generation, now.reason):
            self._tell(pod, "Warning", "ResizeDeferred", "Pod resize Deferred", generation, why)
        return before != now

    def look(self, pod: Object, runtime: PodRuntime, error: str, *, stopping: bool) -> None:
        """Compare what the allocated pod is to have with what runs of it."""
        before, generation = self.state.progress, _generation(pod)
        if stopping or not is_in_progress(pod, self.record, runtime):
            self.state = self.state.done()
            if before is not None and not stopping:
                self._tell(pod, "Normal", "ResizeCompleted", "Pod resize completed", before.generation)
            return
        self.state = self.state.failed(generation, error) if error else self.state.going_on(generation)
        if error and self.state.progress != before:
            since = self.state.progress.generation if self.state.progress else generation
            self._tell(pod, "Warning", "ResizeError", "Pod resize error", since, error)

    def _tell(self, pod: Object, type_: str, reason: str, text: str, generation: int, error: str = "") -> None:
        self._context.tell(pod, type_, reason, message(pod, text, generation, error))


def _generation(pod: Object) -> int:
    return int(pod["metadata"].get("generation") or 1)
