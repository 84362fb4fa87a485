"""HTTP clients by what they are for, so that their connections serve again; those longest unused go first."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from sampan.transport.connection import HTTPClient

Key = TypeVar("Key")


class ClientPool(Generic[Key]):
    """At most `limit` clients, each of which keeps some idle connections."""

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._clients: OrderedDict[Key, HTTPClient] = OrderedDict()

    def find(self, key: Key) -> HTTPClient | None:
        """The client of a key."""
        if key not in self._clients:
            return None
        self._clients.move_to_end(key)
        return self._clients[key]

    async def get(self, key: Key, make: Callable[[], HTTPClient]) -> HTTPClient:
        """The client of a key, made where there is none."""
        client = self.find(key) or self._clients.setdefault(key, make())
        if len(self._clients) > self._limit:
            await self._clients.popitem(last=False)[1].close()
        return client

    async def close(self) -> None:
        """Close what is idle."""
        while self._clients:
            await self._clients.popitem()[1].close()
