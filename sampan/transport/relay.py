"""Passing on: requests to another server, upgraded connections byte for byte. For whoever stands in the middle.

The one who asks has been authenticated and authorised before; the one who answers is trusted with its own answer only.
An upgrade is passed on when the backend has agreed to it with 101, and never otherwise: a connection to a backend that
has answered a request may not carry a second one that nobody checked (CVE-2018-1002105).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack

from sampan.transport.connection import Answer, HTTPClient, UpgradeRefused
from sampan.transport.messages import Connection, Reply, Request, Response, StreamResponse, Upgrade
from sampan.transport.parsing import UPGRADES
from sampan.transport.reading import ProtocolError

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


_OWN = ("content-type", "date")  # what our own response has a place for


def end_to_end(
    headers: Iterable[tuple[str, str]], *, drop: Iterable[str] = (), split: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """The headers that may be passed on (RFC 9110 section 7.6.1), but not `drop`; of `split` ones each value apart.
    Values are as they were read, in Latin-1; they come out as what writes the same bytes."""
    lines = list(headers)
    named = {option.strip().lower() for name, line in lines if name == "connection" for option in line.split(",")}
    unwanted, lists = _HOP_BY_HOP | named | set(drop), set(split)
    kept: list[tuple[str, str]] = []
    for name, value in lines:
        if name in lists:
            kept += [(name, part.strip()) for part in value.split(",")]
        elif name not in unwanted:
            kept.append((name, value if value.isascii() else as_sent(value)))
    return kept


def as_sent(value: str) -> str:
    """A header's value, read as Latin-1, as text: what is not UTF-8 is escaped by surrogates."""
    return value.encode("latin-1").decode("utf-8", "surrogateescape")


async def pass_on(
    client: HTTPClient, request: Request, path: str, headers: Sequence[tuple[str, str]]
) -> StreamResponse:
    """Send a request to `client`'s server at `path` (with the query), its body as it comes; its answer, as that comes.
    Raises ConnectionError, OSError, TimeoutError where there is none, ValueError for headers that can't be sent."""
    async with AsyncExitStack() as stack:
        body = request.body if request.stream is None else request.stream.whole() or request.stream
        answer = await stack.enter_async_context(client.stream(request.method, path, headers, body))
        if answer.status == 101:
            raise ProtocolError("the server switched protocols, which nobody asked for")
        kept, content_type = end_to_end(answer.lines, drop=_OWN), answer.headers.get("content-type", "")
        owned = OwnedBody(stack.pop_all(), answer.body)
        return StreamResponse(answer.status, owned, content_type, kept, _length(answer.headers))
    raise AssertionError


class OwnedBody:
    """A body with the connection it comes from, which is closed even if nobody ever reads."""

    def __init__(self, owner: AsyncExitStack, body: AsyncIterator[bytes]) -> None:
        self._owner = owner
        self._body = body

    def __aiter__(self) -> "OwnedBody":
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._body)

    async def aclose(self) -> None:
        await self._owner.aclose()


def _length(headers: Mapping[str, str]) -> int | None:
    chunked = "transfer-encoding" in headers or "content-length" not in headers
    return None if chunked else int(headers["content-length"])


def asks_upgrade(request: Request) -> bool:
    """Whether the request asks to go on as another protocol, one that this server knows how to let go."""
    options = {option.strip().lower() for option in request.headers.get("connection", "").split(",")}
    return "upgrade" in options and request.headers.get("upgrade", "").lower() in UPGRADES


async def relay_upgrade(client: HTTPClient, request: Request, path: str, headers: Sequence[tuple[str, str]]) -> Reply:
    """Ask `client`'s server for the same upgrade at `path` (with the query); connect both ends if it agrees, else pass
    its answer on. Raises ConnectionError, OSError, TimeoutError where there is no answer."""
    protocol = request.headers["upgrade"]
    try:
        answer, backend = await client.upgrade(path, headers, protocol, method=request.method)
    except UpgradeRefused as refused:
        return relay_answer(refused.answer)

    async def run(connection: Connection) -> None:
        await splice(connection, backend)

    return Upgrade(run, [*end_to_end(answer.items()), ("Connection", "Upgrade"), ("Upgrade", protocol)])


def relay_answer(answer: Answer) -> Response:
    """A backend's complete answer as our own."""
    kept = end_to_end(answer.lines, drop=_OWN)
    return Response(answer.status, answer.body, answer.headers.get("content-type", ""), kept)


async def splice(one: Connection, other: Connection) -> None:
    """Copy both ways until either side ends, then close both."""
    try:
        async with asyncio.TaskGroup() as group:
            ways = [group.create_task(_copy(one, other)), group.create_task(_copy(other, one))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
    finally:
        await one.close()
        await other.close()


async def _copy(source: Connection, target: Connection) -> None:
    try:
        while data := await source.read():
            await target.write(data)
    except ConnectionError:
        return  # either end broke: that ends the relaying


def target_of(request: Request) -> str:
    """The path and query as they were sent."""
    return f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path


def redirects(reply: Reply) -> bool:
    """Whether an answer sends its reader elsewhere."""
    if isinstance(reply, Upgrade) or not 300 <= reply.status < 400:
        return False
    return any(name.lower() == "location" and value for name, value in reply.headers)


async def close(reply: Reply) -> None:
    """Drop an answer that nobody will read."""
    if isinstance(reply, StreamResponse):
        await reply.stream.aclose()  # type: ignore[attr-defined]
