"""Asking backends for what they publish whenever told to, and every so often. Used by discovery.py and openapi.py."""

import asyncio
from collections.abc import Awaitable, Callable

from sampan.reconcile.clock import Clock
from sampan.reconcile.waits import first_of

PERIOD = 60.0  # seconds


async def ask_again_and_again(
    ask: Callable[[], Awaitable[None]],
    wake: asyncio.Event,
    clock: Clock,
    pause: Callable[[], float] = lambda: PERIOD,
) -> None:
    """Ask when `wake` is set and when the pause since the last time is over; one asking at a time, until cancelled."""
    while True:
        await first_of(wake.wait(), clock.sleep(pause()))
        wake.clear()
        await ask()
