"""Logs for clients that ask for a WebSocket (browsers can ask for nothing else)."""

import base64
from collections.abc import Awaitable, Callable

import orjson
import pytest

from sampan.transport import websocket
from sampan.transport.connection import UpgradeRefused
from sampan.transport.messages import Response
from tests.apiserver.streaming.conftest import Site

Start = Callable[..., Awaitable[Site]]
LOG = "/api/v1/namespaces/default/pods/web/log?follow=true"


@pytest.mark.parametrize("protocols", [["binary.k8s.io"], ["unknown", "binary.k8s.io", "base64.binary.k8s.io"], []])
async def test_pieces_are_binary_messages(start: Start, protocols: list[str]) -> None:
    site = await start()
    socket = await websocket.connect(site.client(), LOG, protocols)
    assert socket.subprotocol == ("binary.k8s.io" if protocols else "")
    messages = []
    while (message := await socket.receive()) is not None:
        messages.append(message)
    assert messages == [b"", b"line 1\n", b"line 2\n"]
    assert socket.close_code == 1000
    await socket.close()
    assert site.kubelet.requests[0].raw_query == "follow=true"


async def test_or_text_in_base64(start: Start) -> None:
    socket = await websocket.connect((await start()).client(), LOG, ["base64.binary.k8s.io"])
    assert await socket.receive() == ""
    message = await socket.receive()
    assert isinstance(message, str)
    assert base64.b64decode(message) == b"line 1\n"
    await socket.close()


async def test_the_stream_ends_when_the_client_goes(start: Start) -> None:
    site = await start()
    site.kubelet.endless = True
    socket = await websocket.connect(site.client(), LOG, ["binary.k8s.io"])
    await socket.send(b"what a client says is dropped")
    assert await socket.receive() == b""
    assert await socket.receive() == b"line 1\n"
    await socket.close()
    await site.kubelet.sessions_ended.wait()


@pytest.mark.parametrize(
    ("protocols", "refusal", "expected"),
    [
        (["v4.channel.k8s.io"], None, (403, "requested protocol(s) are not supported: [v4.channel.k8s.io]; supports")),
        (["binary.k8s.io"], Response(400, b"why\n", "text/plain"), (400, "why")),
    ],
)
async def test_errors_come_before_the_upgrade(
    start: Start, protocols: list[str], refusal: Response | None, expected: tuple[int, str]
) -> None:
    site = await start()
    site.kubelet.refusal = refusal
    with pytest.raises(UpgradeRefused) as refused:
        await websocket.connect(site.client(), LOG, protocols)
    status, text = expected
    assert refused.value.answer.status == status
    assert orjson.loads(refused.value.answer.body)["message"].startswith(text)
