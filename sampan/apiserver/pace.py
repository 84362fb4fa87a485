"""Long work on the loop in slices: after some milliseconds the others have a turn.

However much of such work there is, the loop does one slice of it between two looks at its clients. Called by verbs that
go over many objects, and for answers that are written in pieces. Work on one large object is done beside the loop
(beside.py).
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TypeVar
from weakref import WeakKeyDictionary

_SLICE = 0.005  # seconds

T = TypeVar("T")


def slices(items: Sequence[T], count: int) -> Iterator[Sequence[T]]:
    """The same items, at most `count` at once."""
    if len(items) <= count:
        yield items
        return
    for start in range(0, len(items), count):
        yield items[start : start + count]


class _Turns:
    """Those that wait for their next slice, in the order in which they came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._arranged = False

    @property
    def wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    async def next(self) -> None:
        """Returns in the caller's turn."""
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(turn)
        self._arrange()
        await turn

    def _arrange(self) -> None:
        if not self._arranged:
            self._arranged = True
            self._loop.call_soon(self._grant)

    def _grant(self) -> None:
        self._arranged = False
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # who waits may have been cancelled
                turn.set_result(None)
                break
        if self._waiting:
            self._arrange()


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


class Pace:
    """One long piece of work, from now on."""

    __slots__ = ("_began", "_turns")

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        turns = _turns.get(loop)
        if turns is None:
            turns = _turns[loop] = _Turns(loop)
        self._turns = turns
        self._began = 0.0 if turns.wanted else perf_counter()

    async def keep(self) -> None:
        """Called after each small step: lets the others have their turn if it is due."""
        if perf_counter() - self._began > _SLICE:
            await self._turns.next()
            self._began = perf_counter()
