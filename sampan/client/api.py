"""The API client that every component uses.

Kinds are named by their `Kind` (from `kinds/`), always in the storage version. Not here: caching
(informer.py), retrying.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from sampan.client.transport import Transport, WatchEvent
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object, key_of

PATCH_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class ObjectList(NamedTuple):
    """A LIST: items carry apiVersion and kind, and are shared, never to be changed."""

    items: Sequence[Object]
    resource_version: str


class Client:
    """Typed by kind, not by class: objects are JSON trees."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object:
        """One object; raises NotFound."""
        return await self.transport.request("GET", kind.path(namespace, name))

    async def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> ObjectList:
        """A collection, of one namespace or of all."""
        query = _query(labelSelector=labels, fieldSelector=fields)
        answer = await self.transport.request("GET", kind.path(namespace), query=query)
        return ObjectList(answer["items"] or [], answer["metadata"]["resourceVersion"])

    def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str = "",
        labels: str = "",
        fields: str = "",
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Changes after `resource_version`; raises Expired where that is too old."""
        query = _query(watch="true", resourceVersion=resource_version, labelSelector=labels, fieldSelector=fields)
        query["allowWatchBookmarks"] = "true"
        return self.transport.watch(kind.path(namespace), query)

    async def create(self, kind: Kind, obj: Object, namespace: str = "", *, subresource: str = "") -> Object:
        """Create; the namespace defaults to the object's. Raises AlreadyExists, Invalid, Forbidden."""
        meta = obj.get("metadata", {})
        name = meta["name"] if subresource else ""
        path = kind.path(namespace or meta.get("namespace", ""), name, subresource)
        return await self.transport.request("POST", path, body=obj)

    async def update(self, kind: Kind, obj: Object, *, subresource: str = "") -> Object:
        """Replace; with the object's resourceVersion as precondition. Raises Conflict, NotFound, Invalid."""
        key = key_of(obj)
        return await self.transport.request("PUT", kind.path(key.namespace, key.name, subresource), body=obj)

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Any,
        namespace: str = "",
        *,
        type: str = "merge",
        subresource: str = "",
    ) -> Object:
        """Patch by one of PATCH_TYPES."""
        return await self.transport.request(
            "PATCH", kind.path(namespace, name, subresource), body=patch, content_type=PATCH_TYPES[type]
        )

    async def apply(self, kind: Kind, obj: Object, manager: str, *, subresource: str = "") -> Object:
        """Server-side apply, also of fields that others own."""
        meta = obj["metadata"]
        return await self.transport.request(
            "PATCH",
            kind.path(meta.get("namespace", ""), meta["name"], subresource),
            query={"fieldManager": manager, "force": "true"},
            body=obj,
            content_type=PATCH_TYPES["apply"],
        )

    async def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        *,
        grace_period: int | None = None,
        propagation: str = "",  # Background, Foreground or Orphan
        uid: str = "",
        resource_version: str = "",
    ) -> Object:
        """Delete, under preconditions where given; raises NotFound, Conflict."""
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        if propagation:
            options["propagationPolicy"] = propagation
        preconditions = _query(uid=uid, resourceVersion=resource_version)
        if preconditions:
            options["preconditions"] = preconditions
        return await self.transport.request("DELETE", kind.path(namespace, name), body=options)

    async def delete_collection(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Object:
        """Delete all that the selectors match."""
        query = _query(labelSelector=labels, fieldSelector=fields)
        return await self.transport.request("DELETE", kind.path(namespace), query=query)

    async def close(self) -> None:
        """Release the transport."""
        await self.transport.close()


def _query(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
