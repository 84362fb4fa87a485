"""What waits in the server for clients that do not read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, socket

import pytest
import uvloop

from sampan.transport.messages import Reply, Response, StreamResponse
from sampan.transport.tls import client_context, server_context
from tests.transport.certificates import Authority
from tests.transport.conftest import Serve

PIECE, UNSENT, KERNEL = 4096, 16 << 10, 4096
GROUP = 64 << 10


async def stream() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * PIECE


@pytest.mark.parametrize(
    ("reply", "most"),
    [(lambda: StreamResponse(200, stream()), 3 * UNSENT), (lambda: Response(200, b"x" * 10_000_000), 3 * GROUP)],
    ids=["stream", "whole"],
)
async def test_little_waits_for_who_reads_nothing(serve: Serve, reply: Callable[[], Reply], most: int) -> None:
    """Below TLS, too, with the loop that the server has."""
    if not isinstance(asyncio.get_running_loop(), uvloop.Loop):
        pytest.skip("asyncio's own has other insides")
    context = server_context(*Authority("ours").issue("kubernetes"))
    site = await serve(lambda request: reply(), ssl_context=context, unsent_bytes=UNSENT)
    for listening in site.server._listeners[0].sockets:
        listening.setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL)
    client = socket()
    client.setsockopt(SOL_SOCKET, SO_RCVBUF, KERNEL)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", site.port))
    wire = await site.connect(sock=client, ssl=client_context(verify=False), server_hostname="x", limit=1)
    wire.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await wire.reader.read(1)
    [connection] = site.server._connections
    while connection._writable is None:  # noqa: ASYNC110 - until the client's not reading has come through
        await asyncio.sleep(0)
    wire.writer.transport.abort()
    assert connection.sent <= most, "both transports' bounds, and what the kernels take"
