"""Long work on the loop in slices: after some milliseconds the others have a turn.

However much of such work there is, the loop does one slice of it between two looks at its clients. Called by the API
server's verbs that go over many objects, for answers that are written in pieces, by controllers between two keys and
for the requests of in-process clients: what a controller has to do may be as much as a user wants it to be. Work on one
large object is done beside the loop (apiserver/beside.py).
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

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._arranged = False

    @property
    def wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    async def next(self) -> None:
        """Returns in the caller's turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._arrange()
        await turn

    def _arrange(self) -> None:
        if not self._arranged:
            self._arranged = True
            asyncio.get_running_loop().call_soon(self._grant)

    def _grant(self) -> None:
        self._arranged = False
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # who waits may have been cancelled
                turn.set_result(None)
                break
        if self._waiting:
            self._arrange()


class Pace:
    """One long piece of work, from now on."""

    __slots__ = ("_began", "_turns")

    def __init__(self) -> None:
        self._turns = _of_this_loop().turns
        self._began = 0.0 if self._turns.wanted else perf_counter()

    async def keep(self) -> None:
        """Called after each small step: lets the others have their turn if it is due."""
        if perf_counter() - self._began > _SLICE:
            await self._turns.next()
            self._began = perf_counter()


class SharedPace:
    """The work of all components that live in the process of the API server: a slice of it all between two looks."""

    def __init__(self, turns: _Turns) -> None:
        self._turns = turns
        self._began: float | None = None  # since the loop's last look

    async def keep(self) -> None:
        """Called before each small step."""
        if self._began is None:
            self._began = perf_counter()
            asyncio.get_running_loop().call_soon(self._looked)
        elif perf_counter() - self._began > _SLICE:
            await self._turns.next()

    def _looked(self) -> None:
        self._began = None


class _Loop:
    def __init__(self) -> None:
        self.turns = _Turns()
        self.shared = SharedPace(self.turns)


_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop] = WeakKeyDictionary()


def _of_this_loop() -> _Loop:
    loop = asyncio.get_running_loop()
    found = _loops.get(loop)
    if found is None:
        found = _loops[loop] = _Loop()
    return found


def shared_pace() -> SharedPace:
    """The one of this loop."""
    return _of_this_loop().shared
