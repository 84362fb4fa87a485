"""The HTTP/1.1 client: one target, a pool of kept-alive connections, streams and upgrades.

Redirects are never followed: what a server answers is the answer. Proxies from the environment are not used.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from sampan.transport.dialing import dial
from sampan.transport.messages import Connection
from sampan.transport.outgoing import OutgoingBody, Sender
from sampan.transport.raw import RawConnection
from sampan.transport.reading import ProtocolError, ResponseReader
from sampan.transport.writing import render_headers

Headers = Mapping[str, str] | Sequence[tuple[str, str]]

MAX_IDLE = 16  # kept-alive connections that wait for a further request
MAX_REFUSAL = 1 << 20  # of an answer to a refused upgrade that is kept
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Answer(NamedTuple):
    """A complete response; header names are lower case."""

    status: int
    headers: Mapping[str, str]  # repeated ones joined by ", "
    body: bytes
    lines: Sequence[tuple[str, str]] = ()  # each header as it came


@dataclass(slots=True)
class Streaming:
    """A response whose body is still coming."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]
    lines: Sequence[tuple[str, str]] = ()

    async def read(self) -> bytes:
        """The rest of the body, whole."""
        return b"".join([piece async for piece in self.body])


class UpgradeRefused(Exception):
    """The server answered an upgrade with something other than 101."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"upgrade refused: {answer.status}")
        self.answer = answer


class HTTPClient:
    """`base_url`: "https://host:port" or "http://host:port", each with an optional path prefix.

    Calls raise ConnectionError or another OSError, ssl.SSLError, TimeoutError. Any number may be under way at once.
    """

    def __init__(
        self,
        base_url: str,
        ssl_context: ssl.SSLContext | None = None,
        headers: Headers = (),
        *,
        server_name: str = "",  # for TLS, where it differs from the host
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"unsupported scheme in {base_url!r}")
        if parts.scheme == "https" and ssl_context is None:
            raise ValueError("https needs a TLS context")
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._prefix = parts.path.rstrip("/")
        self._ssl = ssl_context if parts.scheme == "https" else None
        self._server_name = server_name
        given = _pairs(headers)  # whoever dials an address for a name says the name
        named = any(name.lower() == "host" for name, _ in given)
        self._headers = given if named else [("Host", parts.netloc.rpartition("@")[2]), *given]
        self._idle: list[RawConnection] = []
        self._closed = False

    async def request(
        self, method: str, path: str, headers: Headers = (), body: bytes = b"", *, timeout: float | None = None
    ) -> Answer:
        """One request and its whole answer. `path` includes the query, percent-encoded."""
        async with asyncio.timeout(timeout), self.stream(method, path, headers, body) as answer:
            return Answer(answer.status, answer.headers, await answer.read(), answer.lines)

    def stream(
        self, method: str, path: str, headers: Headers = (), body: bytes | OutgoingBody = b""
    ) -> AbstractAsyncContextManager[Streaming]:
        """One request; the answer's body is read as it arrives, and dropped where the context ends before it."""
        if isinstance(body, bytes):
            return self._stream(method, path, headers, body)
        return self._send(method, path, headers, body)

    @asynccontextmanager
    async def _stream(self, method: str, path: str, headers: Headers, body: bytes) -> AsyncIterator[Streaming]:
        connection, reader = await self._exchange(method, self._render(method, path, headers, len(body)) + body)
        try:
            yield Streaming(reader.status, reader.headers, reader.pieces(), reader.lines)
        finally:
            await self._release(connection, reader)

    @asynccontextmanager
    async def _send(self, method: str, path: str, headers: Headers, body: OutgoingBody) -> AsyncIterator[Streaming]:
        """With a body that is sent as it comes; a part of it can't be sent again, so the connection is a fresh one."""
        head = self._render(method, path, headers, body.length)
        connection = await self._dial()
        reader = ResponseReader(connection, method)
        sender = None
        try:
            await connection.write(head)
            sender = Sender(connection, body)
            await reader.head()
            yield Streaming(reader.status, reader.headers, reader.pieces(), reader.lines)
        except BaseException:
            connection.abort()
            raise
        finally:
            if sender is not None:
                await sender.stop()
            if sender is None or not sender.complete:
                connection.abort()
            await self._release(connection, reader)

    async def upgrade(
        self, path: str, headers: Headers, protocol: str, *, method: str = "GET"
    ) -> tuple[Mapping[str, str], Connection]:
        """A connection switched to `protocol` ("websocket", "SPDY/3.1") and the answer's headers. Raises
        UpgradeRefused."""
        asking = [*_pairs(headers), ("Connection", "Upgrade"), ("Upgrade", protocol)]
        connection = await self._dial()
        reader = ResponseReader(connection, method)
        try:
            await _ask(connection, reader, self._render(method, path, asking, 0))
            if reader.status != 101:
                raise UpgradeRefused(await _refusal(reader))
            if reader.headers.get("upgrade", "").lower() != protocol.lower():
                raise ProtocolError(f"the server switched to {reader.headers.get('upgrade')!r} instead of {protocol!r}")
        except BaseException:
            connection.abort()
            raise
        connection.unread(reader.rest)
        return reader.headers, connection

    async def close(self) -> None:
        """Close the idle connections; those in use are closed when they are done."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _exchange(self, method: str, request: bytes) -> tuple[RawConnection, ResponseReader]:
        """Send a request and read the answer's head. A kept-alive connection may have been closed by the server in this
        very moment: then a request that changes nothing is sent once more, on a fresh connection."""
        connection = self._take()
        if connection is not None:
            reader = ResponseReader(connection, method)
            try:
                await _ask(connection, reader, request)
                return connection, reader
            except ConnectionError:
                if reader.started or method not in SAFE_METHODS:
                    raise
        connection = await self._dial()
        reader = ResponseReader(connection, method)
        await _ask(connection, reader, request)
        return connection, reader

    async def _dial(self) -> RawConnection:
        return await dial(self._host, self._port, self._ssl, server_name=self._server_name)

    def _take(self) -> RawConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def _release(self, connection: RawConnection, reader: ResponseReader) -> None:
        if reader.reusable and len(self._idle) < MAX_IDLE and not self._closed:
            self._idle.append(connection)
        else:
            connection.abort()

    def _render(self, method: str, path: str, headers: Headers, length: int | None) -> bytes:
        """A request's head; raises ValueError for what would not be one line each."""
        target = self._prefix + path
        if not target.isascii() or not target.isprintable() or " " in target:
            raise ValueError(f"the path is not percent-encoded: {path!r}")
        own = _pairs(headers)
        given = {name.lower() for name, _ in own}  # replace the client's
        lines = [*(pair for pair in self._headers if pair[0].lower() not in given), *own]
        if length is None:
            lines.append(("Transfer-Encoding", "chunked"))
        elif length or method not in SAFE_METHODS:
            lines.append(("Content-Length", str(length)))
        return f"{method} {target} HTTP/1.1\r\n".encode("ascii") + render_headers(lines) + b"\r\n"


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


async def _ask(connection: RawConnection, reader: ResponseReader, request: bytes) -> None:
    try:
        with contextlib.suppress(ConnectionError):  # the server may have answered before it broke off
            await connection.write(request)
        await reader.head()
    except BaseException:
        connection.abort()
        raise


async def _refusal(reader: ResponseReader) -> Answer:
    body = bytearray()
    async for piece in reader.pieces():
        body += piece
        if len(body) > MAX_REFUSAL:
            break
    return Answer(reader.status, reader.headers, bytes(body[:MAX_REFUSAL]), reader.lines)
