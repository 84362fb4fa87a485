"""The server on real sockets."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator

import pytest

from sampan.transport.messages import Connection, Request, Response, StreamResponse, Upgrade
from tests.transport.conftest import Serve, echo

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_keep_alive(serve: Serve) -> None:
    wire = await (await serve()).connect()
    for number in range(3):
        await wire.send(GET % (b"/%d?q" % number))
        status, headers, body = await wire.response()
        assert (status, body) == (200, b"GET /%d q " % number)
        assert headers["content-type"] == "text/plain" and "connection" not in headers and "date" in headers


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"])
async def test_close_when_asked(serve: Serve, head: bytes) -> None:
    wire = await (await serve()).connect()
    await wire.send(head)
    status, headers, _ = await wire.response()
    assert status == 200 and headers["connection"] == "close"
    assert await wire.at_end()


async def test_http_1_0_keep_alive(serve: Serve) -> None:
    wire = await (await serve()).connect()
    for _ in range(2):
        await wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (await wire.response())[1]["connection"] == "keep-alive"


async def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    release = asyncio.Event()

    async def slow(request: Request) -> Response:
        await release.wait()
        return echo(request)

    def handler(request: Request) -> object:
        return slow(request) if request.path == "/slow" else echo(request)

    wire = await (await serve(handler)).connect()
    count = 500  # more than may wait, so reading pauses and goes on
    await wire.send(GET % b"/slow" + b"".join(GET % (b"/%d" % n) for n in range(count)))
    release.set()
    assert (await wire.response())[2] == b"GET /slow  "
    for number in range(count):
        assert (await wire.response())[2] == b"GET /%d  " % number


async def test_body_and_continue(serve: Serve) -> None:
    wire = await (await serve()).connect()
    await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert (await wire.response())[0] == 100
    await wire.send(b"abc")
    assert (await wire.response())[2] == b"POST /  abc"


async def test_continue_waits_for_its_turn(serve: Serve) -> None:
    release = asyncio.Event()

    async def handler(request: Request) -> Response:
        await release.wait()
        return echo(request)

    wire = await (await serve(handler)).connect()
    await wire.send(
        GET % b"/first" + b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    )
    release.set()
    assert (await wire.response())[2] == b"GET /first  "
    assert (await wire.response())[0] == 100
    await wire.send(b"!")
    assert (await wire.response())[2] == b"POST /  !"


async def test_too_large_a_body_gets_its_answer(serve: Serve) -> None:
    site = await serve(body_bytes=1000)
    wire = await site.connect()
    await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
    sender = asyncio.create_task(wire.send(b"x" * 3_000_000))  # a client that writes all before it reads
    status, headers, body = await wire.response()
    assert status == 413 and headers["connection"] == "close" and b"1000 bytes" in body
    with contextlib.suppress(ConnectionError):
        await sender


async def test_malformed_input_is_refused_and_the_connection_closed(serve: Serve) -> None:
    wire = await (await serve()).connect()
    await wire.send(GET % b"/fine" + b"NONSENSE\r\n\r\n" + GET % b"/smuggled")
    assert (await wire.response())[0] == 200
    status, headers, _ = await wire.response()
    assert status == 400 and headers["connection"] == "close"
    assert await wire.at_end()


async def test_head_and_bodiless(serve: Serve) -> None:
    site = await serve(lambda request: Response(204) if request.path == "/204" else Response(200, b"body"))
    wire = await site.connect()
    await wire.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await wire.response(head=True))[1]["content-length"] == "4"
    await wire.send(GET % b"/204")
    status, headers, _ = await wire.response()
    assert status == 204 and "content-length" not in headers and "content-type" not in headers
    await wire.send(GET % b"/")
    assert (await wire.response())[2] == b"body"


async def test_a_failing_handler_is_a_500(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def later(request: Request) -> Response:
        raise ValueError("later")

    def handler(request: Request) -> object:
        if request.path == "/later":
            return later(request)
        raise ValueError("now")

    wire = await (await serve(handler)).connect()
    for path, text in ((b"/now", "now"), (b"/later", "later")):
        await wire.send(GET % path)
        status, _, body = await wire.response()
        assert status == 500 and text.encode() not in body
        assert str(caplog.records[-1].exc_info[1]) == text  # type: ignore[index]


async def test_response_headers_can_not_be_split(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        return Response(200, b"", headers=[("Warning", "a\r\nSet-Cookie: evil")])

    wire = await (await serve(handler)).connect()
    await wire.send(GET % b"/")
    assert (await wire.response())[0] == 500
    assert "line break" in str(caplog.records[-1].exc_info[1])  # type: ignore[index]


async def test_large_chunked_responses_meet_back_pressure(serve: Serve) -> None:
    pieces = [bytes([n % 256]) * 100_000 for n in range(200)]
    wire = await (await serve(lambda request: Response(200, b"head", chunks=pieces))).connect()
    await wire.send((GET % b"/") * 2)
    for _ in range(2):
        assert (await wire.response())[2] == b"head" + b"".join(pieces)


async def test_stream(serve: Serve) -> None:
    async def events() -> AsyncIterator[bytes]:
        for n in range(3):
            yield b"event %d\n" % n

    site = await serve(lambda request: StreamResponse(200, events(), headers=[("X-Y", "z")]))
    wire = await site.connect()
    for _ in range(2):
        await wire.send(GET % b"/")
        status, headers, body = await wire.response()
        assert (status, headers["x-y"], body) == (200, "z", b"event 0\nevent 1\nevent 2\n")
    old = await site.connect()
    await old.send(b"GET / HTTP/1.0\r\n\r\n")
    assert (await old.response())[2] == b"event 0\nevent 1\nevent 2\n"


class Faucet:
    """A stream that runs until it is closed."""

    def __init__(self) -> None:
        self.produced = 0
        self.closed = asyncio.Event()
        self.more = asyncio.Event()

    async def run(self, size: int = 1, endless: bool = False) -> AsyncIterator[bytes]:
        try:
            while True:
                self.produced += size
                yield b"x" * size
                if not endless:
                    await self.more.wait()
        finally:
            self.closed.set()


async def test_a_stream_is_closed_when_the_client_goes(serve: Serve) -> None:
    faucet = Faucet()
    wire = await (await serve(lambda request: StreamResponse(200, faucet.run()))).connect()
    await wire.send(GET % b"/")
    await wire.reader.readuntil(b"1\r\nx\r\n")
    await wire.close()
    await faucet.closed.wait()


async def test_a_stream_waits_for_a_slow_client(serve: Serve) -> None:
    faucet = Faucet()
    site = await serve(lambda request: StreamResponse(200, faucet.run(100_000, endless=True)))
    wire = await site.connect(limit=1)
    await wire.send(GET % b"/")
    before = -1
    while faucet.produced != before:  # until nothing moves any more
        before = faucet.produced
        for _ in range(200):
            await asyncio.sleep(0)
    assert 0 < faucet.produced < 50_000_000
    wire.writer.transport.abort()
    await faucet.closed.wait()


async def test_a_failing_stream_breaks_off(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ValueError("stream")

    wire = await (await serve(lambda request: StreamResponse(200, broken()))).connect()
    await wire.send(GET % b"/")
    with contextlib.suppress(ConnectionError):  # a reset may overtake what was sent
        assert not (await wire.reader.read()).endswith(b"0\r\n\r\n")
    assert "stream failed" in caplog.text


async def test_reads_are_cancelled_when_the_client_goes_and_writes_are_not(serve: Serve) -> None:
    started, release = asyncio.Queue[str](), asyncio.Event()
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def handler(request: Request) -> Response:
        try:
            started.put_nowait(request.method)
            await release.wait()
            ended.put_nowait(f"{request.method} done")
        except asyncio.CancelledError:
            ended.put_nowait(f"{request.method} cancelled")
            raise
        return echo(request)

    site = await serve(handler)
    for method in (b"POST", b"GET"):
        wire = await site.connect()
        await wire.send(b"%b / HTTP/1.1\r\nHost: x\r\n\r\n" % method)
        await started.get()
        await wire.close()
    assert await ended.get() == "GET cancelled"
    release.set()
    assert await ended.get() == "POST done"


async def test_upgrade(serve: Serve) -> None:
    async def shout(connection: Connection) -> None:
        while data := await connection.read():
            await connection.write(data.upper())

    async def handler(request: Request) -> Upgrade:
        return Upgrade(shout, [("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade")])

    wire = await (await serve(handler)).connect()
    await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nearly ")
    status, headers, _ = await wire.response()
    assert status == 101 and headers["upgrade"] == "SPDY/3.1"
    await wire.send(b"late")
    assert await wire.reader.readexactly(10) == b"EARLY LATE"
    wire.writer.write_eof()
    assert await wire.at_end()


async def test_a_refused_upgrade_closes_the_connection(serve: Serve) -> None:
    wire = await (await serve(lambda request: Response(403, b"no"))).connect()
    await wire.send(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + GET % b"/smuggled"
    )
    status, headers, _ = await wire.response()
    assert status == 403 and headers["connection"] == "close"
    assert await wire.at_end()


async def test_stop_ends_streams_in_order_and_lets_requests_finish(serve: Serve) -> None:
    faucet, started, release = Faucet(), asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        started.set()
        await release.wait()
        return echo(request)

    def handler(request: Request) -> object:
        return StreamResponse(200, faucet.run()) if request.path == "/watch" else slow(request)

    site = await serve(handler)
    watch, request, idle = [await site.connect() for _ in range(3)]
    await watch.send(GET % b"/watch")
    await watch.reader.readuntil(b"1\r\nx\r\n")
    await request.send(GET % b"/slow" + GET % b"/never")
    await started.wait()
    stopping = asyncio.create_task(site.server.stop(grace=60))
    assert await watch.reader.read() == b"0\r\n\r\n"
    assert faucet.closed.is_set()
    assert await idle.at_end()
    release.set()
    status, headers, _ = await request.response()
    assert status == 200 and headers["connection"] == "close"
    assert await request.at_end()
    await stopping
    with pytest.raises(OSError):
        await site.connect()


async def test_stop_does_not_wait_beyond_its_grace(serve: Serve) -> None:
    started = asyncio.Event()

    async def stuck(request: Request) -> Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    site = await serve(stuck)
    wire = await site.connect()
    await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
    await started.wait()
    await site.server.stop(grace=0)
    assert await wire.at_end()


async def test_gzip(serve: Serve) -> None:
    async def later(request: Request) -> Response:
        return Response(200, b"a" * 100_000, chunks=[b"b" * 1000])

    def handler(request: Request) -> object:
        return later(request) if request.path == "/later" else Response(200, b"a" * 100_000, chunks=[b"b" * 1000])

    site = await serve(handler, gzip_bytes=80_000, gzip_loopback=True)
    wire = await site.connect()
    for path in (b"/", b"/later"):
        await wire.send(b"GET %b HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br, gzip;q=0.5\r\n\r\n" % path)
        _, headers, body = await wire.response()
        assert headers["content-encoding"] == "gzip" and headers["vary"] == "Accept-Encoding"
        assert gzip.decompress(body) == b"a" * 100_000 + b"b" * 1000
        await wire.send(b"GET %b HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=0\r\n\r\n" % path)
        _, headers, body = await wire.response()
        assert "content-encoding" not in headers and len(body) == 101_000
