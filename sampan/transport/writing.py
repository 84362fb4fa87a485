"""From responses to bytes: heads, chunk framing, compression."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from sampan.transport.messages import Request, Response, StreamResponse

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
GROUP = 64 * 1024  # bytes that are written at once, at most twice that
LAST_CHUNK = b"0\r\n\r\n"
BODILESS = frozenset({204, 304})
_GZIPPED = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
_USUAL = 128  # characters of a content type that is remembered; a backend's, passed on, may be of any length


def date_header(now: float) -> bytes:
    """The Date header's line for a time in seconds since 1970."""
    return b"Date: " + formatdate(now, usegmt=True).encode("ascii") + b"\r\n"


@lru_cache(maxsize=512)
def status_line(status: int) -> bytes:
    """The first line of a response."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return f"HTTP/1.1 {status} {phrase}\r\n".encode("ascii")


@lru_cache(maxsize=512)
def _opening(status: int, content_type: str) -> bytes:
    """The first line and the content type."""
    if not content_type or status in BODILESS:
        return status_line(status)
    return status_line(status) + render_headers((("Content-Type", content_type),))


def render_head(reply: Response | StreamResponse, date: bytes) -> bytes:
    """A head up to its framing: status line, content type, date, the handler's own headers."""
    opening = _opening if len(reply.content_type) <= _USUAL else _opening.__wrapped__
    head = opening(reply.status, reply.content_type) + date
    return head + render_headers(reply.headers) if reply.headers else head


def length_of(response: Response) -> int:
    """The bytes of its body."""
    return len(response.body) + (sum(map(len, response.chunks)) if response.chunks else 0)


def render_headers(headers: Sequence[tuple[str, str]]) -> bytes:
    """Header lines; raises ValueError for a line break in a value, which would begin a header of its own."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise ValueError("line break in a response header")
    return text.encode("utf-8", "surrogateescape")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; `data` is not empty (an empty chunk would end the body)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def groups(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The same bytes in portions of about GROUP: small pieces joined, as each write costs, and long ones cut."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        if len(piece) <= GROUP:
            waiting.append(piece)
            size += len(piece)
        if size >= GROUP or len(piece) > GROUP:
            yield b"".join(waiting)
            waiting, size = [], 0
        if len(piece) > GROUP:
            whole = memoryview(piece)
            yield from (whole[start : start + GROUP] for start in range(0, len(piece), GROUP))
    if waiting:
        yield b"".join(waiting)


def compressible(request: Request, response: Response | StreamResponse, threshold: int) -> bool:
    """Whether upstream would gzip it: a GET's 200 above a threshold, where the client accepts it."""
    return (
        response.status == 200
        and request.method == "GET"
        and (isinstance(response, StreamResponse) or length_of(response) > threshold)
        and accepts_gzip(request.headers.get("accept-encoding", ""))
    )


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether Accept-Encoding names gzip without refusing it."""
    for entry in accept_encoding.split(","):
        coding, _, weight = entry.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def compress(response: Response) -> Response:
    """The same response, gzipped. Takes about 10 ms per MB: call it in a thread, zlib lets the others run."""
    packer = zlib.compressobj(level=1, wbits=31)
    pieces = [packer.compress(piece) for piece in (response.body, *response.chunks)]
    pieces.append(packer.flush())
    headers = (*response.headers, *_GZIPPED)
    return Response(response.status, b"".join(pieces), response.content_type, headers)


def compressed(response: StreamResponse) -> StreamResponse:
    """The same of a stream, piece by piece."""
    return replace(response, stream=_packed(response.stream), headers=(*response.headers, *_GZIPPED), length=None)


async def _packed(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(level=1, wbits=31)
    try:
        async for item in stream:
            yield await asyncio.to_thread(packer.compress, item)
        yield packer.flush()
    finally:
        await close(stream)


async def close(stream: AsyncIterator[bytes]) -> None:
    """End an iterator early; generators have `aclose`, other iterators may."""
    aclose = getattr(stream, "aclose", None)
    if aclose is not None:
        await aclose()
