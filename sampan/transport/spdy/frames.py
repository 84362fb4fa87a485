"""SPDY/3.1 frames: bytes to frames and back, with the compression of headers. No I/O, no streams.

After the SPDY drafts 3 and 3.1 (which only adds a window for the session); what Kubernetes's clients use of them.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from sampan.transport.spdy.dictionary import DICTIONARY

VERSION = 3
FIN = 0x01
MAX_HEADERS = 256 * 1024  # of one header block, decompressed
MAX_CONTROL = 256 * 1024  # of one control frame; data frames may have all of the protocol's 16 MB
_CONTROL = 0x80000000
_STREAM_ID = 0x7FFFFFFF
_INT = struct.Struct(">I")
_TWO = struct.Struct(">II")


class SPDYError(ConnectionError):
    """The peer broke the protocol; the session is at its end."""


class Type(IntEnum):
    """Control frames."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


class Reset(IntEnum):
    """Why a stream is reset."""

    PROTOCOL_ERROR = 1
    INVALID_STREAM = 2
    REFUSED_STREAM = 3
    CANCEL = 5
    INTERNAL_ERROR = 6


class Data(NamedTuple):
    """A piece of a stream."""

    stream: int
    data: bytes
    fin: bool


class Control(NamedTuple):
    """A control frame. `number` is the stream, the ping's id, or GOAWAY's last stream; `value` a status or a delta."""

    type: Type
    number: int
    headers: Mapping[str, str] = {}
    fin: bool = False
    value: int = 0


Frame = Data | Control


class FrameReader:
    """Feed it bytes, take frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes; raises SPDYError."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= 8:
                first, second = _TWO.unpack_from(self._buffer, start)
                length, flags = second & 0xFFFFFF, second >> 24
                if first & _CONTROL and length > MAX_CONTROL:
                    raise SPDYError("control frame too large")
                if len(self._buffer) - start < 8 + length:
                    return
                payload = bytes(self._buffer[start + 8 : start + 8 + length])
                start += 8 + length
                frame = self._frame(first, flags, payload)
                if frame is not None:
                    yield frame
        finally:
            del self._buffer[:start]

    def _frame(self, first: int, flags: int, payload: bytes) -> Frame | None:
        if not first & _CONTROL:
            return Data(first, payload, bool(flags & FIN))
        if first >> 16 & 0x7FFF != VERSION:
            raise SPDYError(f"unsupported SPDY version {first >> 16 & 0x7FFF}")
        try:
            kind = Type(first & 0xFFFF)
        except ValueError:
            return None  # unknown control frames are to be ignored
        try:
            return self._control(kind, flags, payload)
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SPDYError(f"malformed {kind.name} frame: {error}") from error

    def _control(self, kind: Type, flags: int, payload: bytes) -> Control:
        fin = bool(flags & FIN)
        if kind is Type.SETTINGS:
            return Control(kind, 0)
        number = _INT.unpack_from(payload)[0]
        if kind is Type.PING:
            return Control(kind, number)
        number &= _STREAM_ID
        if kind is Type.SYN_STREAM:  # associated stream, priority and slot are of no use here
            return Control(kind, number, self._headers(payload[10:]), fin)
        if kind in (Type.SYN_REPLY, Type.HEADERS):
            return Control(kind, number, self._headers(payload[4:]), fin)
        return Control(kind, number, value=_INT.unpack_from(payload, 4)[0])

    def _headers(self, packed: bytes) -> dict[str, str]:
        """Names are lower case; several values of one name are joined by ", "."""
        block = self._inflate.decompress(packed, MAX_HEADERS)
        if self._inflate.unconsumed_tail:
            raise SPDYError("header block too large")
        position = 4
        headers: dict[str, str] = {}
        for _ in range(_INT.unpack_from(block)[0]):
            name, position = _counted(block, position)
            value, position = _counted(block, position)
            headers[name.decode("latin-1").lower()] = value.decode("latin-1").replace("\0", ", ")
        return headers


class FrameWriter:
    """Frames as bytes. Header blocks share one compression, so frames go out in the order they are made."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def syn_stream(self, stream: int, headers: Mapping[str, str], fin: bool = False) -> bytes:
        """Opens a stream."""
        return _control(Type.SYN_STREAM, struct.pack(">IIH", stream, 0, 0) + self._pack(headers), fin)

    def syn_reply(self, stream: int, headers: Mapping[str, str], fin: bool = False) -> bytes:
        """Accepts a stream."""
        return _control(Type.SYN_REPLY, _INT.pack(stream) + self._pack(headers), fin)

    def rst_stream(self, stream: int, status: Reset) -> bytes:
        """Ends a stream both ways at once."""
        return _control(Type.RST_STREAM, _TWO.pack(stream, status))

    def ping(self, number: int) -> bytes:
        """A ping, or the answer to one: the same id comes back."""
        return _control(Type.PING, _INT.pack(number))

    def goaway(self, last_stream: int) -> bytes:
        """No further streams will be accepted."""
        return _control(Type.GOAWAY, _TWO.pack(last_stream, 0))

    def data(self, stream: int, data: bytes, fin: bool = False) -> bytes:
        """A piece of a stream, below 16 MB."""
        return _TWO.pack(stream, len(data) | (FIN << 24 if fin else 0)) + data

    def _pack(self, headers: Mapping[str, str]) -> bytes:
        block = [_INT.pack(len(headers))]
        for name, value in headers.items():
            for text in (name.lower(), value):
                block.append(_INT.pack(len(text)) + text.encode("latin-1"))
        return self._deflate.compress(b"".join(block)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


def _control(kind: Type, payload: bytes, fin: bool = False) -> bytes:
    return _TWO.pack(_CONTROL | VERSION << 16 | kind, len(payload) | (FIN << 24 if fin else 0)) + payload


def _counted(block: bytes, position: int) -> tuple[bytes, int]:
    """A piece of a header block that is led by its length, and where the next one begins."""
    start = position + 4
    end = start + _INT.unpack_from(block, position)[0]
    if end > len(block):
        raise SPDYError("malformed header block")
    return block[start:end], end
