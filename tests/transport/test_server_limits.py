"""The HTTP server against clients that are slow, idle, deaf or too many."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sampan.transport.messages import Reply, Request, Response, StreamResponse
from tests.transport.conftest import Serve

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_timeouts(serve: Serve) -> None:
    site = await serve(head_timeout=30, body_timeout=60, idle_timeout=90)
    now = asyncio.get_running_loop().time
    started = asyncio.Event()

    idle, head, body = [await site.connect() for _ in range(3)]
    await idle.send(GET % b"/")
    await idle.response()
    await head.send(GET % b"/" + b"GET / HT")
    await head.response()
    await body.send(GET % b"/" + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc")
    await body.response()
    started.set()

    site.server.sweep(now() + 29)
    await idle.send(GET % b"/")  # proves that it is open; it is not idle from here on
    assert (await idle.response())[0] == 200
    site.server.sweep(now() + 31)
    assert (await head.response())[0] == 408
    site.server.sweep(now() + 89)
    await body.send(b"d")
    site.server.sweep(now() + 91)
    assert (await body.response())[0] == 408
    site.server.sweep(now() + 121)
    assert await idle.at_end()


async def test_a_refused_client_can_not_stay_by_sending_more(serve: Serve) -> None:
    site = await serve(linger=2, head_timeout=10)
    wire = await site.connect()
    await wire.send(GET % b"/" + b"GET / HT")
    await wire.response()
    now = asyncio.get_running_loop().time()
    site.server.sweep(now + 11)
    assert (await wire.response())[0] == 408
    for _ in range(20):
        await wire.send(b"TP/1.1\r\nHost: x\r\n\r\n" + GET % b"/again")
    site.server.sweep(now + 14)
    assert await wire.at_end()


async def test_a_client_that_takes_nothing_is_dropped(serve: Serve) -> None:
    site = await serve(lambda request: Response(200, b"x" * 50_000_000), write_timeout=10)
    wire = await site.connect(limit=1)
    await wire.send(GET % b"/")
    await wire.reader.read(1)
    [connection] = site.server._connections
    while connection._writable is None:  # noqa: ASYNC110 - until the client's not reading has come through
        await asyncio.sleep(0)
    site.server.sweep(asyncio.get_running_loop().time() + 11)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await wire.reader.readexactly(50_000_000)


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_a_client_that_takes_little_by_little_is_dropped(serve: Serve, in_pieces: bool) -> None:
    """Though it takes something each time; what it has taken gives it more time."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(500):
            yield b"x" * 100_000

    def reply(request: Request) -> Reply:
        whole = Response(200, b"x" * 50_000_000)
        return StreamResponse(200, pieces(), is_finite=True) if in_pieces else whole

    site = await serve(reply, write_timeout=10, write_rate=1_000_000)
    wire = await site.connect(limit=1)
    await wire.send(GET % b"/")
    [connection] = site.server._connections
    now = asyncio.get_running_loop().time()
    for seconds in range(6, 50, 6):
        sent = connection.sent
        while connection.sent == sent:
            await wire.reader.read(1 << 20)
        while connection._writable is None:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        site.server.sweep(now + seconds)
        behind = seconds > 10 + connection.sent / 1_000_000
        assert connection.transport.is_closing() == behind
        if behind:
            break
    assert 10 < seconds < 50
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await wire.reader.readexactly(50_000_000)


async def test_connections_beyond_the_limit_are_closed(serve: Serve) -> None:
    site = await serve(connections=2)
    kept = [await site.connect() for _ in range(2)]
    for wire in kept:
        await wire.send(GET % b"/")
        assert (await wire.response())[0] == 200
    extra = await site.connect()
    assert await extra.at_end()
    await kept[0].close()
    await kept[1].send(GET % b"/")
    assert (await kept[1].response())[0] == 200
