"""Waiting for the first of several things. Called by worker.py and operations.py."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Halted(Exception):
    """The pod is to stop, so what was waited for is of no use any more."""


async def first_of(*things: Awaitable[object]) -> None:
    """Wait for the first of some things; the others are cancelled."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
