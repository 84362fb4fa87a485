"""GET requests to issuers: bounded, with redirects followed as Go's client does, trusted by the issuer's own bundle.

Called by issuer.py and distributed.py.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from sampan.transport.connection import HTTPClient, Streaming
from sampan.transport.go_errors import go_text

TIMEOUT = 30.0  # seconds for a document, all redirects included
LONGEST = 1 << 20  # bytes of a document
_REDIRECTS = 10
_CLIENTS = 8  # targets whose connections are kept


class Unreachable(Exception):
    """A document could not be had; str() says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """An answer; header names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def needed(self) -> bytes:
        """The body of a 200. Raises Unreachable."""
        if self.status != 200:
            raise Unreachable(f"{self.status}: {self.body[:1024].decode(errors='replace')}")
        return self.body


async def _whole(answer: Streaming) -> bytes:
    found = bytearray()
    async for piece in answer.body:
        found += piece
        if len(found) > LONGEST:
            raise ValueError(f"the answer is longer than {LONGEST} bytes")
    return bytes(found)


@dataclass(slots=True)
class Fetcher:
    """One for each issuer."""

    context: ssl.SSLContext
    _clients: dict[str, HTTPClient] = field(default_factory=dict)

    async def get(self, url: str, token: str = "") -> Document:
        """One document. Raises Unreachable. The token is not sent where a redirect leads to another host."""
        first = urlsplit(url).netloc
        for _ in range(_REDIRECTS + 1):
            same = urlsplit(url).netloc == first
            document = await self._get(url, token if same else "")
            target = document.headers.get("location")
            if document.status not in (301, 302, 303, 307, 308) or not target:
                return document
            url = urljoin(url, target)
        raise Unreachable(f'Get "{url}": stopped after {_REDIRECTS} redirects')

    async def _get(self, url: str, token: str) -> Document:
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": "*/*"} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            client = await self._client(f"{parts.scheme}://{parts.netloc}")
            async with asyncio.timeout(TIMEOUT), client.stream("GET", path, headers) as answer:
                return Document(answer.status, await _whole(answer), answer.headers)
        except TimeoutError:
            raise Unreachable(f'Get "{url}": context deadline exceeded') from None
        except (OSError, ValueError) as error:
            raise Unreachable(f'Get "{url}": {go_text(error)}') from error

    async def _client(self, target: str) -> HTTPClient:
        if target not in self._clients:
            if len(self._clients) >= _CLIENTS:
                await self._clients.pop(next(iter(self._clients))).close()
            self._clients[target] = HTTPClient(target, self.context)
        return self._clients[target]

    async def close(self) -> None:
        """Close all connections."""
        while self._clients:
            await self._clients.popitem()[1].close()
