"""Long lists come in pieces that are all of the list, in every form, and hold neither memory nor the loop."""

import asyncio
import gzip
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import orjson
import pytest
import yaml

from sampan.apiserver.accept import PROTOBUF, YAML
from sampan.apiserver.aggregation.local import whole
from sampan.apiserver.render import batches
from sampan.machinery.protobuf import parse_protobuf
from sampan.reconcile import pace
from sampan.testing.clock import VirtualClock
from sampan.transport.messages import Request, Response, StreamResponse
from sampan.transport.writing import compressed
from tests.apiserver.harness import API, CONFIG_MAPS, PODS, config_map, pod, running

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
COUNT = 25


@pytest.fixture
async def api() -> AsyncIterator[API]:
    async with running(now=VirtualClock().now) as made:
        await made.service_account()
        for number in range(COUNT):
            await made.create(PODS, pod(f"p{number:02}"))
            text = "x\n" * 10 + "ü" * number
            await made.create(CONFIG_MAPS, config_map(f"c{number:02}", text=text))
            await made.create("/api/v1/namespaces/default/events", event(f"e{number:02}"))
        yield made


def event(name: str) -> dict[str, Any]:
    about = {"kind": "Pod", "name": "x", "namespace": "default"}
    return {"metadata": {"name": name}, "involvedObject": about, "reason": "Some", "type": "Normal"}


async def raw(api: API, path: str, accept: str = "", **headers: str) -> Response | StreamResponse:
    sent = {"authorization": "Bearer admin", "accept": accept, **headers}
    reply: Response | StreamResponse = await api.raw(Request("GET", path, "", sent, raw_path=path))
    return reply


async def body_of(reply: Response | StreamResponse) -> bytes:
    found = await whole(reply)
    return b"".join([found.body, *found.chunks])


@pytest.mark.parametrize("path", [PODS, CONFIG_MAPS, EVENTS])
@pytest.mark.parametrize(
    ("accept", "agent"),
    [
        ("", ""),
        ("", "curl/8"),
        (YAML, ""),
        (PROTOBUF, ""),
        (TABLE, ""),
        (TABLE, "curl/8"),
        (METADATA, ""),
        (TABLE.replace("json", "yaml"), ""),
        (METADATA.replace("json", "yaml"), ""),
        (METADATA.replace("application/json", PROTOBUF), ""),
    ],
)
async def test_pieces_are_the_whole(
    api: API, monkeypatch: pytest.MonkeyPatch, path: str, accept: str, agent: str
) -> None:
    """The same bytes, to the last one, as those of a list that is short."""
    reply = await raw(api, path, accept, **{"user-agent": agent})
    assert isinstance(reply, Response)
    monkeypatch.setattr(batches, "LONG", 100)
    monkeypatch.setattr(batches, "_PIECE", 2000)
    long = await raw(api, path, accept, **{"user-agent": agent})
    assert isinstance(long, StreamResponse) and long.is_finite
    assert (long.status, long.content_type) == (reply.status, reply.content_type)
    pieces = [piece async for piece in long.stream]
    assert len(pieces) > 3 and all(pieces)
    whole_text = await body_of(reply)
    assert b"".join(pieces) == whole_text
    if accept.startswith(PROTOBUF):
        assert len(parse_protobuf(whole_text)["items"]) == COUNT
    elif "yaml" in accept:
        assert len(yaml.safe_load(whole_text)["rows" if "Table" in accept else "items"]) == COUNT
    else:
        tree = orjson.loads(whole_text)
        assert len(tree["rows" if "Table" in accept else "items"]) == COUNT


async def test_what_is_wrong_is_said_before_it_begins(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LONG", 100)
    answer = await api.call("GET", PODS, accept=TABLE, query={"includeObject": "Nothing"})
    assert answer.status == 400
    for form in (METADATA.replace("List", ""), TABLE.replace("application/json", PROTOBUF)):
        assert (await api.call("GET", PODS, accept=form)).status == 406


async def test_a_list_is_of_one_moment_however_long_it_is_read(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LONG", 100)
    monkeypatch.setattr(batches, "_PIECE", 1)
    reply = await raw(api, CONFIG_MAPS)
    assert isinstance(reply, StreamResponse)
    first = await anext(reply.stream)
    await api.call("DELETE", f"{CONFIG_MAPS}/c24")
    await api.create(CONFIG_MAPS, config_map("c99"))
    rest = [piece async for piece in reply.stream]
    names = [item["metadata"]["name"] for item in orjson.loads(first + b"".join(rest))["items"]]
    assert names == [f"c{number:02}" for number in range(COUNT)]


async def test_others_have_their_turn_between_pieces(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LONG", 100)
    monkeypatch.setattr(batches, "_PIECE", 1)
    monkeypatch.setattr(pace, "_SLICE", -1.0)
    reply = await raw(api, CONFIG_MAPS)
    assert isinstance(reply, StreamResponse)
    done: list[str] = []

    async def read(reply: StreamResponse) -> None:
        async for _ in reply.stream:
            done.append("piece")

    async def others() -> None:
        while "end" not in done:
            done.append("-")
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await read(reply)
    done.append("end")
    await task
    assert not any(one == two == "piece" for one, two in pairwise(done))


async def test_seats_are_held_until_the_end(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a client reads nothing, or goes away in the middle."""
    monkeypatch.setattr(batches, "LONG", 100)
    levels = api.server.fairness.current()
    queues = levels.states["exempt"].queues
    reply = await raw(api, CONFIG_MAPS)
    assert isinstance(reply, StreamResponse) and queues.executing == 1
    await body_of(reply)
    assert queues.idle
    reply = await raw(api, CONFIG_MAPS)
    assert isinstance(reply, StreamResponse)
    await anext(reply.stream)
    assert queues.executing == 1
    await reply.stream.aclose()  # type: ignore[attr-defined]
    assert queues.idle
    reply = await raw(api, CONFIG_MAPS)
    assert queues.executing == 1
    del reply
    assert queues.idle


async def test_a_large_object_is_not_copied_for_each_client(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("large", text="x" * 100_000))
    replies = [await raw(api, f"{CONFIG_MAPS}/large") for _ in range(2)]
    values = [piece.obj for reply in replies for piece in reply.chunks if isinstance(piece, memoryview)]  # type: ignore[union-attr]
    assert len(values) == 2 and values[0] is values[1]
    assert orjson.loads(await body_of(replies[0]))["data"]["text"] == "x" * 100_000


async def test_a_piece_that_waits_for_its_client_is_held_once(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the transport."""
    monkeypatch.setattr(batches, "LONG", 100)
    reply = await raw(api, CONFIG_MAPS)
    assert isinstance(reply, StreamResponse)
    piece = await anext(reply.stream)
    assert sys.getrefcount(piece) == 2, "this function, and the call"
    await reply.stream.aclose()  # type: ignore[attr-defined]


async def test_compressed_piece_by_piece() -> None:
    async def stream() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%d" % number * 100

    text = b"".join([piece async for piece in compressed(StreamResponse(200, stream(), is_finite=True)).stream])
    assert gzip.decompress(text) == b"".join(b"%d" % number * 100 for number in range(100))
