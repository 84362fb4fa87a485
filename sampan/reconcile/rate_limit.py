"""A client that makes so many requests a second and no more: the brake of the components inside.

Requests wait in the order in which they came, but namespaces have their turns, so that what has to be done in one of
them does not hold up the others. Watches and streams are not counted: informers rarely begin one.
Called by whoever makes the clients of components (controllers/app.py).
Rule: client-go's flowcontrol.RateLimiter, a token bucket, with the flags --kube-api-qps and --kube-api-burst of
kube-controller-manager; turns are ours.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from sampan.client.api import Client
from sampan.client.transport import Transport, WatchEvent
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.reconcile.fair_line import FairLine

_ONE = 1 - 1e-6  # a token, however it was rounded
_SOONEST = 0.001  # seconds


class Rate(NamedTuple):
    """Requests a second, and how many at once after a while without any. Not more than 0 a second: no limit."""

    qps: float
    burst: int

    def times(self, factor: float) -> "Rate":
        """For who has more to do."""
        return Rate(self.qps * factor, int(self.burst * factor))


def limited(client: Client, rate: Rate, clock: Clock) -> Client:
    """The same client with this brake."""
    return Client(_Limited(client.transport, TokenBucket(rate, clock))) if rate.qps > 0 else client


class TokenBucket:
    """Hands out `rate`, to owners in turn."""

    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._qps, self._burst = rate.qps, max(rate.burst, 1)
        self._clock = clock
        self._tokens = float(self._burst)
        self._filled = clock.monotonic()
        self._line: FairLine[asyncio.Future[None]] = FairLine()
        self._waiting = 0  # without those who have given up
        self._granting: asyncio.Task[None] | None = None

    async def take(self, owner: str) -> None:
        """Return when the owner may make one request."""
        self._fill()
        if not self._waiting and self._tokens >= _ONE:
            self._tokens -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.push(owner, turn)
        self._waiting += 1
        if self._granting is None:
            self._granting = asyncio.create_task(self._grant(), name="rate limit")
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.cancelled():
            self._waiting -= 1
            if not self._waiting and self._granting:
                self._granting.cancel()
                self._granting = None
        else:
            self._tokens += 1  # it was granted, and is not used

    async def _grant(self) -> None:
        """While somebody waits: a turn for each token that falls due."""
        while self._waiting:
            await self._clock.sleep(max((1 - self._tokens) / self._qps, _SOONEST))
            self._fill()
            while self._waiting and self._tokens >= _ONE:
                self._next()
        self._granting = None

    def _next(self) -> None:
        popped = self._line.pop()
        assert popped is not None  # somebody waits
        if not popped[1].done():
            popped[1].set_result(None)
            self._tokens -= 1
            self._waiting -= 1

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._tokens + (now - self._filled) * self._qps, self._burst)
        self._filled = now


class _Limited:
    """A transport that asks before each request."""

    def __init__(self, transport: Transport, bucket: TokenBucket) -> None:
        self._transport = transport
        self._bucket = bucket

    async def request(self, method: str, path: str, **options: Any) -> Object:
        await self._bucket.take(_namespace(path))
        return await self._transport.request(method, path, **options)

    def watch(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        return self._transport.watch(path, query)

    def stream(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._transport.stream(path, query)

    async def close(self) -> None:
        await self._transport.close()


def _namespace(path: str) -> str:
    return path.partition("/namespaces/")[2].partition("/")[0]
