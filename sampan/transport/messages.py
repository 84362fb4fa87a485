"""The HTTP messages that server handlers take and give.

server.py makes requests and writes responses; apiserver/ and kubelet/ supply handlers.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sampan.transport.incoming import IncomingBody


@dataclass(slots=True)
class Request:
    """One request, read whole (bodies are bounded by the server's limits) unless it has a `stream`."""

    method: str
    path: str  # percent-decoded, without the query; "%2f" stays encoded so that it can't fake a separator
    raw_query: str
    headers: Mapping[str, str]  # names in lower case; repeated headers joined by ", "
    body: bytes = b""
    peer_certificate: bytes | None = None  # DER, verified at the handshake unless the server takes any (tls.py)
    remote: str = ""  # the peer's address
    raw_path: str = ""  # the path as sent
    repeated: Mapping[str, Sequence[str]] | None = None  # the lines of headers that came more than once
    stream: IncomingBody | None = None  # the body, where the server's owner wants it as it comes
    peer_chain: Sequence[bytes] = ()  # the certificates that came along with the peer's, never verified

    @property
    def incomplete(self) -> bool:
        """Whether a part of the body is still to come."""
        return self.stream is not None and not self.stream.complete

    def lines(self, name: str) -> Sequence[str]:
        """Each line of a header: of those whose values may have commas in them, as a group's name may."""
        if self.repeated is not None and name in self.repeated:
            return self.repeated[name]
        return (self.headers[name],) if name in self.headers else ()

    def all_lines(self) -> Iterator[tuple[str, str]]:
        """Every header, line by line."""
        return ((name, line) for name in self.headers for line in self.lines(name))


@dataclass(slots=True)
class Response:
    """A response that is complete when it is given. `chunks` are written one after another, without joining."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()
    chunks: Sequence[bytes | memoryview] = ()  # after body


@dataclass(slots=True)
class StreamResponse:
    """A response in pieces, flushed at once, with back-pressure: one HTTP chunk per item unless the length is known.

    The iterator is closed (its `aclose` awaited) when the client goes away or the server shuts down. One that
    `is_finite` is merely long: the server waits for its end, and compresses it where it would compress a Response.
    """

    status: int
    stream: AsyncIterator[bytes]
    content_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()
    length: int | None = None  # of the whole body; of a HEAD's, what a GET would have had
    is_finite: bool = False


class Connection(Protocol):
    """A raw byte stream after an upgrade, or one that we dialled."""

    async def read(self) -> bytes:
        """Some bytes; empty at the end of the stream."""

    async def write(self, data: bytes) -> None:
        """Send, waiting while the peer is slow; raises ConnectionError."""

    async def write_eof(self) -> None:
        """Half-close where the transport can (plain TCP); otherwise nothing."""

    async def close(self) -> None:
        """Close both ways; may be called twice."""


@dataclass(slots=True)
class Upgrade:
    """101 Switching Protocols, then `handler` owns the connection; it is closed when the handler returns."""

    handler: Callable[[Connection], Awaitable[None]]
    headers: Sequence[tuple[str, str]] = field(default_factory=list)  # Upgrade, Connection, Sec-WebSocket-Accept ...


Reply = Response | StreamResponse | Upgrade

# A handler may answer at once (reads from the cache: no task is made) or be awaited.
Handler = Callable[[Request], Reply | Awaitable[Reply]]
