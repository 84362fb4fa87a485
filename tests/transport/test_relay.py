"""Standing in the middle."""

import asyncio

from sampan.transport.connection import Answer
from sampan.transport.relay import end_to_end, relay_answer, splice
from tests.transport.conftest import connection_pair


def test_only_end_to_end_headers_are_passed_on() -> None:
    headers = {
        "host": "h",
        "connection": "Upgrade, X-Mine",
        "upgrade": "websocket",
        "x-mine": "1",
        "keep-alive": "1",
        "transfer-encoding": "chunked",
        "content-length": "3",
        "accept": "a, b",
        "list": "a, b",
        "secret": "s",
    }
    assert end_to_end(headers.items(), drop=["secret"], split=["list"]) == [
        ("accept", "a, b"),
        ("list", "a"),
        ("list", "b"),
    ]


def test_an_answer_is_framed_anew() -> None:
    lines = [
        ("content-type", "text/plain"),
        ("content-length", "99"),
        ("date", "x"),
        ("set-cookie", "a"),
        ("set-cookie", "b"),
    ]
    answer = relay_answer(Answer(404, {**dict(lines), "set-cookie": "a, b"}, b"no", lines))
    assert (answer.status, answer.body, answer.content_type) == (404, b"no", "text/plain")
    assert answer.headers == [("set-cookie", "a"), ("set-cookie", "b")]


async def test_splice_copies_both_ways_and_ends_with_either() -> None:
    for closes_first in (0, 1):
        client, near = await connection_pair()
        far, backend = await connection_pair()
        async with asyncio.TaskGroup() as group:
            splicing = group.create_task(splice(near, far))
            await client.write(b"question")
            assert await backend.read() == b"question"
            await backend.write(b"answer")
            assert await client.read() == b"answer"
            ends = (client, backend)
            await ends[closes_first].write(b"last words")
            await ends[closes_first].close()
            assert await ends[not closes_first].read() == b"last words"
            assert await ends[not closes_first].read() == b""
            await splicing
        await client.close()
        await backend.close()


async def test_splice_holds_a_fast_sender_back() -> None:
    client, near = await connection_pair()
    far, backend = await connection_pair()
    total = 30_000_000
    async with asyncio.TaskGroup() as group:
        group.create_task(splice(near, far))
        sending = group.create_task(client.write(b"x" * total))
        for _ in range(2000):
            await asyncio.sleep(0)
        assert not sending.done()
        received = 0
        while received < total:
            received += len(await backend.read())
        await sending
        await client.close()
    await backend.close()
