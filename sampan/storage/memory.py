"""A Store in memory: for tests and throw-away control planes. Promises all that protocol.py does, except durability."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence

from sampan.storage.index import Index, page
from sampan.storage.listeners import Listeners, Subscription
from sampan.storage.protocol import Compacted, Event, EventType, FutureRevision, Listener, Page, Record


class MemoryStore:
    """See protocol.Store."""

    def __init__(self) -> None:
        self._index = Index()
        self.trouble = ""
        self._log: list[Event] = []  # every event above `compacted`
        self._compacted = 0
        self._listeners = Listeners()
        self._waiting: list[tuple[Subscription, Sequence[Event]]] = []

    async def get(self, key: str) -> Record | None:
        return self._index.records.get(key)

    async def list(self, prefix: str, *, start_after: str = "", limit: int = 0, revision: int = 0) -> Page:
        since = reversed(self._since(revision)) if revision else ()
        return page(self._index, prefix, start_after, limit, revision, since)

    async def create(self, key: str, value: bytes) -> int:
        self._listeners.check()
        return self._commit(self._index.create(key, value))

    async def update(self, key: str, value: bytes, expected: int) -> int:
        self._listeners.check()
        return self._commit(self._index.update(key, value, expected))

    async def delete(self, key: str, expected: int, value: bytes | None = None) -> int:
        self._listeners.check()
        return self._commit(self._index.delete(key, value, expected))

    def subscribe(self, listener: Listener, after: int) -> Callable[[], None]:
        history = self._since(after)
        subscription = self._listeners.add(listener, after)
        self._waiting.append((subscription, history))
        asyncio.get_running_loop().call_soon(self._begin)
        return lambda: self._listeners.remove(subscription)

    async def wait_failed(self) -> None:
        await self._listeners.wait_failed()

    async def compact(self, revision: int) -> int:
        if revision > self._index.revision:
            raise FutureRevision(f"revision {revision} has not happened yet; the newest is {self._index.revision}")
        gone = [event for event in self._log if event.revision <= revision]
        del self._log[: len(gone)]
        self._compacted = max(self._compacted, revision)
        superseded = sum(event.previous is not None for event in gone)
        return superseded + sum(event.type is EventType.DELETE for event in gone)

    def is_stale(self, key: str) -> bool:
        return False

    @property
    def revision(self) -> int:
        return self._index.revision

    @property
    def compacted(self) -> int:
        return self._compacted

    async def close(self) -> None:
        self._listeners.clear()

    def _begin(self) -> None:
        """Deliver history to those who wait for it."""
        waiting, self._waiting = self._waiting, []
        for subscription, history in waiting:
            self._listeners.begin(subscription, history)

    def _commit(self, event: Event) -> int:
        self._begin()  # the writer may not learn of its write before they do
        self._log.append(event)
        self._listeners.publish((event,))
        return event.revision

    def _since(self, revision: int) -> Sequence[Event]:
        """Every event above `revision`; raises Compacted."""
        if revision < self._compacted:
            raise Compacted(revision, self._compacted)
        return self._log[bisect_right(self._log, revision, key=lambda event: event.revision) :]
