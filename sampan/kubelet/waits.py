"""Waiting that ends when the pod is to stop. Called by operations.py."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Halted(Exception):
    """The pod is to stop, so what was waited for is of no use any more."""


async def unless(event: asyncio.Event, doing: Awaitable[T]) -> T:
    """Wait for something, or cancel it and raise Halted as soon as `event` is set."""
    task, stop = asyncio.ensure_future(doing), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Halted
    finally:
        task.cancel()
        stop.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)
