"""Waiting for the first of several things. For whoever waits for a time but may be woken earlier."""

import asyncio
from collections.abc import Awaitable


async def first_of(*things: Awaitable[object]) -> None:
    """Wait for the first of some things; the others are cancelled."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
