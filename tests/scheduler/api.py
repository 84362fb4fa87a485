"""As much of an API as the scheduler uses: lists, watches, bindings, status patches, deletions, events; in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sampan.client.transport import WatchEvent
from sampan.machinery.errors import APIError, NotFound
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy, with_changes

PODS, NODES = "/api/v1/pods", "/api/v1/nodes"


class FakeAPI:
    """A client.transport.Transport. `refusals` are raised by the next bindings."""

    def __init__(self, *objects: Object) -> None:
        self.objects: dict[str, dict[str, Object]] = {}
        self.events: list[tuple[str, str, str]] = []  # (pod, reason, message)
        self.sources: dict[str, str] = {}  # of the last event about each pod
        self.refusals: list[APIError] = []
        self.bound: dict[str, str] = {}
        self.deleted: list[str] = []
        self._revision = 0
        self._watchers: dict[str, list[asyncio.Queue[WatchEvent]]] = {}
        for obj in objects:
            self.put(obj)

    # For tests

    def put(self, obj: Object) -> None:
        """Create or replace an object; watchers hear of it."""
        self._revision += 1
        new = with_changes(obj, {("metadata", "resourceVersion"): str(self._revision)})
        collection = self.objects.setdefault(NODES if obj["kind"] == "Node" else PODS, {})
        self._tell(new, "MODIFIED" if new["metadata"]["name"] in collection else "ADDED")
        collection[new["metadata"]["name"]] = new

    def remove(self, obj: Object) -> None:
        """Delete an object; watchers hear of it."""
        self._revision += 1
        self.objects[NODES if obj["kind"] == "Node" else PODS].pop(obj["metadata"]["name"])
        self._tell(with_changes(obj, {("metadata", "resourceVersion"): str(self._revision)}), "DELETED")

    def pod(self, name: str) -> Object:
        return self.objects[PODS][name]

    def condition(self, name: str) -> Object | None:
        """The PodScheduled condition."""
        conditions = self.pod(name)["status"].get("conditions", [])
        return next((c for c in conditions if c["type"] == "PodScheduled"), None)

    # Transport

    async def request(
        self, method: str, path: str, *, query: Any = None, body: Any = None, content_type: str = ""
    ) -> Object:
        await asyncio.sleep(0)
        name = path.split("/")[6] if path.startswith("/api/v1/namespaces/") and path.count("/") > 5 else ""
        match method, path.rsplit("/", 1)[-1]:
            case "GET", _:
                items = list(self.objects.get(path, {}).values())
                return {"metadata": {"resourceVersion": str(self._revision)}, "items": items}
            case "POST", "binding":
                self._bind(name, body["target"]["name"])
            case "POST", "events":
                about = body["involvedObject"]["name"]
                self.events.append((about, body["reason"], body["message"]))
                self.sources[about] = body["source"]["component"]
            case "PATCH", "status":
                self._patch(name, body["status"])
            case "DELETE", _:
                self.deleted.append(name)
                self.remove(self.pod(name))
        return {}

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        events: asyncio.Queue[WatchEvent] = asyncio.Queue()
        self._watchers.setdefault(path, []).append(events)

        async def read() -> AsyncIterator[WatchEvent]:
            while True:
                yield await events.get()

        yield read()

    def stream(self, path: str, query: Mapping[str, str]) -> Any:
        raise AssertionError("the scheduler streams nothing")

    async def close(self) -> None:
        self._watchers.clear()

    def _tell(self, obj: Object, type: str) -> None:
        for watcher in self._watchers.get(NODES if obj["kind"] == "Node" else PODS, ()):
            watcher.put_nowait(WatchEvent(type, obj))

    def _bind(self, name: str, node: str) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        if name not in self.objects[PODS]:
            raise NotFound.of("pods", "", name)
        self.bound[name] = node
        self.put(with_changes(self.pod(name), {("spec", "nodeName"): node}))

    def _patch(self, name: str, status: Object) -> None:
        if name not in self.objects[PODS]:
            raise NotFound.of("pods", "", name)
        pod = deep_copy(self.pod(name))
        for field, value in status.items():
            if field == "conditions":
                old = pod["status"].get(field, [])
                value = [c for c in old if c["type"] not in {new["type"] for new in value}] + value
            pod["status"][field] = value
        self.put(pod)
