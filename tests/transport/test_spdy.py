"""SPDY frames and sessions. Interoperation with the real kubectl is tested in tests/apiserver/streaming."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.transport.spdy import Session, SPDYError, StreamReset
from sampan.transport.spdy.dictionary import DICTIONARY
from sampan.transport.spdy.frames import Control, Data, FrameReader, FrameWriter, Reset, Type
from sampan.transport.spdy.session import BUFFER
from tests.transport.conftest import connection_pair


def test_the_dictionary_is_the_drafts() -> None:
    # the draft's dictionary has this length, and every zlib stream that uses it names it by this checksum
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_a_frame_on_the_wire() -> None:
    frame = FrameWriter().syn_stream(1, {"streamType": "stdin"})
    assert frame[:4] == bytes.fromhex("80030001")
    assert int.from_bytes(frame[4:8], "big") == len(frame) - 8
    assert frame[8:18] == bytes.fromhex("00000001000000000000")
    assert frame[20:24] == bytes.fromhex("e3c6a7c2")  # the zlib header's dictionary
    assert FrameWriter().data(3, b"ab", fin=True) == bytes.fromhex("00000003010000026162")
    assert FrameWriter().ping(2) == bytes.fromhex("800300060000000400000002")
    assert FrameWriter().rst_stream(5, Reset.CANCEL) == bytes.fromhex("80030003000000080000000500000005")


@given(st.lists(st.integers(0, 400), max_size=8))
def test_round_trip_in_any_pieces(cuts: list[int]) -> None:
    writer, reader = FrameWriter(), FrameReader()
    data = b"".join(
        [
            writer.syn_stream(1, {"streamType": "error"}),
            writer.syn_reply(1, {}),
            writer.syn_stream(3, {"port": "80", "requestID": "0"}, fin=True),
            writer.data(3, b"x" * 100),
            writer.rst_stream(3, Reset.REFUSED_STREAM),
            writer.ping(7),
            writer.goaway(3),
        ]
    )
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    frames = [frame for a, b in pairwise(edges) for frame in reader.feed(data[a:b])]
    assert frames == [
        Control(Type.SYN_STREAM, 1, {"streamtype": "error"}),
        Control(Type.SYN_REPLY, 1, {}),
        Control(Type.SYN_STREAM, 3, {"port": "80", "requestid": "0"}, True),
        Data(3, b"x" * 100, False),
        Control(Type.RST_STREAM, 3, value=3),
        Control(Type.PING, 7),
        Control(Type.GOAWAY, 3),
    ]


@given(st.binary(max_size=200))
def test_garbage_ends_the_session_and_nothing_else(data: bytes) -> None:
    for prefix in (b"", b"\x80\x03\x00\x01\x00\x00\x00\x20", b"\x80\x03\x00\x02\x00\x00\x00\x08"):
        try:
            list(FrameReader().feed(prefix + data))
        except SPDYError:
            continue


def test_a_header_block_can_not_explode() -> None:
    bomb = FrameWriter().syn_stream(1, {"x": "a" * 10_000_000})
    assert len(bomb) < 64 * 1024
    with pytest.raises(SPDYError, match="too large"):
        list(FrameReader().feed(bomb))


def test_control_frames_are_bounded() -> None:
    with pytest.raises(SPDYError, match="too large"):
        list(FrameReader().feed(bytes.fromhex("8003000100ffffff")))


@asynccontextmanager
async def sessions() -> AsyncIterator[tuple[Session, Session]]:
    one, other = await connection_pair()
    client, server = Session(one, client=True), Session(other, client=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(client.run())
        group.create_task(server.run())
        yield client, server
        await client.close()
        await server.close()


async def test_streams_both_ways_with_half_close() -> None:
    async with sessions() as (client, server), asyncio.TaskGroup() as group:
        for opener, accepter in ((client, server), (server, client)):
            opening = group.create_task(opener.open({"streamType": "stdin"}))
            theirs = await accepter.accept()
            assert theirs is not None and theirs.headers == {"streamtype": "stdin"}
            await theirs.reply()
            ours = await opening
            await ours.write(b"question")
            await ours.write_eof()
            assert await theirs.read() == b"question"
            assert await theirs.read() == b""
            await theirs.write(b"answer")
            assert await ours.read() == b"answer"
            await theirs.write_eof()
            assert await ours.read() == b""
            with pytest.raises(ConnectionError):
                await ours.write(b"too late")
        assert not client._streams and not server._streams


async def test_refused_and_reset_streams() -> None:
    async with sessions() as (client, server), asyncio.TaskGroup() as group:
        opening = group.create_task(_refused(client))
        stream = await server.accept()
        assert stream is not None
        await stream.reset(Reset.REFUSED_STREAM)
        await opening
        opening_2 = group.create_task(client.open({}))
        stream = await server.accept()
        assert stream is not None
        await stream.reply()
        ours = await opening_2
        await ours.close()  # the peer has not closed its half
        assert await stream.read() == b""
        with pytest.raises(StreamReset):
            while True:
                await stream.write(b"x")
                await asyncio.sleep(0)


async def _refused(session: Session) -> None:
    with pytest.raises(StreamReset):
        await session.open({})


async def test_a_stream_that_nobody_reads_holds_the_sender_back() -> None:
    async with sessions() as (client, server), asyncio.TaskGroup() as group:
        opening = group.create_task(client.open({}))
        theirs = await server.accept()
        assert theirs is not None
        await theirs.reply()
        ours = await opening
        total = 20 * 1024 * 1024
        sending = group.create_task(_send(ours, total))
        while theirs._room.is_set():  # noqa: ASYNC110 - what is awaited is that an event is cleared
            await asyncio.sleep(0)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not sending.done() and theirs._size <= BUFFER + (1 << 20)
        received = 0
        while data := await theirs.read():
            received += len(data)
        assert received == total


async def _send(stream, total: int) -> None:  # type: ignore[no-untyped-def]
    for _ in range(20):
        await stream.write(b"x" * (total // 20))
    await stream.write_eof()


async def test_the_end_of_the_connection_ends_everything() -> None:
    one, other = await connection_pair()
    client = Session(one, client=True)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(client.run())
        opening = group.create_task(_refused(client))
        assert await other.read()
        other.abort()
        await opening
        await running
    assert await client.accept() is None
    with pytest.raises(ConnectionError):
        await client.open({})


async def test_pings_are_answered() -> None:
    one, other = await connection_pair()
    session = Session(one, client=False)
    async with asyncio.TaskGroup() as group:
        group.create_task(session.run())
        await other.write(FrameWriter().ping(1) + FrameWriter().ping(2))
        assert await other.read() == FrameWriter().ping(1)  # 2 would be the answer to one of ours
        await other.close()


@pytest.mark.parametrize("frames", [lambda w: w.syn_stream(2, {}), lambda w: w.syn_stream(3, {}) + w.syn_stream(1, {})])
async def test_streams_out_of_order_are_an_error(frames) -> None:  # type: ignore[no-untyped-def]
    one, other = await connection_pair()
    session = Session(one, client=False)
    await other.write(frames(FrameWriter()))
    with pytest.raises(SPDYError, match="out of order"):
        await session.run()
    await other.close()
