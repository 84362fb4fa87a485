"""One connection of the HTTP/1.1 server: requests are answered one at a time, in the order they came.

A handler that answers at once costs no task. One that is awaited, a stream, or an upgrade runs in a task that belongs
to the server (server.py waits for it). parsing.py turns bytes into requests, writing.py turns responses into bytes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from sampan.transport.keepalive import keep_alive
from sampan.transport.messages import Reply, Request, Response, StreamResponse, Upgrade
from sampan.transport.parsing import PERSISTENT, Framing, Incoming, Refusal, RequestParser
from sampan.transport.raw import RawConnection
from sampan.transport.writing import (
    BODILESS,
    CONTINUE,
    LAST_CHUNK,
    chunk,
    compress,
    compressible,
    length_of,
    render_head,
    render_headers,
    status_line,
)

if TYPE_CHECKING:
    from sampan.transport.server import HTTPServer

logger = logging.getLogger(__name__)

MAX_WAITING = 64  # pipelined requests that may wait before the connection is no longer read
SMALL = 64 * 1024  # bodies up to this are joined to their head: one write is worth a copy
MAX_EARLY = 64 * 1024  # bytes that may come between an upgrade request and its answer
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # whose handlers are cancelled when the client goes
LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1", ""})


class HTTPProtocol(asyncio.Protocol):
    """Made for each connection by HTTPServer, which also calls `sweep`, `end` and `abort`."""

    def __init__(self, server: "HTTPServer") -> None:
        self._server = server
        self._transport: asyncio.Transport
        self._parser: RequestParser
        self._remote = ""
        self._task: asyncio.Task[None] | None = None  # answers the present request, unless that was done at once
        self._streaming = False  # the task feeds a stream or an upgraded connection, which may end at any time
        self._abandonable = False  # the task may be cancelled when the client has gone
        self._writable: asyncio.Future[None] | None = None  # set while the transport asks us to pause
        self._reading_paused = False
        self._discarding = False  # the end of a refused request is read and dropped
        self._closing = False  # no further request will be answered
        self._lost = False
        self._since = server.now  # when the present request began, or the present waiting

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if isinstance(peer, tuple) else ""
        tls = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        self._parser = RequestParser(self._server.limits, self._remote, certificate)
        keep_alive(transport)
        if not self._server.admit(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser.finished:
            if parser.upgrading:
                self._keep_early(data)
            return
        if not parser.begun:
            self._since = self._server.now
        parser.feed(data)
        if parser.ready or parser.expects_continue:
            self._advance()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = self._closing = True
        self._server.forget(self)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._task is not None and self._abandonable:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()
        self._since = self._server.now

    def resume_writing(self) -> None:
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        if self._task is None:
            self._advance()

    # What the server calls.

    def sweep(self, now: float) -> None:
        """Close the connection if its present state has lasted too long."""
        limits, waited = self._server.limits, now - self._since
        if self._discarding or self._transport.is_closing() or (self._writable and not self._streaming):
            if waited > (limits.linger if self._discarding else limits.write_timeout):
                self._transport.abort()
        elif self._task is not None:
            return
        elif self._parser.begun:
            if waited > limits.head_timeout + (limits.body_timeout if self._parser.in_body else 0):
                self._refuse(Refusal(408, "the request did not arrive in time"))
        elif waited > limits.idle_timeout:
            self._transport.close()

    def end(self) -> None:
        """Take no further request; end a stream or an upgraded connection now, and close once all is answered."""
        self._closing = True
        if self._task is None:
            self._transport.close()
        elif self._streaming:
            self._task.cancel()

    def abort(self) -> None:
        """Close at once, dropping what has not been sent."""
        self._transport.abort()

    # Requests, in order.

    def _advance(self) -> None:
        """Answer what can be answered now."""
        parser = self._parser
        ready = parser.ready
        while ready and not self._occupied():
            self._answer(ready.popleft())
        if parser.expects_continue and not self._occupied():
            parser.expects_continue = False
            self._transport.write(CONTINUE)
        if len(ready) > MAX_WAITING and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        elif self._reading_paused and not ready and not parser.upgrading:
            self._reading_paused = False
            self._transport.resume_reading()

    def _occupied(self) -> bool:
        return self._task is not None or self._writable is not None or self._closing

    def _answer(self, incoming: Incoming | Refusal) -> None:
        if isinstance(incoming, Refusal):
            self._refuse(incoming)
            return
        request, framing = incoming
        reply: Reply | Awaitable[Reply]
        try:
            reply = self._server.handler(request)
        except Exception as error:  # noqa: BLE001 - the edge: logged and answered
            reply = self._failed(request, error)
        if isinstance(reply, Response) and not self._worth_compressing(request, reply):
            self._write_response(request, framing, reply)
        else:
            self._abandonable = request.method in SAFE_METHODS
            self._task = self._server.spawn(self._complete(request, framing, reply))

    async def _complete(self, request: Request, framing: Framing, reply: Reply | Awaitable[Reply]) -> None:
        """The task of one request that can't be answered at once."""
        try:
            await self._deliver(request, framing, await self._awaited(request, reply))
        except BaseException:  # cancelled, or broken half-way: the client must not wait for an answer
            self._transport.abort()
            raise
        finally:
            self._task = None
            self._streaming = self._abandonable = False
            self._since = self._server.now
            if not self._lost:
                self._advance()

    async def _awaited(self, request: Request, reply: Reply | Awaitable[Reply]) -> Reply:
        if isinstance(reply, (Response, StreamResponse, Upgrade)):
            return reply
        try:
            return await reply
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(request, error)

    async def _deliver(self, request: Request, framing: Framing, reply: Reply) -> None:
        if isinstance(reply, StreamResponse):
            await self._write_stream(request, framing, reply)
        elif isinstance(reply, Upgrade):
            await self._upgrade(framing, reply)
        else:
            if self._worth_compressing(request, reply):
                reply = await asyncio.get_running_loop().run_in_executor(None, compress, reply)
            if not self._lost:
                self._write_response(request, framing, reply)

    def _failed(self, request: Request, error: Exception) -> Response:
        """The answer where a handler raised: its mistake, to be mended; the client is told no details."""
        logger.error("handler failed", exc_info=error, extra={"method": request.method, "path": request.path})
        return self._server.error_response(500, "internal server error")

    # Replies.

    def _write_response(self, request: Request, framing: Framing, reply: Response) -> None:
        keep_alive = framing.keep_alive and not framing.upgrade and not self._closing
        write = self._transport.write
        try:
            head = render_head(reply, self._server.date)
        except ValueError as error:
            reply = self._failed(request, error)
            head = render_head(reply, self._server.date)
        if framing is not PERSISTENT or not keep_alive:
            head += b"Connection: keep-alive\r\n" if keep_alive else b"Connection: close\r\n"
        if reply.status in BODILESS:
            write(head + b"\r\n")
        elif request.method == "HEAD":
            write(b"%bContent-Length: %d\r\n\r\n" % (head, length_of(reply)))
        elif reply.chunks or len(reply.body) > SMALL:
            head = b"%bContent-Length: %d\r\n\r\n" % (head, length_of(reply))
            self._transport.writelines([head, reply.body, *reply.chunks])
        else:
            write(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(reply.body), reply.body))
        if not keep_alive:
            self._closing = True
            self._transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and close; the rest of the request is read for a moment, as closing at once would reset the connection
        and could take the answer with it."""
        reply = self._server.error_response(refusal.status, refusal.message)
        reply = replace(reply, headers=(*reply.headers, ("Connection", "close")))
        self._write_response(_NO_REQUEST, PERSISTENT, reply)
        self._closing = self._discarding = True
        self._since = self._server.now
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _worth_compressing(self, request: Request, reply: Response) -> bool:
        limits = self._server.limits
        if not reply.chunks and len(reply.body) <= limits.gzip_bytes:
            return False
        if self._remote in LOOPBACK and not limits.gzip_loopback:
            return False
        return compressible(request, reply, limits.gzip_bytes)

    async def _write_stream(self, request: Request, framing: Framing, reply: StreamResponse) -> None:
        self._streaming = self._abandonable = True
        keep_alive = framing.keep_alive and framing.chunkable and not framing.upgrade
        try:
            head = render_head(reply, self._server.date)
            if framing.chunkable:
                head += b"Transfer-Encoding: chunked\r\n"
            if not keep_alive:
                head += b"Connection: close\r\n"
            self._transport.write(head + b"\r\n")
            if request.method != "HEAD" and not self._lost:
                await self._pump(reply.stream, framing.chunkable)
        finally:
            await _close_stream(reply.stream)
        if not keep_alive or self._closing:
            self._closing = True
            self._transport.close()

    async def _pump(self, stream: AsyncIterator[bytes], chunked: bool) -> None:
        """Write the stream's items. It ends in order when the server stops, and by breaking off when it fails."""
        try:
            async for item in stream:
                if item:
                    self._transport.write(chunk(item) if chunked else item)
                if self._writable is not None:
                    await asyncio.shield(self._writable)
        except asyncio.CancelledError:
            if self._lost or not self._closing:
                raise
        except Exception:
            logger.exception("stream failed")
            self._transport.abort()
            return
        if chunked and not self._lost:
            self._transport.write(LAST_CHUNK)

    async def _upgrade(self, framing: Framing, reply: Upgrade) -> None:
        if not framing.upgrade:
            raise RuntimeError("upgrade of a request that asked for none")
        raw = RawConnection(self._upgraded_lost)
        self._streaming = True
        self._transport.write(status_line(101) + self._server.date + render_headers(reply.headers) + b"\r\n")
        raw.take_over(self._transport, self._parser.rest)
        if self._reading_paused:
            self._transport.resume_reading()
        if self._lost:
            raw.connection_lost(None)
        try:
            await reply.handler(raw)
        except ConnectionError as error:
            logger.debug("upgraded connection broke", extra={"error": str(error)})
        finally:
            self._closing = True
            await raw.close()

    def _upgraded_lost(self) -> None:
        self._lost = self._closing = True
        self._server.forget(self)

    def _keep_early(self, data: bytes) -> None:
        """Bytes of the upgraded protocol that come before the upgrade has been agreed to."""
        self._parser.rest += data
        if len(self._parser.rest) > MAX_EARLY and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()


async def _close_stream(stream: AsyncIterator[bytes]) -> None:
    """End an iterator early; generators have `aclose`, other iterators may."""
    aclose = getattr(stream, "aclose", None)
    if aclose is not None:
        await aclose()


_NO_REQUEST = Request("", "", "", {})
