"""The HTTP/1.1 client: one target, a pool of kept-alive connections, streams and upgrades."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NamedTuple

from sampan.transport.messages import Connection


class Answer(NamedTuple):
    """A complete response; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Streaming:
    """A response whose body is still coming."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class UpgradeRefused(Exception):
    """The server answered an upgrade with something other than 101."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"upgrade refused: {answer.status}")
        self.answer = answer


class HTTPClient:
    """base_url: "https://host:port", "http://host:port" or "unix:///path/to/socket", each with an optional path prefix
    (not for unix). Raises ConnectionError/OSError, ssl.SSLError, TimeoutError."""

    def __init__(
        self, base_url: str, ssl_context: ssl.SSLContext | None = None, headers: Mapping[str, str] | None = None
    ) -> None: ...

    async def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        timeout: float | None = None,
    ) -> Answer:
        """One request and its whole answer. `path` includes the query, percent-encoded."""
        raise NotImplementedError

    def stream(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> AbstractAsyncContextManager[Streaming]:
        """One request; the answer's body is read as it arrives."""
        raise NotImplementedError

    async def upgrade(
        self, path: str, headers: Mapping[str, str] | None, protocol: str, *, method: str = "GET"
    ) -> tuple[Mapping[str, str], Connection]:
        """A connection switched to `protocol` ("websocket", "SPDY/3.1"); raises UpgradeRefused."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close every connection."""
