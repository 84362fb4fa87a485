"""Requests whose bodies are read as they come, and answers whose length is known before they are."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable

import pytest

from sampan.testing.clock import settle
from sampan.transport.connection import HTTPClient
from sampan.transport.limits import Limits
from sampan.transport.messages import Handler, Reply, Request, Response, StreamResponse
from sampan.transport.parsing import RequestParser
from sampan.transport.server import HTTPServer
from tests.transport.conftest import Serve, Site

HEAD = b"POST /up HTTP/1.1\r\nHost: h\r\n"
Start = Callable[..., "asyncio.Future[Site]"]


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., "asyncio.Future[Site]"]]:
    """A server that reads the bodies of requests to /up as they come."""
    sites: list[Site] = []

    async def begin(handler: Handler, **limits: float) -> Site:
        server = HTTPServer(handler, limits=Limits(**limits), streamed=lambda request: request.path == "/up")  # type: ignore[arg-type]
        sites.append(Site(server, await server.start("127.0.0.1", 0)))
        return sites[-1]

    yield begin  # type: ignore[misc]
    for site in sites:
        for wire in site.wires:
            await wire.close()
        await site.server.stop()


async def count(request: Request) -> Reply:
    """How long the body is."""
    assert request.stream is not None
    size = 0
    async for piece in request.stream:
        size += len(piece)
    return Response(200, str(size).encode(), "text/plain")


async def echo(request: Request) -> Reply:
    """The body again, while it comes."""
    assert request.stream is not None
    return StreamResponse(200, request.stream, "text/plain", length=request.stream.length)


async def test_a_body_may_be_longer_than_any_limit(start: Start) -> None:
    site = await start(count, body_bytes=10)
    wire = await site.connect()
    await wire.send(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
    assert (await wire.response())[2] == b"1000000"
    await wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n")
    assert (await wire.response())[2] == b"10"
    await wire.send(b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n")
    assert (await wire.response())[0] == 413


async def test_requests_after_it_are_answered_on_the_same_connection(start: Start) -> None:
    site = await start(lambda request: count(request) if request.stream else Response(200, b"plain", "text/plain"))
    wire = await site.connect()
    await wire.send(HEAD + b"Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await wire.response())[2] == b"3"
    assert (await wire.response())[2] == b"plain"
    await wire.send(HEAD + b"Content-Length: 0\r\n\r\n")
    assert (await wire.response())[2] == b"0"


async def test_the_answer_may_begin_before_the_body_has_ended(start: Start) -> None:
    wire = await (await start(echo)).connect()
    await wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await wire.reader.readuntil(b"\r\n\r\n")
    assert await wire.reader.readexactly(10) == b"5\r\nhello\r\n"
    await wire.send(b"0\r\n\r\n")
    assert await wire.reader.readexactly(5) == b"0\r\n\r\n"
    assert await wire.at_end()  # the answer could not know that all of the request would be read


async def test_100_continue_is_said_when_somebody_reads(start: Start) -> None:
    go = asyncio.Event()

    async def later(request: Request) -> Reply:
        await go.wait()
        return await count(request)

    wire = await (await start(later)).connect()
    await wire.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    early = asyncio.ensure_future(wire.response())
    await settle(500)
    assert not early.done()
    go.set()
    assert (await early)[0] == 100
    await wire.send(b"ok")
    assert (await wire.response())[2] == b"2"


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
async def test_a_refusal_needs_no_body(start: Start, expect: bytes) -> None:
    wire = await (await start(lambda request: Response(403, b"no", "text/plain"))).connect()
    await wire.send(HEAD + expect + b"Content-Length: 1000000000\r\n\r\nxyz")
    status, headers, _ = await wire.response()
    assert (status, headers["connection"]) == (403, "close")
    assert await wire.at_end()


async def test_a_fast_client_is_held_back(start: Start) -> None:
    go = asyncio.Event()

    async def later(request: Request) -> Reply:
        await go.wait()
        return await count(request)

    wire = await (await start(later)).connect()
    size = 50_000_000
    sending = asyncio.ensure_future(wire.send(HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size))
    for _ in range(2000):
        await asyncio.sleep(0)
    assert not sending.done()
    go.set()
    await sending
    assert (await wire.response())[2] == str(size).encode()


async def test_the_handler_learns_that_the_client_broke_off(start: Start) -> None:
    ended: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def keep(request: Request) -> Reply:
        try:
            return await count(request)
        except BaseException as error:
            ended.set_result(error)
            raise

    wire = await (await start(keep)).connect()
    await wire.send(HEAD + b"Content-Length: 10\r\n\r\nabc")
    await settle(500)
    await wire.close()
    assert isinstance(await asyncio.wait_for(ended, 5), (ConnectionError, asyncio.CancelledError))


async def test_a_malformed_chunk_is_no_end(start: Start) -> None:
    async def tell(request: Request) -> Reply:
        try:
            return await count(request)
        except ConnectionError:
            return Response(400, b"broken", "text/plain")

    wire = await (await start(tell)).connect()
    await wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
    assert (await wire.response())[2] == b"broken"
    assert await wire.at_end()


def test_a_request_is_ready_before_its_body() -> None:
    parser = RequestParser(Limits(), streamed=lambda request: True)
    parser.feed(HEAD + b"Content-Length: 6\r\n\r\nabc")
    request, framing = parser.ready.popleft()  # type: ignore[misc]
    assert (request.incomplete, framing.keep_alive, parser.begun) == (True, True, True)
    parser.feed(b"defGET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (request.incomplete, request.stream.whole()) == (False, b"abcdef")
    assert not parser.begun
    assert parser.ready.popleft()[0].method == "GET"  # type: ignore[index]


# Answers of a known length


async def sized(request: Request) -> Reply:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        if request.path != "/short":
            yield b"def"

    return StreamResponse(304 if request.path == "/304" else 200, pieces(), "text/plain", length=6)


async def test_a_known_length_is_told(serve: Serve) -> None:
    wire = await (await serve(sized)).connect()
    for method in (b"GET", b"HEAD", b"GET"):
        await wire.send(method + b" / HTTP/1.1\r\nHost: h\r\n\r\n")
        status, headers, body = await wire.response(head=method == b"HEAD")
        assert (status, headers["content-length"], body) == (200, "6", b"" if method == b"HEAD" else b"abcdef")
        assert "transfer-encoding" not in headers
    await wire.send(b"GET /304 HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert (await wire.response())[0] == 304
    assert (await wire.response())[2] == b"abcdef"


async def test_http_1_0_keeps_alive_where_the_length_is_known(serve: Serve) -> None:
    wire = await (await serve(sized)).connect()
    for _ in range(2):
        await wire.send(b"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n")
        assert (await wire.response())[2] == b"abcdef"


async def test_less_than_was_told_breaks_off(serve: Serve) -> None:
    wire = await (await serve(sized)).connect()
    await wire.send(b"GET /short HTTP/1.1\r\nHost: h\r\n\r\n")
    await wire.reader.readuntil(b"\r\n\r\n")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await wire.reader.readexactly(6)


# The client's side


class Body:
    """Pieces that come when they are let go."""

    def __init__(self, length: int | None = None) -> None:
        self.length = length
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.broken = False

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        piece = await self.pieces.get()
        if self.broken:
            raise ConnectionResetError
        if piece is None:
            raise StopAsyncIteration
        return piece


async def test_a_client_sends_pieces_and_reads_meanwhile(start: Start) -> None:
    client, body = HTTPClient(f"http://127.0.0.1:{(await start(echo)).port}"), Body()
    async with client.stream("POST", "/up", body=body) as answer:
        for piece in (b"one", b"two"):
            body.pieces.put_nowait(piece)
            assert await anext(answer.body) == piece
        body.pieces.put_nowait(None)
        assert await answer.read() == b""
    await client.close()


async def test_a_part_is_never_taken_for_the_whole(start: Start) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def keep(request: Request) -> Reply:
        try:
            reply = await count(request)
        except (ConnectionError, asyncio.CancelledError):
            ended.set_result("broken")
            raise
        ended.set_result("whole")
        return reply

    client, body = HTTPClient(f"http://127.0.0.1:{(await start(keep)).port}"), Body()
    body.pieces.put_nowait(b"one")

    async def ask() -> None:
        async with client.stream("POST", "/up", body=body):
            raise AssertionError("there is no answer")

    asking = asyncio.ensure_future(ask())
    await settle(500)
    body.broken = True
    body.pieces.put_nowait(b"")
    with pytest.raises(ConnectionError):
        await asking
    assert await asyncio.wait_for(ended, 5) == "broken"


async def test_an_answer_may_come_before_the_body_was_sent(start: Start) -> None:
    site = await start(lambda request: Response(403, b"no", "text/plain"))
    client, body = HTTPClient(f"http://127.0.0.1:{site.port}"), Body(1000)
    async with client.stream("POST", "/up", body=body) as answer:
        assert (answer.status, await answer.read()) == (403, b"no")
    await client.close()


async def test_a_connection_is_gone_with_its_last_byte(start: Start) -> None:
    """The collector looks at old objects seldom: what a connection holds must not wait for it."""
    site = await start(count)
    wire = await site.connect()
    await wire.send(HEAD + b"Content-Length: 7\r\n\r\nabc")
    await settle()
    protocol, body = (weakref.ref(found) for found in _held(site))
    gc.disable()
    try:
        await wire.send(b"defg")
        assert (await wire.response())[2] == b"7"
        await settle()
        assert body() is None
        await wire.close()
        for _ in range(500):
            if protocol() is None:
                break
            await asyncio.sleep(0.01)
        assert protocol() is None
    finally:
        gc.enable()


def _held(site: Site) -> tuple[object, object]:
    (connection,) = site.server._connections
    stream = connection._parser.stream
    assert stream is not None
    return connection, stream
