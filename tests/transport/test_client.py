"""The client against the server, and against bare sockets that misbehave."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sampan.transport.connection import HTTPClient, UpgradeRefused
from sampan.transport.messages import Connection, Request, Response, StreamResponse, Upgrade
from sampan.transport.reading import ProtocolError
from sampan.transport.tls import client_context, server_context
from tests.transport.certificates import Authority
from tests.transport.conftest import Serve, echo

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Misbehave = Callable[[Script], Awaitable[HTTPClient]]


@pytest.fixture
async def misbehave() -> AsyncIterator[Misbehave]:
    """A client of a server that runs a script on each connection."""
    servers, clients = [], []

    async def start(script: Script) -> HTTPClient:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await script(reader, writer)
            writer.close()

        server = await asyncio.start_server(run, "127.0.0.1", 0)
        servers.append(server)
        clients.append(HTTPClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()
    for server in servers:
        server.close()
        await server.wait_closed()


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def test_requests_share_a_connection(serve: Serve) -> None:
    site = await serve(lambda request: Response(200, request.remote.encode() + b" " + request.headers["x-a"].encode()))
    client = HTTPClient(f"http://127.0.0.1:{site.port}", headers={"X-A": "b"})
    for _ in range(3):
        answer = await client.request("GET", "/")
        assert (answer.status, answer.body) == (200, b"127.0.0.1 b")
    await client.request("HEAD", "/")
    await client.close()


async def test_prefix_body_and_big_answer(serve: Serve) -> None:
    site = await serve(lambda request: echo(request) if request.path == "/p/x" else Response(500))
    client = HTTPClient(f"http://127.0.0.1:{site.port}/p/")
    body = b"b" * 2_000_000
    assert (await client.request("POST", "/x?q=1", {"Accept": "a"}, body)).body == b"POST /p/x q=1 " + body
    await client.close()


@pytest.mark.parametrize("path", ["/a b", "/ä", "/a\r\nX: y", "/a\n"])
async def test_paths_must_be_encoded(path: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded"):
        await HTTPClient("http://127.0.0.1:1").request("GET", path)


async def test_stream(serve: Serve) -> None:
    gate = asyncio.Event()
    closed = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await gate.wait()
            yield b"two"
            await asyncio.Event().wait()
        finally:
            closed.set()

    site = await serve(lambda request: StreamResponse(200, events()))
    client = HTTPClient(f"http://127.0.0.1:{site.port}")
    async with client.stream("GET", "/") as answer:
        assert await anext(answer.body) == b"one"
        gate.set()
        assert await anext(answer.body) == b"two"
    await closed.wait()  # leaving early closes the connection
    await client.close()


async def test_a_stale_connection_is_replaced_for_reads_only(misbehave: Misbehave) -> None:
    requests: list[bytes] = []

    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await head_of(reader)).split()[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        requests.append((await head_of(reader)).split()[0])  # and closes without an answer

    client = await misbehave(one_answer)
    assert (await client.request("GET", "/")).body == b"ok"
    assert (await client.request("GET", "/")).body == b"ok"
    assert requests == [b"GET", b"GET", b"GET"]
    with pytest.raises(ConnectionError):
        await client.request("POST", "/")
    assert requests == [b"GET", b"GET", b"GET", b"POST"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_100_000,
    ],
)
async def test_broken_answers(misbehave: Misbehave, answer: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(answer)

    client = await misbehave(script)
    with pytest.raises(ConnectionError):
        await client.request("GET", "/")


async def test_odd_but_valid_answers(misbehave: Misbehave) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\nX: no\r\n\r\nHTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\n\r\nto the end")

    answer = await (await misbehave(script)).request("GET", "/")
    assert (answer.status, answer.headers, answer.body) == (200, {"a": "1, 2"}, b"to the end")


async def test_an_early_answer_to_a_long_body(serve: Serve) -> None:
    site = await serve(body_bytes=1000)
    client = HTTPClient(f"http://127.0.0.1:{site.port}")
    assert (await client.request("POST", "/", body=b"x" * 3_000_000)).status == 413


async def test_timeout(misbehave: Misbehave) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    client = await misbehave(script)
    with pytest.raises(TimeoutError):
        await client.request("GET", "/", timeout=0.01)


async def test_upgrade(serve: Serve) -> None:
    async def shout(connection: Connection) -> None:
        await connection.write(b"hello ")
        while data := await connection.read():
            await connection.write(data.upper())

    def handler(request: Request) -> object:
        if request.method != "POST":
            return Response(403, b"no")
        return Upgrade(shout, [("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade"), ("X-A", "b")])

    site = await serve(handler)
    client = HTTPClient(f"http://127.0.0.1:{site.port}")
    headers, connection = await client.upgrade("/", {}, "SPDY/3.1", method="POST")
    assert headers["x-a"] == "b"
    await connection.write(b"x" * 1_000_000)
    received = b""
    while len(received) < 1_000_006:
        received += await connection.read()
    assert received == b"hello " + b"X" * 1_000_000
    await connection.write_eof()
    assert await connection.read() == b""
    await connection.close()
    with pytest.raises(UpgradeRefused) as refused:
        await client.upgrade("/", {}, "SPDY/3.1")
    assert (refused.value.answer.status, refused.value.answer.body) == (403, b"no")


async def test_an_upgrade_to_something_else_is_an_error(misbehave: Misbehave) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")

    with pytest.raises(ProtocolError):
        await (await misbehave(script)).upgrade("/", {}, "websocket")


async def test_tls_with_client_certificate(serve: Serve) -> None:
    authority, stranger = Authority("ours"), Authority("theirs")
    context = server_context(*authority.issue("127.0.0.1"), client_ca=authority.pem)

    def who(request: Request) -> Response:
        return Response(200, request.peer_certificate or b"nobody")

    site = await serve(who, ssl_context=context)
    url = f"https://127.0.0.1:{site.port}"
    anonymous = HTTPClient(url, client_context(authority.pem))
    assert (await anonymous.request("GET", "/")).body == b"nobody"
    certificate, key = authority.issue("someone")
    known = HTTPClient(url, client_context(authority.pem, certificate, key))
    assert (await known.request("GET", "/")).body == ssl.PEM_cert_to_DER_cert(certificate.decode())
    false = HTTPClient(url, client_context(authority.pem, *stranger.issue("someone")))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await false.request("GET", "/")
    for context in (client_context(stranger.pem), client_context()):
        with pytest.raises(ssl.SSLCertVerificationError):
            await HTTPClient(url, context).request("GET", "/")
    unverified = HTTPClient(url, client_context(verify=False))
    assert (await unverified.request("GET", "/")).status == 200
    for client in (anonymous, known, unverified):
        await client.close()


async def test_server_name(serve: Serve) -> None:
    authority = Authority("ours")
    site = await serve(ssl_context=server_context(*authority.issue("kubernetes")))
    url, context = f"https://127.0.0.1:{site.port}", client_context(authority.pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        await HTTPClient(url, context).request("GET", "/")
    client = HTTPClient(url, context, server_name="kubernetes")
    assert (await client.request("GET", "/")).status == 200
    await client.close()


async def test_whoever_dials_an_address_for_a_name_says_the_name(serve: Serve) -> None:
    site = await serve(lambda request: Response(200, request.headers["host"].encode()))
    client = HTTPClient(f"http://127.0.0.1:{site.port}", headers={"Host": "web.default.svc:443"})
    answer = await client.request("GET", "/")
    assert answer.body == b"web.default.svc:443"
    await client.close()
