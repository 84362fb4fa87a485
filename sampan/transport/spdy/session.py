"""SPDY/3.1 sessions: streams over one connection, in the role of client or server.

Like moby/spdystream, the peer of every Kubernetes client: windows are neither sent nor obeyed. What holds a sender back
is that a session is no longer read while one of its streams has BUFFER bytes that nobody has taken.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from sampan.transport.messages import Connection
from sampan.transport.spdy.frames import Control, Data, FrameReader, FrameWriter, Reset, SPDYError, Type

BUFFER = 256 * 1024
MAX_STREAMS = 4096  # open at a time; further ones are refused
PIECE = 1 << 20  # the most that one data frame of ours carries
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class StreamReset(ConnectionError):
    """The peer reset the stream."""


class Stream:
    """One stream; implements messages.Connection. `headers` are those it was opened with."""

    def __init__(self, session: "Session", number: int, headers: Mapping[str, str]) -> None:
        self.number = number
        self.headers = headers
        self.local_end = False  # we send no more
        self.remote_end = False  # no more will come
        self.was_reset = False
        self.replied = asyncio.Event()
        self._session = session
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._changed = asyncio.Event()  # something to read, or the end
        self._room = asyncio.Event()  # the session may be read on
        self._room.set()

    async def reply(self, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Accept a stream that the peer opened."""
        await self._session.send(self._session.writer.syn_reply(self.number, headers))

    async def read(self) -> bytes:
        """Some bytes; empty once the peer has closed its half, reset the stream, or gone."""
        while not self._waiting and not self.remote_end:
            self._changed.clear()
            await self._changed.wait()
        if not self._waiting:
            return b""
        data = self._waiting.popleft()
        self._size -= len(data)
        if self._size <= BUFFER:
            self._room.set()
        return data

    async def write(self, data: bytes) -> None:
        """Send; raises ConnectionError."""
        for start in range(0, len(data), PIECE):
            if self.was_reset or self.local_end:
                raise StreamReset(f"stream {self.number} is closed")
            await self._session.send(self._session.writer.data(self.number, data[start : start + PIECE]))

    async def write_eof(self) -> None:
        """Close our half: an empty data frame with FIN."""
        if not self.local_end:
            self.local_end = True
            self._session.settle(self)
            await self._session.send(self._session.writer.data(self.number, b"", fin=True))

    async def close(self) -> None:
        """Close both ways: our half in order; a peer that has not closed its own is told to stop."""
        with contextlib.suppress(ConnectionError):
            await self.write_eof()
            if not self.remote_end:
                await self.reset()

    async def reset(self, status: Reset = Reset.CANCEL) -> None:
        """End the stream both ways at once."""
        was_open = not (self.local_end and self.remote_end)
        self.ended(reset=True)
        if was_open:
            await self._session.send(self._session.writer.rst_stream(self.number, status))

    # What the session calls.

    async def received(self, data: bytes, fin: bool) -> None:
        """Take what came; returns when the session may be read on."""
        if data and not self.remote_end:
            self._waiting.append(data)
            self._size += len(data)
            self._changed.set()
            if self._size > BUFFER:
                self._room.clear()
        if fin:
            self.ended()
        await self._room.wait()

    def ended(self, *, reset: bool = False) -> None:
        """Nothing more will come; after a reset nothing more can be sent either."""
        self.remote_end = True
        if reset:
            self.was_reset = self.local_end = True
        self._changed.set()
        self._room.set()
        self.replied.set()
        self._session.settle(self)


class Session:
    """`run()` reads until the connection ends; meanwhile `open` makes streams and `accept` takes the peer's."""

    def __init__(self, connection: Connection, *, client: bool) -> None:
        self.writer = FrameWriter()
        self._connection = connection
        self._reader = FrameReader()
        self._next = 1 if client else 2
        self._last = 0  # the peer's newest stream
        self._streams: dict[int, Stream] = {}
        self._accepted: asyncio.Queue[Stream | None] = asyncio.Queue()
        self._ended = False

    async def run(self) -> None:
        """Read frames until the peer or `close` ends the connection. Raises SPDYError."""
        try:
            while data := await self._read():
                for frame in self._reader.feed(data):
                    await self._handle(frame)
        finally:
            self._ended = True
            for stream in tuple(self._streams.values()):
                stream.ended(reset=True)
            self._accepted.put_nowait(None)
            await self._connection.close()

    async def open(self, headers: Mapping[str, str]) -> Stream:
        """A new stream, once the peer has accepted it; raises ConnectionError (StreamReset where it was refused)."""
        stream = Stream(self, self._next, headers)
        self._next += 2
        self._streams[stream.number] = stream
        await self.send(self.writer.syn_stream(stream.number, headers))
        await stream.replied.wait()
        if stream.was_reset:
            raise StreamReset("the peer refused the stream")
        return stream

    async def accept(self) -> Stream | None:
        """The next stream that the peer has opened; None when there will be none. Answer it with `reply` or `reset`."""
        stream = await self._accepted.get()
        if stream is None:
            self._accepted.put_nowait(None)
        return stream

    async def close(self) -> None:
        """Say goodbye and close the connection; `run` then ends."""
        if not self._ended:
            self._ended = True
            with contextlib.suppress(ConnectionError):
                await self._connection.write(self.writer.goaway(self._last))
        await self._connection.close()

    # What streams call.

    async def send(self, frame: bytes) -> None:
        """Write a frame; raises ConnectionError."""
        if self._ended:
            raise ConnectionResetError("the session has ended")
        await self._connection.write(frame)

    def settle(self, stream: Stream) -> None:
        """Forget a stream that has ended both ways."""
        if stream.local_end and stream.remote_end:
            self._streams.pop(stream.number, None)

    async def _read(self) -> bytes:
        try:
            return await self._connection.read()
        except ConnectionError:
            return b""  # to a session, a connection that breaks is one that ends: its streams are told

    async def _handle(self, frame: Data | Control) -> None:
        if isinstance(frame, Data):
            stream = self._streams.get(frame.stream)
            if stream is not None:  # else it has been closed here, and the peer did not know yet
                await stream.received(frame.data, frame.fin)
        elif frame.type is Type.SYN_STREAM:
            await self._opened(frame)
        elif frame.type is Type.PING:
            if frame.number % 2 != self._next % 2:  # the peer's own; else it answers ours
                await self.send(self.writer.ping(frame.number))
        elif (known := self._streams.get(frame.number)) is not None:
            self._changed(known, frame)

    def _changed(self, stream: Stream, frame: Control) -> None:
        if frame.type is Type.RST_STREAM:
            stream.ended(reset=True)
        elif frame.type in (Type.SYN_REPLY, Type.HEADERS):
            stream.replied.set()
            if frame.fin:
                stream.ended()

    async def _opened(self, frame: Control) -> None:
        if frame.number % 2 == self._next % 2 or frame.number <= self._last:
            raise SPDYError(f"stream {frame.number} out of order")
        self._last = frame.number
        stream = Stream(self, frame.number, frame.headers)
        if len(self._streams) >= MAX_STREAMS:
            await self.send(self.writer.rst_stream(frame.number, Reset.REFUSED_STREAM))
            return
        self._streams[frame.number] = stream
        if frame.fin:
            stream.ended()
        self._accepted.put_nowait(stream)
