"""Waiting for the first of several things. For whoever waits for a time but may be woken earlier."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from sampan.reconcile.clock import Clock


async def first_of(*things: Awaitable[object]) -> None:
    """Wait for the first of some things; the others are cancelled."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def again_and_again(
    work: Callable[[], Awaitable[None]], wake: asyncio.Event, clock: Clock, pause: Callable[[], float]
) -> NoReturn:
    """Work when `wake` is set and when the pause since the last time is over; one at a time, until cancelled."""
    while True:
        await first_of(wake.wait(), clock.sleep(pause()))
        wake.clear()
        await work()
