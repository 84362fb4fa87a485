"""A transport over a few objects in memory: LIST and WATCH, for components that only follow the API.

No validation, no defaults, no selectors: `put` and `remove` say what is there. For tests of proxy and dns, and for
their benchmarks; whatever writes to the API is tested against the real server.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sampan.client.api import Client
from sampan.client.transport import WatchEvent
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, key_of


class FakeApi:
    """Implements client.transport.Transport as far as informers need it."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Key, Object]] = defaultdict(dict)
        self._watchers: dict[str, list[asyncio.Queue[WatchEvent]]] = defaultdict(list)
        self._revision = 1

    @property
    def client(self) -> Client:
        return Client(self)

    def put(self, kind: Kind, obj: Object) -> None:
        """Create or replace an object."""
        stored = self._stamp(obj)
        collection = self._objects[kind.path()]
        type = "MODIFIED" if key_of(obj) in collection else "ADDED"
        collection[key_of(obj)] = stored
        self._tell(kind, WatchEvent(type, stored))

    def remove(self, kind: Kind, obj: Object) -> None:
        """Delete an object."""
        del self._objects[kind.path()][key_of(obj)]
        self._tell(kind, WatchEvent("DELETED", self._stamp(obj)))

    def _stamp(self, obj: Object) -> Object:
        self._revision += 1
        return obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self._revision)}}

    def _tell(self, kind: Kind, event: WatchEvent) -> None:
        for watcher in self._watchers[kind.path()]:
            watcher.put_nowait(event)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "",
    ) -> Object:
        assert method == "GET", "only reading is faked"
        return {"metadata": {"resourceVersion": str(self._revision)}, "items": list(self._objects[path].values())}

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        events: asyncio.Queue[WatchEvent] = asyncio.Queue()
        since = int(query["resourceVersion"])
        for obj in self._objects[path].values():  # what came between list and watch
            if int(obj["metadata"]["resourceVersion"]) > since:
                events.put_nowait(WatchEvent("ADDED", obj))
        self._watchers[path].append(events)
        try:
            yield _drain(events)
        finally:
            self._watchers[path].remove(events)

    def stream(self, path: str, query: Mapping[str, str]) -> Any:
        raise NotImplementedError("streams are not faked")

    async def close(self) -> None:
        """Nothing to release."""


async def _drain(events: "asyncio.Queue[WatchEvent]") -> AsyncIterator[WatchEvent]:
    while True:
        yield await events.get()
