"""The pods that wait to be scheduled: active, backing off, or parked until something happens that may help them.

Higher priority first, then first come, first served. A rejected pod is parked with the events that could let it be
scheduled; such an event brings it back, at once where nothing else waits, else when its back-off is over (1 s doubling
to 10 s by default). What stays parked for five minutes is tried again in any case. A parked pod may be held while room
is made for it. Fed and read by app.py.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from sampan.machinery.meta import Key
from sampan.reconcile.clock import Clock
from sampan.reconcile.queue import WorkQueue
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.pod_info import PodInfo

LONGEST_PARKED = 300.0

Concerns = Callable[[PodInfo], bool]


@dataclass(slots=True, eq=False)
class Waiting:
    """A pod in the queue and what is known of its attempts."""

    pod: PodInfo
    attempts: int = 0
    tried: float = 0.0  # when it was last taken out, monotonic
    helpful: frozenset[ClusterEvent] = field(default_factory=frozenset)
    failed: bool = False  # by an error rather than for want of a node: no attempt before the back-off is over
    ready_at: float = 0.0  # when the back-off is over
    held: bool = False  # something is being done for it: no attempt before that is done
    called: bool = False  # something has happened meanwhile that may help it
    missed: frozenset[ClusterEvent] = frozenset()  # all that has happened meanwhile


class SchedulingQueue:
    """See the module. Only `pop` and `run` wait."""

    def __init__(self, clock: Clock, first_back_off: float = 1.0, longest_back_off: float = 10.0) -> None:
        self._clock = clock
        self._first_back_off = first_back_off  # in seconds
        self._longest_back_off = longest_back_off
        self._order = count()
        self._active: dict[Key, Waiting] = {}
        self._heap: list[tuple[int, int, Waiting]] = []  # of the active; entries that are not so any more are skipped
        self._backing_off: dict[Key, Waiting] = {}
        self._parked: dict[Key, Waiting] = {}
        self._timers: WorkQueue[Key] = WorkQueue(clock)
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._active) + len(self._backing_off) + len(self._parked)

    def __contains__(self, key: Key) -> bool:
        return self._find(key) is not None

    def add(self, pod: PodInfo) -> None:
        """A pod that wants a node came, or changed so that another attempt is due."""
        waiting = self._take(pod.key) or Waiting(pod)
        waiting.pod = pod
        self._return(waiting)

    def refresh(self, pod: PodInfo) -> None:
        """A waiting pod changed in a way that does not matter to scheduling."""
        if waiting := self._find(pod.key):
            waiting.pod = pod

    def remove(self, key: Key) -> None:
        """The pod is gone, or has a node."""
        self._take(key)

    async def pop(self) -> Waiting:
        """The next pod, waiting for one. It is not in the queue then; `park`, `retry` or nothing follows."""
        while (waiting := self._next()) is None:
            self._filled.clear()
            await self._filled.wait()
        waiting.attempts += 1
        waiting.tried = self._clock.monotonic()
        back_off = self._first_back_off * 2.0 ** min(waiting.attempts - 1, 63)
        waiting.ready_at = waiting.tried + min(back_off, self._longest_back_off)
        waiting.failed = False
        return waiting

    def park(self, waiting: Waiting, helpful: frozenset[ClusterEvent]) -> None:
        """No node fits: wait for one of some events, which may have come while the pod was held."""
        waiting.helpful = helpful
        if waiting.held:
            waiting.called = bool(waiting.missed & helpful)
        self._parked[waiting.pod.key] = waiting
        self._timers.add_after(waiting.pod.key, LONGEST_PARKED)

    def retry(self, waiting: Waiting) -> None:
        """An error: try again after the back-off."""
        self._parked.pop(waiting.pod.key, None)
        waiting.failed, waiting.held = True, False
        self._back_off(waiting)

    def hold(self, waiting: Waiting) -> None:
        """Keep a parked pod where it is until it is released, whatever happens; it may be held already."""
        if not waiting.held:
            waiting.held, waiting.called, waiting.missed = True, False, frozenset()

    def hold_undecided(self, waiting: Waiting) -> None:
        """Hold a pod that is still being decided about: whatever happens may matter."""
        self.park(waiting, frozenset(ClusterEvent))
        self.hold(waiting)

    def is_held(self, waiting: Waiting) -> bool:
        """Whether a pod that was held still is: it may be gone."""
        return waiting.held and self._parked.get(waiting.pod.key) is waiting

    def release(self, waiting: Waiting, *, again: bool = False) -> None:
        """Let a held pod come back when something may help it, or has meanwhile; `again`: in any case."""
        if self.is_held(waiting):
            waiting.held = False
            if again or waiting.called:
                self._return(self._parked.pop(waiting.pod.key))

    def take_back(self, waiting: Waiting) -> bool:
        """Take a held pod out again, as by `pop`; False where it is gone."""
        if not self.is_held(waiting):
            return False
        waiting.held = False
        del self._parked[waiting.pod.key]
        return True

    def happened(self, events: set[ClusterEvent], concerns: Concerns | None = None) -> None:
        """Bring back the pods that some events may help; of these, where it is given, those that it `concerns`."""
        for waiting in [waiting for waiting in self._parked.values() if waiting.helpful & events]:
            if concerns is None or concerns(waiting.pod):
                waiting.missed |= events
                del self._parked[waiting.pod.key]
                self._return(waiting)

    async def run(self) -> None:
        """End back-offs and long waits when they are due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._timers.run(), name="scheduling queue delays")
            while True:
                key = await self._timers.get()
                self._timers.done(key)
                self._due(key)

    def _due(self, key: Key) -> None:
        if waiting := self._backing_off.pop(key, None):
            self._activate(waiting)
        elif waiting := self._parked.get(key):
            left = waiting.tried + LONGEST_PARKED - self._clock.monotonic()
            if left > 0:  # a timer from before it was parked
                self._timers.add_after(key, left)
            else:
                self._return(self._parked.pop(key))

    def _next(self) -> Waiting | None:
        while self._heap:
            waiting = heapq.heappop(self._heap)[2]
            if self._active.get(waiting.pod.key) is waiting:
                return self._active.pop(waiting.pod.key)
        # Nothing else wants the time: pods need not sit out their back-off (KEP-5142).
        ready = [waiting for waiting in self._backing_off.values() if not waiting.failed]
        if not ready:
            return None
        return self._backing_off.pop(min(ready, key=lambda waiting: waiting.ready_at).pod.key)

    def _return(self, waiting: Waiting) -> None:
        if waiting.held:
            waiting.called = True
            self._parked[waiting.pod.key] = waiting
        elif waiting.ready_at > self._clock.monotonic():
            self._back_off(waiting)
        else:
            self._activate(waiting)

    def _back_off(self, waiting: Waiting) -> None:
        self._backing_off[waiting.pod.key] = waiting
        self._timers.add_after(waiting.pod.key, waiting.ready_at - self._clock.monotonic())
        self._filled.set()

    def _activate(self, waiting: Waiting) -> None:
        self._active[waiting.pod.key] = waiting
        heapq.heappush(self._heap, (-waiting.pod.priority, next(self._order), waiting))
        self._filled.set()

    def _find(self, key: Key) -> Waiting | None:
        return self._active.get(key) or self._backing_off.get(key) or self._parked.get(key)

    def _take(self, key: Key) -> Waiting | None:
        return self._active.pop(key, None) or self._backing_off.pop(key, None) or self._parked.pop(key, None)
