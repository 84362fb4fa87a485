"""The HTTP/1.1 server: listeners, the set of open connections, timeouts, and an orderly end.

Handlers come from apiserver/ and kubelet/. What happens on one connection is in protocol.py.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Coroutine
from typing import Any

from sampan.transport.limits import Limits
from sampan.transport.messages import Handler, Response
from sampan.transport.parsing import Streamed, never
from sampan.transport.protocol import ErrorResponse, HTTPProtocol
from sampan.transport.writing import date_header

logger = logging.getLogger(__name__)

SWEEP_INTERVAL = 1.0  # seconds; the resolution of the timeouts and of the Date header


def plain_error(status: int, message: str) -> Response:
    """The answer to an error that the transport itself finds, as text."""
    return Response(status, message.encode() + b"\n", "text/plain; charset=utf-8")


class HTTPServer:
    """Serves `handler` on any number of listeners. `error_response(status, message)` gives the body of the transport's
    own answers: 400, 405, 408, 413, 417, 431, 500, 501, 505. `streamed` says which requests' bodies are read by their
    handler, as they come and at any length; with `heads_first` it reads those of all the others, too, up to the limit,
    and may answer before."""

    def __init__(
        self,
        handler: Handler,
        *,
        limits: Limits | None = None,
        error_response: ErrorResponse = plain_error,
        streamed: Streamed = never,
        heads_first: bool = False,
    ) -> None:
        self.handler = handler
        self.streamed = streamed
        self.heads_first = heads_first
        self.limits = limits or Limits()
        self.error_response = error_response
        self.now = 0.0  # seconds on the loop's clock, coarse: reading the clock for every request would cost more
        self.date = b""
        self._listeners: list[asyncio.Server] = []
        self._connections: set[HTTPProtocol] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self._stopping = False

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> int:
        """Listen; port 0 picks a free one. Returns the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        handshake = self.limits.head_timeout if ssl_context is not None else None
        listener = await loop.create_server(
            self._protocol, host, port, ssl=ssl_context, ssl_handshake_timeout=handshake, backlog=1024
        )
        self._opened(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def stop(self, grace: float = 0.0) -> None:
        """Stop accepting; end streams and upgraded connections; give requests under way `grace` seconds; close all."""
        self._stopping = True
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._connections):
            connection.end()
        await self._finish_tasks(grace)
        for connection in tuple(self._connections):
            connection.abort()
        await self._empty.wait()
        if self._sweeper is not None:
            self._sweeper.cancel()

    # What connections call.

    def admit(self, connection: HTTPProtocol) -> bool:
        """Register a new connection; False where there are too many, or the server is stopping."""
        self._connections.add(connection)
        self._empty.clear()
        return len(self._connections) <= self.limits.connections and not self._stopping

    def forget(self, connection: HTTPProtocol) -> None:
        """A connection has been lost."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run the answer to one request; the server waits for it before it stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def sweep(self, now: float) -> None:
        """Close the connections that have outstayed a limit at `now`, on the loop's clock."""
        self.now = now
        self.date = date_header(time.time())
        for connection in tuple(self._connections):
            connection.sweep(now)

    def _protocol(self) -> HTTPProtocol:
        return HTTPProtocol(self)

    def _opened(self, listener: asyncio.Server) -> None:
        self._listeners.append(listener)
        if self._sweeper is None:
            self._tick()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self.sweep(loop.time())
        self._sweeper = loop.call_later(SWEEP_INTERVAL, self._tick)

    async def _finish_tasks(self, grace: float) -> None:
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=grace)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("answering a request failed", exc_info=error)
