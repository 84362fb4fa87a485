"""The running server under bytes that no client should send: it answers with an error or closes, and serves on."""

import asyncio
import random

import pytest

from tests.transport.conftest import Serve, Site

SEEDS = [
    b"GET /api HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n",
    b"POST /api?x=y HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world",
    b"PUT /a%20b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x85....",
    b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"GET / HTTP/1.0\r\n\r\n",
]
SPICE = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"\xff",
    b"0",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
]


def mutate(dice: random.Random) -> bytes:
    data = bytearray(b"".join(dice.choices(SEEDS, k=dice.randint(1, 3))))
    for _ in range(dice.randint(0, 6)):
        position = dice.randrange(len(data) + 1)
        match dice.randrange(4):
            case 0:
                data[position:position] = dice.choice(SPICE)
            case 1:
                del data[position : position + dice.randint(1, 20)]
            case 2:
                data[position : position + 1] = bytes([dice.randrange(256)])
            case _:
                del data[position:]
    return bytes(data)


async def talk(site: Site, data: bytes, cut: int) -> bytes:
    wire = await site.connect()
    try:
        await wire.send(data[:cut])
        await wire.send(data[cut:])
        wire.writer.write_eof()
        return await wire.reader.read()
    except ConnectionError:
        return b""
    finally:
        await wire.close()


async def test_mutated_requests(serve: Serve) -> None:
    site = await serve(head_bytes=2000, linger=0.0)
    dice = random.Random(20)
    for _ in range(300):
        data = mutate(dice)
        answer = await talk(site, data, dice.randint(0, len(data)))
        assert not answer or answer.startswith(b"HTTP/1.1 "), data
        assert b"HTTP/1.1 500" not in answer, data
    assert (await talk(site, SEEDS[0], 3)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("data", [b"", b"\r\n" * 1000, b"G", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 5_000_000])
async def test_abandoned_requests(serve: Serve, data: bytes) -> None:
    site = await serve()
    await asyncio.gather(*(talk(site, data, len(data) // 2) for _ in range(5)))
    assert (await talk(site, SEEDS[0], 3)).startswith(b"HTTP/1.1 200")
