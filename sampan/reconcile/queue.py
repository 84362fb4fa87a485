"""The work queue under every controller: each key waits at most once and is worked on by at most one worker.

A key that is added while it is being worked on comes back when that work is done. Keys come out by priority, then
their owners (namespaces, for a controller) in turn, then in the order in which they were added; no owner has more than
`at_once` keys worked on at a time. Delays and retries run on the injected clock, moved by `run`. The semantics are
those of client-go's util/workqueue; priorities those of controller-runtime's priority queue; turns are ours, so that a
namespace with very many objects does not hold up the others.
"""

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from sampan.reconcile.clock import Clock
from sampan.reconcile.fair_line import FairLine
from sampan.reconcile.waits import first_of

K = TypeVar("K", bound=Hashable)

HIGH = 0  # something happened
LOW = -100  # nothing happened: the key comes from a list


@dataclass(frozen=True, slots=True)
class RetryDelays:
    """Per key, base * 2^failures seconds, at most `cap`: client-go's default for controllers."""

    base: float = 0.005
    cap: float = 1000.0

    def after(self, failures: int) -> float:
        """Seconds to wait after so many failures (the first is 0)."""
        return self.cap if failures > 60 else min(self.base * 2.0**failures, self.cap)


DEFAULT_DELAYS = RetryDelays()


def _nobody(_: Hashable) -> Hashable:
    return None


class WorkQueue(Generic[K]):
    """See the module. Everything but `get` and `run` returns at once."""

    def __init__(
        self,
        clock: Clock,
        delays: RetryDelays = DEFAULT_DELAYS,
        owner: Callable[[K], Hashable] = _nobody,
        at_once: int = 0,  # 0: as many as are asked for
    ) -> None:
        self._clock = clock
        self._delays = delays
        self._owner = owner
        self._at_once = at_once
        self._order = count()
        self._priorities: dict[K, int] = {}  # what waits (it is "dirty")
        self._ready: dict[int, FairLine[K]] = {}  # by priority, highest first; an item whose priority rose is skipped
        self._processing: set[K] = set()
        self._busy: Counter[Hashable] = Counter()  # owner -> keys that are worked on
        self._again: dict[K, int] = {}  # added while processing
        self._due: dict[K, float] = {}
        self._delayed: list[tuple[float, int, K]] = []  # a heap; entries other than the due one are skipped
        self._failures: dict[K, int] = {}
        self._idle: deque[asyncio.Future[None]] = deque()  # workers who wait for a key
        self._sooner = asyncio.Event()

    def __len__(self) -> int:
        return len(self._priorities)

    def add(self, key: K, priority: int = HIGH) -> None:
        """Have `key` worked on; a key that waits already only rises to the higher priority."""
        waiting = self._again if key in self._processing else self._priorities
        if waiting.get(key, priority - 1) >= priority:
            return
        waiting[key] = priority
        if waiting is self._priorities:
            self._push(key, priority)

    def add_after(self, key: K, seconds: float) -> None:
        """Add `key` when so many seconds have passed; of several delays the soonest counts."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock.monotonic() + seconds
        if self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._delayed, (due, next(self._order), key))
        if self._delayed[0][2] == key:
            self._sooner.set()

    def retry(self, key: K) -> float:
        """Add `key` after a delay that doubles with each retry until `forget`; returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = self._delays.after(failures)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The next retry of `key` is its first."""
        self._failures.pop(key, None)

    @property
    def idle(self) -> bool:
        """Whether some worker waits for a key."""
        return bool(self._idle)

    async def get(self) -> K:
        """The next key, waiting for one; `done` must follow."""
        while (key := self._next()) is None:
            await self._wait()
        self._processing.add(key)
        return key

    def done(self, key: K) -> None:
        """The work on `key` is over; it waits again if it was added meanwhile."""
        self._processing.discard(key)
        owner = self._owner(key)
        self._busy[owner] -= 1
        if not self._busy[owner]:
            del self._busy[owner]
        if self._at_once:
            for line in self._ready.values():
                line.release(owner)
        if key in self._again:
            priority = self._priorities[key] = self._again.pop(key)
            self._push(key, priority)
        elif self._at_once and self._priorities:
            self._wake()  # for who was held back

    async def run(self) -> None:
        """Add delayed keys when they are due, until cancelled."""
        while True:
            self._sooner.clear()
            self._release()
            if self._delayed:
                left = self._delayed[0][0] - self._clock.monotonic()
                await first_of(self._clock.sleep(left), self._sooner.wait())
            else:
                await self._sooner.wait()

    def _push(self, key: K, priority: int) -> None:
        line = self._ready.get(priority)
        if line is None:
            self._ready[priority] = FairLine()
            self._ready = dict(sorted(self._ready.items(), reverse=True))
            line = self._ready[priority]
            for owner in self._busy:
                self._hold(owner)
        line.push(self._owner(key), key)
        self._wake()

    def _next(self) -> K | None:
        for priority, line in self._ready.items():
            while (popped := line.pop()) is not None:
                owner, key = popped
                if self._priorities.get(key) == priority:
                    del self._priorities[key]
                    self._busy[owner] += 1
                    self._hold(owner)
                    return key
        return None

    def _hold(self, owner: Hashable) -> None:
        """Keep an owner back who has as many keys worked on as one may have."""
        if self._at_once and self._busy[owner] >= self._at_once:
            for line in self._ready.values():
                line.hold(owner)

    async def _wait(self) -> None:
        """Until there may be a key; whoever is cancelled after having been woken wakes another."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(woken)
        try:
            await woken
        except asyncio.CancelledError:
            if woken.done() and not woken.cancelled():
                self._wake()
            raise

    def _wake(self) -> None:
        while self._idle:
            woken = self._idle.popleft()
            if not woken.done():
                woken.set_result(None)
                return

    def _release(self) -> None:
        now = self._clock.monotonic()
        while self._delayed and (self._delayed[0][0] <= now or self._stale(self._delayed[0])):
            entry = heapq.heappop(self._delayed)
            if not self._stale(entry):
                del self._due[entry[2]]
                self.add(entry[2])

    def _stale(self, entry: tuple[float, int, K]) -> bool:
        return self._due.get(entry[2]) != entry[0]
