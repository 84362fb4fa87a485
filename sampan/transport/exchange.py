"""The task that answers one request where that takes longer: an awaited handler, a long body, a stream, an upgrade.

Made by protocol.py, which lends its connection for the time; the server waits for the task.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Protocol

from sampan.transport.messages import Connection, Reply, Request, Response, StreamResponse, Upgrade
from sampan.transport.parsing import Framing
from sampan.transport.writing import (
    BODILESS,
    GROUP,
    LAST_CHUNK,
    chunk,
    close,
    compress,
    compressed,
    groups,
    length_of,
    render_head,
    render_headers,
    status_line,
)

logger = logging.getLogger(__name__)


class LentConnection(Protocol):
    """What an exchange asks of the connection that it answers on."""

    transport: asyncio.Transport
    streaming: bool  # the exchange feeds a stream or an upgraded connection, which may end at any time
    abandonable: bool  # it may be cancelled when the client has gone
    closing: bool  # no further request will be answered
    lost: bool
    sent: int  # bytes of this answer

    @property
    def date(self) -> bytes:
        """The Date header."""

    def start_response(self, request: Request, framing: Framing, reply: Response) -> list[bytes | memoryview]:
        """What is to be written for a response."""

    def failed(self, request: Request, error: Exception) -> Response:
        """The answer where a handler raised."""

    def worth_compressing(self, request: Request, reply: Response | StreamResponse) -> bool:
        """Whether a response is to be sent compressed."""

    async def drained(self) -> None:
        """Wait while the client is slow."""

    def become_raw(self) -> Connection:
        """Hand the connection over, as bytes."""


class Exchange:
    """One request on one connection."""

    def __init__(self, connection: LentConnection, request: Request, framing: Framing) -> None:
        self._connection = connection
        self._request = request
        self._framing = framing

    async def run(self, reply: Reply | Awaitable[Reply]) -> None:
        """Answer. Whatever is raised here leaves the connection unusable."""
        if not isinstance(reply, (Response, StreamResponse, Upgrade)):
            reply = await self._awaited(reply)
        if isinstance(reply, StreamResponse):
            await self._stream(reply)
        elif isinstance(reply, Upgrade):
            await self._upgrade(reply)
        else:
            await self._respond(reply)

    async def _awaited(self, reply: Awaitable[Reply]) -> Reply:
        try:
            return await reply
        except Exception as error:  # noqa: BLE001 - the edge: logged and answered
            return self._connection.failed(self._request, error)

    async def _respond(self, reply: Response) -> None:
        connection = self._connection
        if connection.worth_compressing(self._request, reply):
            reply = await asyncio.get_running_loop().run_in_executor(None, compress, reply)
        if connection.lost:
            return
        pieces = connection.start_response(self._request, self._framing, reply)
        if length_of(reply) <= GROUP:
            connection.transport.write(b"".join(pieces))
            await connection.drained()
            return
        for piece in groups(pieces):
            connection.transport.write(piece)
            connection.sent += len(piece)
            await connection.drained()
            await asyncio.sleep(0)  # others have their turn, even if this client takes all that it gets
            if connection.lost:
                return

    async def _stream(self, reply: StreamResponse) -> None:
        connection = self._connection
        connection.streaming, connection.abandonable = not reply.is_finite, True
        if reply.is_finite and connection.worth_compressing(self._request, reply):
            reply = compressed(reply)
        bodiless = self._request.method == "HEAD" or reply.status in BODILESS
        last = self._is_last(delimited=bodiless or self._framing.chunkable or reply.length is not None)
        try:
            head = render_head(reply, connection.date) + self._delimiter(reply)
            if last:
                head += b"Connection: close\r\n"
            connection.transport.write(head + b"\r\n")
            if not bodiless and not connection.lost:
                await self._pump(reply)
        finally:
            await close(reply.stream)
        if last:
            connection.closing = True

    def _is_last(self, *, delimited: bool) -> bool:
        """Whether no further request can follow."""
        framing = self._framing
        return not delimited or not framing.keep_alive or framing.upgrade or self._request.incomplete

    def _delimiter(self, reply: StreamResponse) -> bytes:
        """The header that tells where the body ends."""
        if reply.status in BODILESS:
            return b""
        if reply.length is not None:
            return b"Content-Length: %d\r\n" % reply.length
        return b"Transfer-Encoding: chunked\r\n" if self._framing.chunkable else b""

    async def _pump(self, reply: StreamResponse) -> None:
        """Write the stream's items. It ends in order when the server stops, and by breaking off when it fails."""
        connection, chunked = self._connection, self._framing.chunkable and reply.length is None
        size = 0
        try:
            async for item in reply.stream:
                size += len(item)
                if reply.length is not None and size > reply.length:
                    raise ValueError(f"a body of {reply.length} bytes has more")
                if item:
                    connection.transport.write(chunk(item) if chunked else item)
                    connection.sent += len(item)
                del item  # a slow client's is with the transport already
                await connection.drained()
        except asyncio.CancelledError:
            if connection.lost or not connection.closing or reply.is_finite:
                raise
        except ConnectionError as error:  # of a backend, whose answer this is
            logger.info("stream broke off", extra={"error": str(error)})
            connection.transport.abort()
            return
        except Exception:
            logger.exception("stream failed")
            connection.transport.abort()
            return
        if chunked and not connection.lost:
            connection.transport.write(LAST_CHUNK)
        elif size < (reply.length or 0):
            connection.transport.abort()  # the client must not take it for the whole

    async def _upgrade(self, reply: Upgrade) -> None:
        if not self._framing.upgrade:
            raise RuntimeError("upgrade of a request that asked for none")
        connection = self._connection
        head = status_line(101) + connection.date + render_headers(reply.headers)
        connection.transport.write(head + b"\r\n")
        connection.streaming = connection.closing = True
        raw = connection.become_raw()
        try:
            await reply.handler(raw)
        except ConnectionError as error:
            logger.debug("upgraded connection broke", extra={"error": str(error)})
        finally:
            await raw.close()
