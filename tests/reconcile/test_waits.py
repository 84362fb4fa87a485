"""What is done again and again: at once where there is a reason, else after a pause, and never twice at a time."""

import asyncio
from contextlib import AsyncExitStack

from sampan.reconcile.waits import again_and_again
from sampan.testing.clock import VirtualClock, settle

PERIOD = 60.0


class Asked:
    """Counts, and takes as long as the test wants."""

    def __init__(self) -> None:
        self.begun, self.ended = 0, 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self) -> None:
        self.begun += 1
        await self.go_on.wait()
        self.ended += 1


async def test_whoever_wakes_is_served_at_once_and_else_the_pause_counts() -> None:
    asked, wake, clock, pauses = Asked(), asyncio.Event(), VirtualClock(), iter((PERIOD, 5.0, PERIOD, PERIOD))
    async with AsyncExitStack() as stack:
        task = asyncio.ensure_future(again_and_again(asked, wake, clock, lambda: next(pauses)))
        stack.callback(task.cancel)
        await clock.advance(PERIOD - 1)
        assert asked.ended == 0
        wake.set()
        await settle()
        assert asked.ended == 1  # and from here on, five seconds
        await clock.advance(4)
        assert asked.ended == 1
        await clock.advance(1)
        assert asked.ended == 2
        await clock.advance(PERIOD)
        assert asked.ended == 3


async def test_a_wake_during_the_asking_has_it_done_once_more_afterwards() -> None:
    asked, wake, clock = Asked(), asyncio.Event(), VirtualClock()
    async with AsyncExitStack() as stack:
        task = asyncio.ensure_future(again_and_again(asked, wake, clock, lambda: PERIOD))
        stack.callback(task.cancel)
        asked.go_on.clear()
        wake.set()
        await settle()
        wake.set()
        await clock.advance(PERIOD)
        assert (asked.begun, asked.ended) == (1, 0)
        asked.go_on.set()
        await settle()
        assert (asked.begun, asked.ended) == (2, 2)
