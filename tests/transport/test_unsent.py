"""What waits in the server for clients that do not read."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, socket

import pytest
import uvloop

from sampan.transport.messages import Request, StreamResponse
from sampan.transport.tls import server_context
from tests.transport.certificates import Authority
from tests.transport.conftest import Serve

PIECE, UNSENT, KERNEL = 4096, 16 << 10, 4096


async def test_little_waits_for_who_reads_nothing(serve: Serve) -> None:
    """Below TLS, too, with the loop that the server has."""
    if not isinstance(asyncio.get_running_loop(), uvloop.Loop):
        pytest.skip("asyncio's own has other insides")
    made = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        while True:
            made += PIECE
            yield b"x" * PIECE

    def reply(request: Request) -> StreamResponse:
        return StreamResponse(200, pieces())

    site = await serve(reply, ssl_context=server_context(*Authority("ours").issue("kubernetes")), unsent_bytes=UNSENT)
    for listening in site.server._listeners[0].sockets:
        listening.setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL)
    client = socket()
    client.setsockopt(SOL_SOCKET, SO_RCVBUF, KERNEL)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", site.port))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    wire = await site.connect(sock=client, ssl=context, server_hostname="x", limit=1)
    wire.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await wire.reader.read(1)
    [connection] = site.server._connections
    while connection._writable is None:  # noqa: ASYNC110 - until the client's not reading has come through
        await asyncio.sleep(0)
    wire.writer.transport.abort()
    assert made <= 3 * UNSENT, "both transports' bounds, and what the kernels take"
