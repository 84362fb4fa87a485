"""How often the garbage collector looks at what the server holds: seldom, and never again at what a start has made.

Most of what a server makes goes by its reference counts; what stays are code, kinds and cached objects, which a full
collection would go over in one piece, on the event loop: half a second for the objects of some thousand pods. So
what one collection has gone over, the next ones pass over, and everything is looked at again only in an hour in which
nobody wants anything. Called by server.py and serving.py, and by the benchmarks.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

# The first is 700 by default: one request with large objects makes more. With the second, the middle generation has
# ten thousand objects, which takes a few milliseconds.
_THRESHOLDS = (2_000, 5, 2)
_HOUR, _WHILE = 3600.0, 10.0  # seconds
_QUIET = 0.05  # of a while


@contextmanager
def resting() -> Iterator[None]:
    """Collect nothing meanwhile: what is loaded stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.set_threshold(*_THRESHOLDS)
        if _pass_over not in gc.callbacks:
            gc.callbacks.append(_pass_over)
        settle()
        gc.enable()


def settle() -> None:
    """Pass over what is there now from now on."""
    gc.freeze()


def _pass_over(phase: str, info: dict[str, int]) -> None:
    """For the collector: after each full collection."""
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()


async def look_again(
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, busy: Callable[[], float] = time.process_time
) -> None:
    """Until cancelled: once an hour, go over everything when the process has done next to nothing for a while. `busy`
    are the seconds for which it has been working since it began."""
    while True:
        await sleep(_HOUR)
        before = busy()
        await sleep(_WHILE)
        while busy() - before > _WHILE * _QUIET:
            before = busy()
            await sleep(_WHILE)
        gc.unfreeze()
        gc.collect()
