"""One connection of the HTTP/1.1 server: requests are answered one at a time, in the order they came.

A handler that answers at once, and shortly, costs no task. What takes longer runs in a task that belongs to the server
(exchange.py). parsing.py turns bytes into requests, writing.py turns responses into bytes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, cast

from sampan.transport.exchange import Exchange
from sampan.transport.incoming import IncomingBody
from sampan.transport.keepalive import keep_alive
from sampan.transport.limits import Limits
from sampan.transport.messages import Handler, Reply, Request, Response, StreamResponse
from sampan.transport.parsing import PERSISTENT, Framing, Incoming, Refusal, RequestParser, Streamed
from sampan.transport.peer import peer_chain
from sampan.transport.raw import RawConnection
from sampan.transport.unsent import bound_unsent
from sampan.transport.writing import BODILESS, CONTINUE, compressible, length_of, render_head

logger = logging.getLogger(__name__)

MAX_WAITING = 64  # pipelined requests that may wait before the connection is no longer read
SMALL = 64 * 1024  # bodies up to this are joined to their head: one write is worth a copy
MAX_EARLY = 64 * 1024  # bytes that may come between an upgrade request and its answer
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # whose handlers are cancelled when the client goes
LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1", ""})

ErrorResponse = Callable[[int, str], Response]


class Server(Protocol):
    """What a connection asks of the server that has accepted it."""

    handler: Handler
    limits: Limits
    streamed: Streamed
    heads_first: bool
    error_response: ErrorResponse
    now: float  # seconds on the loop's clock
    date: bytes  # the Date header

    def admit(self, connection: "HTTPProtocol") -> bool:
        """Whether the new connection may stay."""

    def forget(self, connection: "HTTPProtocol") -> None:
        """The connection is lost."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run the answer to one request."""


class HTTPProtocol(asyncio.Protocol):
    """Made for each connection by HTTPServer, which also calls `sweep`, `end` and `abort`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.transport: asyncio.Transport
        self._parser: RequestParser
        self._remote = ""
        self._task: asyncio.Task[None] | None = None  # answers the present request, unless that was done at once
        self.streaming = False  # the task feeds a stream or an upgraded connection, which may end at any time
        self.abandonable = False  # the task may be cancelled when the client has gone
        self._writable: asyncio.Future[None] | None = None  # set while the transport asks us to pause
        self._slow_since: float | None = None  # when it first asked so, of the present answer
        self.sent = 0  # bytes of a long answer
        self._reading_paused = False
        self._discarding = False  # the end of a refused request is read and dropped
        self.closing = False  # no further request will be answered
        self.lost = False
        self._since = server.now  # when the present request began, or the present waiting

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if isinstance(peer, tuple) else ""
        server = self.server
        self._parser = RequestParser(
            server.limits, self._remote, peer_chain(transport), server.streamed, server.heads_first
        )
        keep_alive(transport)
        bound_unsent(self.transport, server.limits.unsent_bytes)
        if not self.server.admit(self):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser.finished or self._discarding:
            if parser.upgrading:
                self._keep_early(data)
            return
        if not parser.begun:
            self._since = self.server.now
        parser.feed(data)
        if parser.ready or parser.expects_continue:
            self._advance()
        if parser.stream is not None and parser.stream.full:
            self._pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = self.closing = True
        if self._parser.stream is not None:
            self._parser.stream.fail()
        self._parser.close()
        self.server.forget(self)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._task is not None and self.abandonable:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()
        self._since = self.server.now
        if self._slow_since is None:
            self._slow_since = self._since

    def resume_writing(self) -> None:
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        if self._task is None:
            self._slow_since = None
            self._advance()

    # What the server calls.

    def sweep(self, now: float) -> None:
        """Close the connection if its present state has lasted too long."""
        limits, waited = self.server.limits, now - self._since
        if self._discarding or self.transport.is_closing() or (self._writable and not self.streaming):
            if waited > (limits.linger if self._discarding else limits.write_timeout) or self._is_behind(now):
                self.transport.abort()
        elif self._task is not None:
            return
        elif self._parser.begun:
            if waited > limits.head_timeout + (limits.body_timeout if self._parser.in_body else 0):
                self._refuse(Refusal(408, "the request did not arrive in time"))
        elif waited > limits.idle_timeout:
            self.transport.close()

    def _is_behind(self, now: float) -> bool:
        """Whether the client takes a long answer too slowly: it holds what the answer is made of, and perhaps a turn
        that others wait for."""
        limits, since = self.server.limits, self._slow_since
        return since is not None and now - since > limits.write_timeout + self.sent / limits.write_rate

    def end(self) -> None:
        """Take no further request; end a stream or an upgraded connection now, and close once all is answered."""
        self.closing = True
        if self._task is None:
            self.transport.close()
        elif self.streaming:
            self._task.cancel()

    def abort(self) -> None:
        """Close at once, dropping what has not been sent."""
        try:
            self.transport.abort()
        except AttributeError:
            # asyncio's TLS transport in Python 3.11.2, Debian 12's: once it is closing it can't be aborted any more
            if not self.transport.is_closing():
                raise

    # Requests, in order.

    def _advance(self) -> None:
        """Answer what can be answered now."""
        parser = self._parser
        ready = parser.ready
        while ready and not self._occupied():
            self._answer(ready.popleft())
        if parser.expects_continue and not self._occupied():
            parser.expects_continue = False
            self.transport.write(CONTINUE)
        if len(ready) > MAX_WAITING:
            self._pause_reading()
        elif not ready and not parser.upgrading:
            self._resume_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused:
            self._reading_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()

    def _wanted(self, stream: IncomingBody) -> None:
        """The handler waits for more of a body."""
        if stream.expects_continue and not self.lost:
            stream.expects_continue = False
            self.transport.write(CONTINUE)
        if stream is self._parser.stream:
            self._resume_reading()

    def _occupied(self) -> bool:
        return self._task is not None or self._writable is not None or self.closing

    def _answer(self, incoming: Incoming | Refusal) -> None:
        if isinstance(incoming, Refusal):
            self._refuse(incoming)
            return
        request, framing = incoming
        if request.stream is not None:
            request.stream.on_read = self._wanted
        reply: Reply | Awaitable[Reply]
        try:
            reply = self.server.handler(request)
        except Exception as error:  # noqa: BLE001 - the edge: logged and answered
            reply = self.failed(request, error)
        if isinstance(reply, Response) and length_of(reply) <= SMALL:
            self._respond(request, framing, reply)
        else:
            # What is passed on concerns its client alone, and ends with it.
            passed_on = request.stream is not None and request.stream.limit is None
            self.abandonable = request.method in SAFE_METHODS or passed_on
            self._task = self.server.spawn(self._run(Exchange(self, request, framing), reply, request))

    async def _run(self, exchange: Exchange, reply: Reply | Awaitable[Reply], request: Request) -> None:
        try:
            await exchange.run(reply)
        except BaseException:  # cancelled, or broken half-way: the client must not wait for an answer
            self.transport.abort()
            raise
        finally:
            self._task = self._slow_since = None
            self.streaming, self.abandonable, self.sent = False, False, 0
            self._since = self.server.now
            if self.closing:
                self._close_after(request)
            else:
                self._advance()

    def _respond(self, request: Request, framing: Framing, reply: Response) -> None:
        """Write a short response at once."""
        self.transport.write(b"".join(self.start_response(request, framing, reply)))
        if self.closing:
            self._close_after(request)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and close."""
        reply = self.server.error_response(refusal.status, refusal.message)
        self.transport.write(b"".join(self.start_response(_REFUSED, _LAST, reply)))
        self._discard()

    def _close_after(self, request: Request) -> None:
        """Close after the answer to a request, of which a part may be still to come."""
        if request.incomplete and not self.transport.is_closing():
            self._discard()
        else:
            self.transport.close()

    def _discard(self) -> None:
        """The rest of the request is read for a moment, as closing at once would reset the connection and could take
        the answer with it."""
        self._discarding = True
        self._resume_reading()
        self._since = self.server.now
        if self.transport.can_write_eof():
            self.transport.write_eof()

    # What exchanges call (LentConnection).

    @property
    def date(self) -> bytes:
        """The Date header."""
        return self.server.date

    def start_response(self, request: Request, framing: Framing, reply: Response) -> list[bytes | memoryview]:
        """What is to be written for a response; sets `closing` where the connection ends with it."""
        try:
            head = render_head(reply, self.server.date)
        except ValueError as error:
            reply = self.failed(request, error)
            head = render_head(reply, self.server.date)
        if framing is not PERSISTENT or self.closing or request.incomplete:
            self.closing = self.closing or framing.upgrade or not framing.keep_alive or request.incomplete
            head += b"Connection: close\r\n" if self.closing else b"Connection: keep-alive\r\n"
        if reply.status in BODILESS:
            return [head, b"\r\n"]
        head = b"%bContent-Length: %d\r\n\r\n" % (head, length_of(reply))
        if request.method == "HEAD":
            return [head]
        return [head, reply.body, *reply.chunks]

    def failed(self, request: Request, error: Exception) -> Response:
        """The answer where a handler raised: its mistake, to be mended; the client is told no details."""
        logger.error("handler failed", exc_info=error, extra={"method": request.method, "path": request.path})
        return self.server.error_response(500, "internal server error")

    def worth_compressing(self, request: Request, reply: Response | StreamResponse) -> bool:
        """Whether a response is long, and gets faster to this client by gzip."""
        limits = self.server.limits
        if self._remote in LOOPBACK and not limits.gzip_loopback:
            return False
        return compressible(request, reply, limits.gzip_bytes)

    async def drained(self) -> None:
        """Wait while the client is slow; returns when it has gone, too."""
        while self._writable is not None and not self.lost:
            await asyncio.shield(self._writable)

    def become_raw(self) -> RawConnection:
        """Hand the connection over, with what has come on it since the request."""
        raw = RawConnection(self._raw_lost)
        raw.take_over(self.transport, self._parser.rest)
        if self._reading_paused:
            self.transport.resume_reading()
        if self.lost:
            raw.connection_lost(None)
        return raw

    def _raw_lost(self) -> None:
        self.lost = True
        self.server.forget(self)

    def _keep_early(self, data: bytes) -> None:
        """Bytes of the upgraded protocol that come before the upgrade has been agreed to."""
        self._parser.rest += data
        if len(self._parser.rest) > MAX_EARLY:
            self._pause_reading()


_REFUSED = Request("", "", "", {})
_LAST = Framing(keep_alive=False, chunkable=True)
