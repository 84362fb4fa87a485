"""Work on very many pods goes on in a thread, so that the loop has its turns meanwhile. Called for figures."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

MANY = 200  # pods or items; each takes some hundredths of a millisecond

Result = TypeVar("Result")


async def beside(count: int, work: Callable[[], Result]) -> Result:
    """The result of pure work on so many."""
    return await asyncio.to_thread(work) if count > MANY else work()
