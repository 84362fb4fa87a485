"""Work on large objects beside the event loop, in a thread: reading, merging, comparing and checking them takes time.

The loop belongs to everyone: nobody may hold it for longer than 20 ms, whatever is sent. Threads of Python share one
interpreter, so there is one for all such work, and the loop waits for it a moment only (`SWITCH`); users take turns.
Work that is handed over here only looks at what it is given. Called by the verbs, the write pipeline and the views of
custom resources.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from sampan.apiserver.call import Call
from sampan.storage.cached import Cached

LARGE = 64 << 10  # bytes of JSON; a step of a write takes some milliseconds for as many
LARGE_YAML = 8 << 10
SWITCH = 0.0005  # seconds that a thread goes on while the loop wants to
ROUNDS = 4  # of the loop between two pieces: one that is in C is not interrupted, and a request takes some rounds

on_behalf_of: ContextVar[str] = ContextVar("on_behalf_of", default="")  # the user whose request is worked on

P = ParamSpec("P")
T = TypeVar("T")


class _Piece(NamedTuple):
    work: Callable[[], Any]
    done: "asyncio.Future[Any]"


class Lane:
    """One piece of work at a time, of each user in turn."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[_Piece]] = {}  # by user, in the order of their turns
        self._running: asyncio.Future[Any] | None = None
        self._resting = False

    async def run(self, user: str, work: Callable[[], T]) -> T:
        """What `work` returns or raises, when its turn has come."""
        piece = _Piece(work, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(user, deque()).append(piece)
        self._next()
        try:
            result: T = await piece.done
        finally:
            del piece  # an error would keep this frame, and with it itself and all that was worked on
        return result

    def _next(self) -> None:
        while self._running is None and not self._resting and self._waiting:
            user = next(iter(self._waiting))
            pieces = self._waiting.pop(user)
            piece = pieces.popleft()
            if pieces:
                self._waiting[user] = pieces  # behind the others
            if not piece.done.done():  # who asked may have gone
                self._start(piece)

    def _start(self, piece: _Piece) -> None:
        self._running = asyncio.get_running_loop().run_in_executor(None, piece.work)
        self._running.add_done_callback(partial(self._ended, piece))

    def _ended(self, piece: _Piece, outcome: "asyncio.Future[Any]") -> None:
        self._running = None
        self._resting = True
        error = outcome.exception()
        if not piece.done.done():
            if error is not None:
                piece.done.set_exception(error)
            else:
                piece.done.set_result(outcome.result())
        self._rest(ROUNDS)

    def _rest(self, rounds: int) -> None:
        """Let the loop have its rounds; where it has nothing to do, they take no time."""
        if rounds:
            asyncio.get_running_loop().call_soon(self._rest, rounds - 1)
        else:
            self._resting = False
            self._next()


_lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, Lane] = WeakKeyDictionary()


def _lane() -> Lane:
    """The one of this loop."""
    loop = asyncio.get_running_loop()
    if loop not in _lanes:
        sys.setswitchinterval(SWITCH)
        _lanes[loop] = Lane()
    return _lanes[loop]


def is_large(call: Call, entry: Cached | None = None) -> bool:
    """Whether what a client sent, or the object that it is about, is to be worked on beside the loop."""
    raw, content_type = call.payload.raw, call.payload.content_type
    if len(raw) > LARGE or (entry is not None and len(entry.value) > LARGE):
        return True
    return "yaml" in content_type and (len(raw) > LARGE_YAML or b"*" in raw)  # few aliases make much


async def beside(large: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises; it runs in a thread if what it works on is large."""
    if not large:
        return work(*args, **kwargs)
    return await _lane().run(on_behalf_of.get(), partial(work, *args, **kwargs))
