"""The client's transport over HTTPS: for components in processes of their own, for tests, and for other clusters."""

import base64
import platform
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from sampan.client.kubeconfig import Access
from sampan.client.transport import WatchEvent
from sampan.client.wire import events_of, failure, with_types
from sampan.machinery.meta import Object
from sampan.transport.connection import HTTPClient, Streaming
from sampan.transport.tls import client_context


def user_agent(component: str = "sampan") -> str:
    """`component/version (os/architecture)`, as client-go writes it."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{component}/{version('sampan')} ({platform.system().lower()}/{machine})"


def connection(base: str, access: Access, component: str, headers: Mapping[str, str]) -> HTTPClient:
    """Connections to `base`, scheme://host:port, as an access has it: whom to trust and who asks. Reads the machine's
    certificates where the access names none. Raises ssl.SSLError, ValueError."""
    context = None
    if base.startswith("https:"):
        context = client_context(access.ca, access.certificate, access.key, verify=access.verify)
    ours = {"User-Agent": user_agent(component), **headers, **authorization(access)}
    return HTTPClient(base, context, ours, server_name=access.tls_server_name)


class HTTPSTransport:
    """Implements client.transport.Transport. Failures of the API are raised as APIError, those of the connection as
    OSError (ConnectionError, TimeoutError, ssl.SSLError)."""

    def __init__(self, access: Access, *, component: str = "sampan", timeout: float = 60.0) -> None:
        self._http = connection(access.server, access, component, {"Accept": "application/json"})
        self._timeout = timeout  # of one call; watches and streams have none

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
        """One call and its decoded answer; list items get the kind and apiVersion that the wire leaves out."""
        headers = {"Content-Type": content_type} if body is not None else {}
        if accept:
            headers["Accept"] = accept
        data = orjson.dumps(body) if body is not None else b""
        answer = await self._http.request(method, _target(path, query), headers, data, timeout=self._timeout)
        if answer.status >= 400:
            raise failure(answer.status, answer.body)
        tree: Object = orjson.loads(answer.body) if answer.body else {}
        return with_types(tree)

    def watch(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """The events of a collection. The iterator ends when the server closes the watch, raises OSError when the
        connection breaks, and APIError (Expired for 410) for an ERROR event."""
        return self._watch(_target(path, {**query, "watch": "true"}))

    @asynccontextmanager
    async def _watch(self, target: str) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        async with self._http.stream("GET", target) as answer:
            await _check(answer)
            yield events_of(answer.body)

    def stream(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A GET whose body is passed on as it arrives."""
        return self._stream(_target(path, query))

    @asynccontextmanager
    async def _stream(self, target: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._http.stream("GET", target, {"Accept": "*/*"}) as answer:
            await _check(answer)
            yield answer.body

    async def close(self) -> None:
        """Close the connections that are not in use."""
        await self._http.close()


async def _check(answer: Streaming) -> None:
    if answer.status >= 400:
        raise failure(answer.status, await answer.read())


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{quote(path)}?{urlencode(query)}" if query else quote(path)


def authorization(access: Access) -> dict[str, str]:
    """The header by which an access shows who it is; certificates go without."""
    if access.token:
        return {"Authorization": f"Bearer {access.token}"}
    if access.username:
        pair = base64.b64encode(f"{access.username}:{access.password}".encode()).decode("ascii")
        return {"Authorization": f"Basic {pair}"}
    return {}
