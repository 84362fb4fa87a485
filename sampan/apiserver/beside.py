"""Work on large objects beside the event loop, in a thread: reading, merging, comparing and checking them takes time.

The loop belongs to everyone: nobody may hold it for longer than 20 ms, whatever is sent. Work that is handed over here
only looks at what it is given. Called by the verbs, the write pipeline and the views of custom resources.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sampan.apiserver.call import Call
from sampan.storage.cached import Cached

LARGE = 64 << 10  # bytes of JSON; a step of a write takes some milliseconds for as many

P = ParamSpec("P")
T = TypeVar("T")


def is_large(call: Call, entry: Cached | None = None) -> bool:
    """Whether what a client sent, or the object that it is about, is to be worked on beside the loop."""
    return len(call.payload.raw) > LARGE or (entry is not None and len(entry.value) > LARGE)


async def beside(large: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises; it runs in a thread if what it works on is large."""
    return await asyncio.to_thread(work, *args, **kwargs) if large else work(*args, **kwargs)
