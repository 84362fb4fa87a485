"""A clock whose hands a test moves: nothing sleeps for real, and time passes exactly as far as it is told to.

    clock = VirtualClock()
    ...start what takes a clock...
    await clock.advance(40)

For tests of controllers, scheduler and kubelet; implements reconcile.clock.Clock.
"""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
_IDLE = 3  # turns in a row with nothing to do: in each, the loop has also looked for what came from outside
_MOST = 10_000


class VirtualClock:
    """Starts at `start`; moves by `advance` only."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._elapsed = 0.0
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The wall time."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced so far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), waiter))
        await waiter

    @property
    def sleepers(self) -> int:
        """How many tasks are waiting for time to pass."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move the hands, waking sleepers in the order of their times; each runs until it waits again."""
        end = self._elapsed + seconds
        await at_rest()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, waiter = heapq.heappop(self._sleepers)
            if waiter.done():
                continue
            self._elapsed = max(self._elapsed, due)
            waiter.set_result(None)
            await at_rest()
        self._elapsed = end
        await at_rest()

    async def leap(self, seconds: float) -> None:
        """Move the hands at once: whoever was to wake meanwhile wakes now, once."""
        self._elapsed += seconds
        await self.advance(0)


async def at_rest() -> None:
    """Let tasks run until none can: what waits for time, sockets or threads is not waited for.

    One that is always ready ends this after _MOST turns of the event loop. What is ready is the loop's own affair:
    where it doesn't tell, `settle` must do.
    """
    ready, idle = getattr(asyncio.get_running_loop(), "_ready", None), 0
    if ready is None:
        await settle()
        return
    for _ in range(_MOST):
        await asyncio.sleep(0)
        idle = 0 if ready else idle + 1
        if idle == _IDLE:
            return


async def settle(turns: int = 100) -> None:
    """Let every task that can run do so: enough turns of the event loop for chains of in-process calls."""
    for _ in range(turns):
        await asyncio.sleep(0)
