"""WebSockets between our two ends, and frames written by hand."""

import asyncio
import struct
import tracemalloc

import pytest

from sampan.transport import websocket
from sampan.transport.connection import HTTPClient, UpgradeRefused
from sampan.transport.messages import Reply, Request, Response
from sampan.transport.websocket import BadHandshake
from sampan.transport.websocket_stream import WebSocket
from tests.transport.conftest import Serve, connection_pair

HEADERS = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def request(**changes: str) -> Request:
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return Request("GET", "/", "", headers)


def test_the_example_of_the_rfc() -> None:
    assert websocket.accept_headers(request(), "chat") == [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("Sec-WebSocket-Protocol", "chat"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        request(sec_websocket_version="12"),
        request(sec_websocket_key="short"),
        request(sec_websocket_key="AAAA"),
        request(upgrade="h2c"),
        Request("POST", "/", "", HEADERS),
    ],
)
def test_bad_handshakes(bad: Request) -> None:
    with pytest.raises(BadHandshake):
        websocket.accept_headers(bad)


def test_offered_protocols() -> None:
    assert websocket.offered_protocols(request(sec_websocket_protocol="a,  b.c ,")) == ["a", "b.c"]


async def test_messages(serve: Serve) -> None:
    closed: asyncio.Queue[tuple[int | None, str]] = asyncio.Queue()

    async def shout(socket: WebSocket) -> None:
        while (message := await socket.receive()) is not None:
            await socket.send(message.upper())
        closed.put_nowait((socket.close_code, socket.close_reason))

    def handler(request: Request) -> Reply:
        if request.path != "/":
            return Response(403)
        return websocket.accept(request, shout, websocket.offered_protocols(request)[1])

    client = HTTPClient(f"http://127.0.0.1:{(await serve(handler)).port}")
    socket = await websocket.connect(client, "/", ["one", "two"])
    assert socket.subprotocol == "two"
    for message in (b"binary", "text", b"x" * 3_000_000, b"", ""):
        await socket.ping(b"are you there")
        await socket.send(message)
        assert await socket.receive() == message.upper()
    await socket.close(4000, "enough")
    assert await closed.get() == (4000, "enough")
    with pytest.raises(ConnectionError):
        await socket.send(b"late")
    with pytest.raises(UpgradeRefused):
        await websocket.connect(client, "/other")


def frame(opcode: int, payload: bytes, *, fin: bool = True, mask: bytes | None = b"\0\0\0\0") -> bytes:
    masked = 0x80 if mask is not None else 0
    size = struct.pack(">BH", masked | 126, len(payload)) if len(payload) > 125 else bytes([masked | len(payload)])
    return bytes([opcode | (0x80 if fin else 0)]) + size + (mask or b"") + payload


async def test_fragments_pings_and_close() -> None:
    one, other = await connection_pair()
    socket = WebSocket(one, client=False)
    await other.write(frame(1, b"a", fin=False) + frame(9, b"ping") + frame(0, b"b", fin=False) + frame(0, b"c"))
    assert await socket.receive() == "abc"
    assert await other.read() == b"\x8a\x04ping"
    await other.write(frame(8, struct.pack(">H", 1001) + b"bye"))
    assert await socket.receive() is None
    assert (socket.close_code, socket.close_reason) == (1001, "bye")
    assert await other.read() == b"\x88\x05" + struct.pack(">H", 1001) + b"bye"
    await socket.close()
    assert await other.read() == b""
    await other.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(1, b"unmasked", mask=None), 1002),
        (frame(1, b"\xff\xff"), 1007),
        (frame(3, b"reserved"), 1002),
        (frame(0, b"continues nothing"), 1002),
        (frame(9, b"x" * 126), 1002),
        (frame(2, b"x" * 600, fin=False) + frame(0, b"x" * 600), 1009),
    ],
)
async def test_violations_close_with_a_code(data: bytes, code: int) -> None:
    one, other = await connection_pair()
    socket = WebSocket(one, client=False, max_message=1000)
    await other.write(data)
    assert await socket.receive() is None
    await socket.close()
    answer = await other.read()
    assert answer[0] == 0x88 and struct.unpack(">H", answer[2:4])[0] == code
    await other.close()


async def test_a_connection_that_breaks() -> None:
    one, other = await connection_pair()
    socket = WebSocket(one, client=False)
    other.abort()
    assert await socket.receive() is None
    assert socket.close_code == 1006
    await socket.close()


async def test_a_message_in_very_many_fragments_takes_no_more_memory_than_its_bytes() -> None:
    one, other = await connection_pair()
    socket = WebSocket(one, client=False)
    piece = frame(0, b"", fin=False) * 2000 + frame(0, b"ab", fin=False) * 2000

    async def send() -> None:
        await other.write(frame(2, b"", fin=False))
        for _ in range(20):
            await other.write(piece)
        await other.write(frame(0, b"."))

    tracemalloc.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            message = await socket.receive()
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert message == b"ab" * 40_000 + b"."
    await socket.close()
    await other.close()
