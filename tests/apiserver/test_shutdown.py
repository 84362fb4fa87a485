"""The end of a server: clients that read see their streams end in order, and one that does not read delays nobody."""

import asyncio
from asyncio import StreamReader

import pytest

from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context
from tests.apiserver.harness import API, CONFIG_MAPS, config_map, running
from tests.apiserver.pki import authority

_WATCHES = 100
_BIG = "x" * 200_000


async def _watch(client: HTTPClient, begun: asyncio.Semaphore) -> None:
    """One watch to its end, which must be one in good order: anything else raises."""
    async with client.stream("GET", f"{CONFIG_MAPS}?watch=true&fieldSelector=metadata.name=small") as answer:
        assert b"ADDED" in await anext(answer.body)
        begun.release()
        assert [piece async for piece in answer.body] == []


async def _stalled(api: API, context: object) -> tuple[StreamReader, asyncio.StreamWriter]:
    """A client that asks for more than buffers hold, and reads nothing of it."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", api.server.port, ssl=context, limit=1024, server_hostname="127.0.0.1"
    )
    writer.write(f"GET {CONFIG_MAPS}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


@pytest.mark.timeout(60)
async def test_watches_end_in_order_and_a_slow_client_is_cut_off() -> None:
    pair, admin = authority().issue("api", server=True), authority().issue("a", ("system:masters",))
    context = client_context(authority().certificate, admin.certificate, admin.key)
    options = {"certificate": pair.certificate, "key": pair.key, "client_ca": authority().certificate}
    async with running(**options) as api:
        await api.create(CONFIG_MAPS, config_map("small"))
        for number in range(60):
            await api.create(CONFIG_MAPS, config_map(f"big{number}", x=_BIG))
        client, begun = HTTPClient(f"https://127.0.0.1:{api.server.port}", context), asyncio.Semaphore(0)
        _, writer = await _stalled(api, context)
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for _ in range(_WATCHES):
                group.create_task(_watch(client, begun))
            for _ in range(_WATCHES):
                await begun.acquire()
            await api.server.stop(5)
        await client.close()
        writer.transport.abort()
