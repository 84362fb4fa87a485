"""Memory goes back to the system when it has been used: what one client's large requests took, others may need.

The C library keeps what is freed for later, in as many places as there are threads, and ever larger blocks the larger
ones it has seen. Called by server.py, serving.py and the benchmarks. Where there is no such library (musl), nothing is
done. Rule: mallopt(3), malloc_trim(3), mallinfo(3).
"""

import asyncio
import ctypes
from collections.abc import Awaitable, Callable

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8
_LARGE = 1 << 20  # bytes of a block that is given back as soon as it is free
_EVERY = 10.0  # seconds
_MUCH = 16 << 20  # bytes that are worth some milliseconds
_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")

_libc = ctypes.CDLL(None)


def configure() -> None:
    """At the start, before there are threads."""
    if hasattr(_libc, "mallopt"):
        for option, value in ((_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE), (_ARENA_MAX, 1)):
            _libc.mallopt(option, value)


async def give_back(sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Until cancelled: now and then, where much has become free since the last time."""
    least = 0
    while hasattr(_libc, "mallinfo2") and hasattr(_libc, "malloc_trim"):
        await sleep(_EVERY)
        if (free := _free()) > least + _MUCH:
            await asyncio.to_thread(_libc.malloc_trim, 0)
            least = free  # it is still counted
        least = min(least, free)


class _Info(ctypes.Structure):
    """struct mallinfo2."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


def _free() -> int:
    """Bytes that the library keeps for later."""
    _libc.mallinfo2.restype = _Info
    free: int = _libc.mallinfo2().fordblks
    return free
