"""The in-process transport: a client's calls straight into the request path, without sockets or serialisation.

Implements client.transport.Transport for the components that live in the server's process. Authorization applies as to
everybody. Objects that come out are the cache's own: shared, never to be changed.
"""

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from sampan.apiserver.aggregation.local import whole
from sampan.apiserver.app import App
from sampan.apiserver.authentication.user import User
from sampan.apiserver.call import Call, Change, Computed, Many, One, Payload, Result, Tree, Watching
from sampan.apiserver.extensions.views import working
from sampan.apiserver.render.trees import bookmark, computed_list, list_meta
from sampan.apiserver.render.versions import in_version
from sampan.client.transport import WatchEvent
from sampan.client.wire import events_of, failure, with_types
from sampan.machinery.errors import InternalError
from sampan.machinery.meta import Object
from sampan.reconcile.pace import shared_pace, slices
from sampan.storage.cached import Cached
from sampan.transport.messages import Request, Response, StreamResponse

_AT_ONCE = 100  # objects
_PROGRAMS = {"system:serviceaccount:kube-system:": "kube-controller-manager", "system:node:": "kubelet"}


class LocalTransport:
    """Calls `app` as `user`."""

    def __init__(self, app: App, user: User) -> None:
        self._app = app
        self._user = user
        self._agent = {"user-agent": _program(user.name)}  # by which field managers are told apart

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
        """One call; raises APIError."""
        payload = Payload(tree=body, content_type=content_type)
        call, result = await self._call(method, path, query, payload, {"accept": accept} if accept else {})
        if call is None:
            return with_types(await _decoded(result))
        return await _list(call, result) if isinstance(result, Many) else _tree(call, result)

    @asynccontextmanager
    async def _watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        call, result = await self._call("GET", path, {**query, "watch": "true"}, Payload())
        if call is None:
            async with _remote_watch(result, path) as events:
                yield events
            return
        if not isinstance(result, Watching):
            raise InternalError(f"{path} cannot be watched")
        async with aclosing(result.changes), aclosing(_events(call, result)) as changes:
            yield changes

    def watch(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Shared objects as they change."""
        return self._watch(path, query)

    @asynccontextmanager
    async def _stream(self, path: str, query: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        _, reply = await self._call("GET", path, query, Payload())
        if isinstance(reply, StreamResponse):
            chunks = reply.stream
        elif isinstance(reply, Response):
            _check(reply)
            chunks = _once(reply)
        else:
            raise InternalError(f"{path} cannot be streamed")
        try:
            yield chunks
        finally:
            await chunks.aclose()  # type: ignore[attr-defined]

    def stream(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of a log."""
        return self._stream(path, query)

    async def close(self) -> None:
        """Nothing is held."""

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        payload: Payload,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Call | None, Result]:
        await shared_pace().keep()
        raw_query = urlencode(query) if query else ""
        request = Request(method, path, raw_query, self._agent | dict(headers or {}), raw_path=quote(path))
        call, result = await self._app.dispatch(request, self._user, payload)
        if inspect.isawaitable(result):
            result = await result
        return call, result


def _program(user: str) -> str:
    """The program that upstream runs a component in, whose name its requests bear."""
    for prefix, program in _PROGRAMS.items():
        if user.startswith(prefix):
            return program
    return user.rpartition(":")[2]


async def _decoded(result: Result) -> Object:
    """The document of a path that is no resource, or the answer of another server."""
    assert isinstance(result, (Response, StreamResponse))
    reply = await whole(result)
    _check(reply)
    tree: Object = orjson.loads(reply.body)
    return tree


@asynccontextmanager
async def _remote_watch(result: Result, path: str) -> AsyncIterator[AsyncIterator[WatchEvent]]:
    """The events of a watch on another server."""
    if isinstance(result, Response) or (isinstance(result, StreamResponse) and result.status >= 400):
        _check(await whole(result))
    if not isinstance(result, StreamResponse):
        raise InternalError(f"{path} cannot be watched")
    try:
        async with aclosing(events_of(result.stream)) as events:
            yield events
    finally:
        await result.stream.aclose()  # type: ignore[attr-defined]


def _tree(call: Call, result: Result) -> Object:
    if isinstance(result, Response):
        _check(result)
        tree: Object = orjson.loads(b"".join([result.body, *result.chunks]))
        return tree
    if isinstance(result, One):
        return _object(call, result.entry)
    if isinstance(result, Tree):
        return in_version(call, result.tree) if result.stored else result.tree
    if isinstance(result, Computed):
        return computed_list(call, result)
    raise InternalError("this path answers with a stream")


async def _list(call: Call, result: Many) -> Object:
    """Objects that nobody has looked at yet are read now, some at a time."""
    items: list[Object] = []
    for part in slices(result.entries, _AT_ONCE):
        await shared_pace().keep()
        items += [_object(call, entry) for entry in part]
    return {
        "kind": call.served.kind.list_kind,
        "apiVersion": call.served.version.api_version,
        "metadata": list_meta(result),
        "items": items,
    }


def _object(call: Call, entry: Cached) -> Object:
    """The cache's object itself where the client speaks the storage version."""
    stored = working(call.served, entry)
    return stored if call.served.version is call.served.kind.storage else in_version(call, stored)


async def _events(call: Call, result: Watching) -> AsyncGenerator[WatchEvent, None]:
    async for batch in result.changes:
        for change in batch:
            yield WatchEvent(change.type, _changed(call, change))


def _changed(call: Call, change: Change) -> Object:
    return bookmark(call, change) if change.entry is None else _object(call, change.entry)


async def _once(reply: Response) -> AsyncIterator[bytes]:
    yield reply.body


def _check(reply: Response) -> None:
    if reply.status >= 400:
        raise failure(reply.status, reply.body)
