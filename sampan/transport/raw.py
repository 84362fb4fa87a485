"""A raw byte stream over an asyncio transport: what is left of a connection after an upgrade, and what a client dials.

Reading holds the peer back once HIGH_WATER bytes wait to be read; writing waits while the transport's buffer is full.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

HIGH_WATER = 256 * 1024


class RawConnection(asyncio.Protocol):
    """Implements messages.Connection. One task may read while another one writes."""

    def __init__(self, on_lost: Callable[[], None] | None = None) -> None:
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._reading_paused = False
        self._ended = False  # no more bytes will come
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None  # set while the transport asks us to pause
        self._lost = asyncio.get_running_loop().create_future()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def take_over(self, transport: asyncio.Transport, received: bytes) -> None:
        """Become the protocol of a transport in use; `received` is what has already been read from it."""
        self._transport = transport
        if received:
            self.data_received(received)
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self._waiting.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER and not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        self._ended = True
        _wake(self._reader)
        assert self._transport is not None
        return self._transport.can_write_eof()  # plain TCP can go on writing; TLS can't

    def connection_lost(self, error: Exception | None) -> None:
        self._ended = True
        self._error = error
        _wake(self._reader)
        _wake(self._writable)
        _wake(self._lost)
        if self._on_lost is not None:
            self._on_lost()

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writable)
        self._writable = None

    # What users call.

    @property
    def transport(self) -> asyncio.Transport:
        """The transport below; for addresses and certificates."""
        assert self._transport is not None
        return self._transport

    @property
    def usable(self) -> bool:
        """Whether nothing has been received or lost since the last read: a kept-alive connection that may be used."""
        return not (self._ended or self._waiting or self.transport.is_closing())

    async def read(self) -> bytes:
        """Some bytes; empty at the end of the stream. Raises ConnectionError where the peer broke off."""
        while not self._waiting:
            if self._ended:
                if self._error is not None:
                    raise ConnectionResetError(str(self._error)) from self._error
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._waiting.popleft()
        self._size -= len(data)
        if self._reading_paused and self._size <= HIGH_WATER // 2:
            self._reading_paused = False
            self.transport.resume_reading()
        return data

    def unread(self, data: bytes) -> None:
        """Put bytes back in front of what is to be read."""
        if data:
            self._waiting.appendleft(data)
            self._size += len(data)

    async def write(self, data: bytes) -> None:
        """Send, waiting while the peer is slow; raises ConnectionError."""
        if self._lost.done() or self.transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self.transport.write(data)
        while self._writable is not None and not self._lost.done():
            await asyncio.shield(self._writable)

    async def write_eof(self) -> None:
        """Half-close where the transport can (plain TCP); otherwise nothing."""
        if not self.transport.is_closing() and self.transport.can_write_eof():
            self.transport.write_eof()

    async def close(self) -> None:
        """Close both ways, after what has been written; may be called twice."""
        self.transport.close()

    def abort(self) -> None:
        """Close at once, dropping what has not been sent."""
        self.transport.abort()


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
