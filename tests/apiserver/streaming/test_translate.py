"""exec for WebSocket clients: every channel protocol, and every way to end."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from sampan.apiserver.streaming.channels import Channel
from sampan.apiserver.streaming.translate import wanted
from sampan.transport import websocket
from sampan.transport.connection import UpgradeRefused
from sampan.transport.messages import Response
from sampan.transport.websocket_stream import WebSocket
from tests.apiserver.streaming.conftest import Site
from tests.apiserver.streaming.fakes import SUCCESS, Streams

Start = Callable[..., Awaitable[Site]]
EXEC = "/api/v1/namespaces/default/pods/web/exec"


async def connect(site: Site, query: str, protocol: str = "v5.channel.k8s.io") -> WebSocket:
    return await websocket.connect(site.client(), f"{EXEC}?{query}", [protocol] if protocol else [])


async def all_of(socket: WebSocket) -> list[bytes | str]:
    messages = []
    while (message := await socket.receive()) is not None:
        messages.append(message)
    await socket.close()
    return messages


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("output=1", ["error", "stdout"]),
        ("input=1&output=1&error=1", ["error", "stdin", "stdout", "stderr"]),
        ("input=true&output=1&error=1&tty=1", ["error", "stdin", "stdout", "resize"]),
        ("input=0&output=1", ["error", "stdout"]),
    ],
)
def test_the_streams_of_a_query(query: str, names: list[str]) -> None:
    assert [name for _, name in wanted(query)] == names


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
async def test_binary_channels(start: Start, protocol: str) -> None:
    socket = await connect(await start(), "command=both&stdout=true&stderr=true", protocol)
    assert socket.subprotocol == protocol
    messages = await all_of(socket)
    assert messages[0] == b"\x01"  # tells that the streams are there
    assert sorted(messages[1:3]) == [b"\x01to stdout\n", b"\x02to stderr\n"]
    assert messages[3:] == [b"\x03" + SUCCESS]
    assert socket.close_code == 1000


async def test_base64_channels(start: Start) -> None:
    socket = await connect(await start(), "command=cat&stdin=true&stdout=true", "v4.base64.channel.k8s.io")
    assert await socket.receive() == "1"
    await socket.send("0" + base64.b64encode(b"\x00\xff").decode())
    assert await socket.receive() == "1" + base64.b64encode(b"\x00\xff").decode()
    await socket.send("0not base64!")
    assert await all_of(socket) == []


@pytest.mark.parametrize("protocol", ["channel.k8s.io", ""])
async def test_the_oldest_protocol_has_sentences_for_failures(start: Start, protocol: str) -> None:
    site = await start()
    socket = await connect(site, "command=exit&command=3&stdout=true", protocol)
    text = b"command terminated with non-zero exit code: command terminated with exit code 3"
    assert await all_of(socket) == [b"\x01", b"\x03" + text]
    assert await all_of(await connect(site, "command=exit&command=0&stderr=true", protocol)) == [
        b"\x02",
        b"\x03" + text.replace(b"3", b"0"),
    ]


async def test_exit_status(start: Start) -> None:
    messages = await all_of(await connect(await start(), "command=exit&command=137&stdout=true"))
    assert orjson.loads(messages[-1][1:]) == {
        "metadata": {},
        "status": "Failure",
        "message": "command terminated with non-zero exit code: command terminated with exit code 137",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": "137"}]},
    }


async def test_a_close_signal_ends_the_input(start: Start) -> None:
    socket = await connect(await start(), "command=cat&stdin=true&stdout=true")
    await socket.send(b"\x00question")
    assert [await socket.receive(), await socket.receive()] == [b"\x01", b"\x01question"]
    await socket.send(b"\x63unknown channel, ignored")
    await socket.send(b"\x01not for the client to write, ignored")
    await socket.send(b"\xff\x00")
    await socket.send(b"\x00after the end, ignored")
    assert await all_of(socket) == [b"\x03" + SUCCESS]


@pytest.mark.parametrize("broken", [b"\xff", b"\xff\x00\x00", b"\xff\x63"])
async def test_a_malformed_close_signal_ends_the_connection(start: Start, broken: bytes) -> None:
    site = await start()
    socket = await connect(site, "command=cat&stdin=true&stdout=true")
    await socket.send(broken)
    assert await all_of(socket) == [b"\x01"]
    await site.kubelet.sessions_ended.wait()


async def test_resize(start: Start) -> None:
    socket = await connect(await start(), "command=size&stdin=true&stdout=true&stderr=true&tty=true")
    assert await socket.receive() == b"\x01"
    await socket.send(b'\x04{"Width":80,"Height":24}')
    assert await socket.receive() == b'\x01{"Width":80,"Height":24}'
    assert await all_of(socket) == [b"\x03" + SUCCESS]


async def test_the_session_ends_when_the_client_goes(start: Start) -> None:
    ended = asyncio.Event()

    async def forever(words: list[str], streams: Streams) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    site = await start(forever)
    socket = await connect(site, "command=x&stdin=true&stdout=true")
    await socket.receive()
    await socket.close()
    await ended.wait()
    await site.kubelet.sessions_ended.wait()


def error_of(message: bytes | str) -> dict[str, Any]:
    assert isinstance(message, bytes) and message[0] == Channel.ERROR
    status = orjson.loads(message[1:])
    assert (status["status"], status["reason"], status["code"]) == ("Failure", "InternalError", 500)
    return status  # type: ignore[no-any-return]


async def test_a_kubelet_that_refuses(start: Start) -> None:
    site = await start()
    site.kubelet.refusal = Response(404, b"container not found", "text/plain")
    messages = await all_of(await connect(site, "command=x&stdout=true"))
    assert error_of(messages[-1])["message"] == (
        "Internal error occurred: unable to upgrade connection: container not found"
    )


async def test_a_kubelet_that_is_not_there(start: Start) -> None:
    site = await start()
    await site.kubelet_server.stop()
    messages = await all_of(await connect(site, "command=x&stdout=true"))
    address = f"dial tcp 127.0.0.1:{site.api.kubelet_port}: connect: connection refused"
    assert error_of(messages[-1])["message"] == f"Internal error occurred: error dialing backend: {address}"


async def test_a_kubelet_that_goes_away(start: Start) -> None:
    async def forever(words: list[str], streams: Streams) -> bytes:
        await streams["stdout"].write(b"working")
        await asyncio.Event().wait()
        raise AssertionError

    site = await start(forever)
    socket = await connect(site, "command=x&stdout=true")
    assert [await socket.receive(), await socket.receive()] == [b"\x01", b"\x01working"]
    await site.kubelet_server.stop()
    messages = await all_of(socket)
    assert "the connection to the kubelet was lost" in error_of(messages[-1])["message"]


async def test_handshakes_that_are_refused(start: Start) -> None:
    site = await start()
    with pytest.raises(UpgradeRefused) as refused:
        await connect(site, "command=x&stdout=true", "v9.channel.k8s.io")
    assert refused.value.answer.status == 400
    plain = await site.client().request("POST", f"{EXEC}?command=x&stdout=true")
    assert plain.status == 400 and orjson.loads(plain.body)["message"] == "Upgrade request required"
    assert not site.kubelet.requests


async def test_the_official_python_client(start: Start) -> None:
    """It offers v4, and closes without a close signal."""
    kubernetes = pytest.importorskip("kubernetes")
    stream = pytest.importorskip("kubernetes.stream")
    site = await start()

    def run() -> tuple[str, str, int]:
        configuration = kubernetes.client.Configuration(host=site.url)
        with kubernetes.client.ApiClient(configuration) as client:
            return follow(kubernetes.client.CoreV1Api(client))

    def follow(api: Any) -> tuple[str, str, int]:
        socket = stream.stream(
            api.connect_get_namespaced_pod_exec,
            "web",
            "default",
            command=["both"],
            stdout=True,
            stderr=True,
            _preload_content=False,
        )
        socket.run_forever(timeout=10)
        seen = socket.read_stdout(), socket.read_stderr(), socket.returncode
        socket.sock.sock.close()  # its own close() leaves the socket open once the server has closed
        return seen

    assert await asyncio.to_thread(run) == ("to stdout\n", "to stderr\n", 0)
