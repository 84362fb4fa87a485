"""How much of what clients send may be in memory at once: a share for each of them, and a sum for all.

A body is counted from before it is read until its request has been answered, by what its head says of its length (in
chunks: by the most that it may come to). Who finds no room waits his turn, and is told to come again when that takes
too long (429, Retry-After). Bodies that have come along with their heads are small, handled at once, and not counted.
Upstream has no such limit: it counts requests, not bytes. Called by app.py.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from sampan.machinery.errors import TooManyRequests

TOTAL = 64 << 20  # bytes
SHARE = 16 << 20  # bytes of one user
PATIENCE = 15.0  # seconds
_MOST_WAITING = 1000
_RETRY_AFTER = 1  # seconds, as upstream's priority and fairness says


class _Waiting(NamedTuple):
    user: str
    size: int
    turn: "asyncio.Future[None]"


class BodyBudget:
    """One for each server."""

    def __init__(self, total: int = TOTAL, share: int = SHARE, patience: float = PATIENCE) -> None:
        self._total, self._share, self._patience = total, share, patience
        self._used = 0
        self._by_user: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def room(self, user: str, size: int) -> AsyncIterator[None]:
        """Room for a body inside the context, waited for. Raises TooManyRequests."""
        if self._waiting or not self._fits(user, size):
            await self._wait(user, size)
        else:
            self._take(user, size)
        try:
            yield
        finally:
            self._give_back(user, size)

    def _fits(self, user: str, size: int) -> bool:
        """Whoever has nothing yet may have one body, however small the share."""
        mine = self._by_user.get(user, 0)
        return (not self._used or self._used + size <= self._total) and (not mine or mine + size <= self._share)

    def _take(self, user: str, size: int) -> None:
        self._used += size
        self._by_user[user] += size

    def _give_back(self, user: str, size: int) -> None:
        self._used -= size
        self._by_user[user] -= size
        if not self._by_user[user]:
            del self._by_user[user]
        self._admit()

    def _admit(self) -> None:
        """Whom there is room for now, in the order in which they came; a user who has his share holds up no other."""
        left = []
        for waiting in self._waiting:
            if waiting.turn.done():  # it has given up
                continue
            if self._fits(waiting.user, waiting.size):
                self._take(waiting.user, waiting.size)
                waiting.turn.set_result(None)
            else:
                left.append(waiting)
        self._waiting = left

    async def _wait(self, user: str, size: int) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            raise _too_many()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(user, size, turn))
        self._admit()
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except TimeoutError:
            self._gave_up(user, size, turn)
            raise _too_many() from None
        except asyncio.CancelledError:
            self._gave_up(user, size, turn)
            raise

    def _gave_up(self, user: str, size: int, turn: "asyncio.Future[None]") -> None:
        """The turn may have come at the same moment."""
        if turn.done() and not turn.cancelled():
            self._give_back(user, size)
        turn.cancel()


def _too_many() -> TooManyRequests:
    return TooManyRequests(
        "too many bytes of request bodies are in flight, please try again later",
        details={"retryAfterSeconds": _RETRY_AFTER},
    )
