"""Passing on: requests to another server, upgraded connections byte for byte. For whoever stands in the middle.

The one who asks has been authenticated and authorised before; the one who answers is trusted with its own answer only.
An upgrade is passed on when the backend has agreed to it with 101, and never otherwise: a connection to a backend that
has answered a request may not carry a second one that nobody checked (CVE-2018-1002105).
"""

import asyncio
from collections.abc import Iterable

from sampan.transport.connection import Answer, HTTPClient, UpgradeRefused
from sampan.transport.messages import Connection, Reply, Request, Response, Upgrade

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


def end_to_end(
    headers: Iterable[tuple[str, str]], *, drop: Iterable[str] = (), split: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """The headers that may be passed on (RFC 9110 section 7.6.1), but not `drop`; of `split` ones each value apart."""
    lines = list(headers)
    named = {option.strip().lower() for name, line in lines if name == "connection" for option in line.split(",")}
    unwanted, lists = _HOP_BY_HOP | named | set(drop), set(split)
    kept: list[tuple[str, str]] = []
    for name, value in lines:
        if name in lists:
            kept += [(name, part.strip()) for part in value.split(",")]
        elif name not in unwanted:
            kept.append((name, value))
    return kept


async def relay_upgrade(
    client: HTTPClient, request: Request, path: str, *, drop: Iterable[str] = (), split: Iterable[str] = ()
) -> Reply:
    """Ask `client`'s server for the same upgrade at `path` (with the query); connect both ends if it agrees, else pass
    its answer on. Raises ConnectionError, OSError, TimeoutError where there is no answer."""
    protocol = request.headers["upgrade"]
    headers = end_to_end(request.all_lines(), drop=drop, split=split)
    try:
        answer, backend = await client.upgrade(path, headers, protocol, method=request.method)
    except UpgradeRefused as refused:
        return relay_answer(refused.answer)

    async def run(connection: Connection) -> None:
        await splice(connection, backend)

    return Upgrade(run, [*end_to_end(answer.items()), ("Connection", "Upgrade"), ("Upgrade", protocol)])


def relay_answer(answer: Answer) -> Response:
    """A backend's complete answer as our own."""
    kept = end_to_end(answer.lines, drop=("content-type", "date"))
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
