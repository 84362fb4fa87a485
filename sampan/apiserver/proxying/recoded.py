"""A body rewritten while it passes: unpacked, given to a rewriter, packed again, a little at a time.

Called by reverse.py for pages of HTML; upstream does it with the whole page in memory.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from sampan.transport.messages import StreamResponse
from sampan.transport.reading import ProtocolError

SLICE = 8 * 1024  # bytes that are worked on before others have their turn
_CODINGS = frozenset({"", "gzip", "deflate"})


class Rewriter(Protocol):
    """What changes the text, in order."""

    def feed(self, data: bytes) -> bytes:
        """What can be sent on."""

    def close(self) -> bytes:
        """The rest."""


class Unpacker:
    """Pieces of a body in a content coding, in slices of the text; a few bytes may hold any amount of it."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._unpack = zlib.decompressobj(wbits=31) if coding == "gzip" else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises ProtocolError for what is not in that coding."""
        if not self._coding:
            yield from (data[start : start + SLICE] for start in range(0, len(data), SLICE))
            return
        if self._unpack is None:  # some mean zlib's format by "deflate", as they should, and some the bare one
            self._unpack = zlib.decompressobj(wbits=15 if data[0] & 0x0F == 8 else -15)
        try:
            while data and not self._unpack.eof:
                yield self._unpack.decompress(data, SLICE)
                data = self._unpack.unconsumed_tail
        except zlib.error as error:
            raise ProtocolError(f"malformed {self._coding} content: {error}") from error


class _Packer:
    def __init__(self, coding: str) -> None:
        wbits = {"gzip": 31, "deflate": 15}
        self._pack = zlib.compressobj(wbits=wbits[coding]) if coding else None

    def feed(self, data: bytes) -> bytes:
        return self._pack.compress(data) if self._pack else data

    def close(self) -> bytes:
        return self._pack.flush() if self._pack else b""


def recoded(reply: StreamResponse, coding: str, rewriter: Rewriter) -> StreamResponse:
    """The reply with its body rewritten; unchanged where its content coding is unknown."""
    if coding not in _CODINGS:
        return reply
    stream = _Recoded(reply.stream, _pieces(reply.stream, coding, rewriter))
    return StreamResponse(reply.status, stream, reply.content_type, reply.headers)


async def _pieces(body: AsyncIterator[bytes], coding: str, rewriter: Rewriter) -> AsyncIterator[bytes]:
    unpacker, packer = Unpacker(coding), _Packer(coding)
    async for data in body:
        for piece in unpacker.feed(data) if data else ():
            yield packer.feed(rewriter.feed(piece))
            await asyncio.sleep(0)
    yield packer.feed(rewriter.close()) + packer.close()


class _Recoded:
    """The pieces, and the body that they come from: it is closed even if nobody ever reads."""

    def __init__(self, body: AsyncIterator[bytes], pieces: AsyncIterator[bytes]) -> None:
        self._body, self._pieces = body, pieces

    def __aiter__(self) -> "_Recoded":
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        await self._pieces.aclose()  # type: ignore[attr-defined]
        await self._body.aclose()  # type: ignore[attr-defined]
