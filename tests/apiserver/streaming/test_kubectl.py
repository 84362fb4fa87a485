"""The real kubectl through the proxies, over SPDY and over WebSocket."""

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sampan.client.kubeconfig import merge_cluster
from sampan.transport.messages import Response
from tests.apiserver.kubectl import binary, needs
from tests.apiserver.streaming.conftest import Site
from tests.transport.certificates import Authority

WEBSOCKETS = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "true"}
SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}

_WEBSOCKETS_SINCE = 30

pytestmark = pytest.mark.parametrize("protocol", [SPDY, WEBSOCKETS], ids=["spdy", "websocket"])

Start = Callable[..., Awaitable[Site]]


@pytest.fixture(autouse=True)
def kubectl_speaks(protocol: dict[str, str]) -> None:
    if protocol is WEBSOCKETS:
        needs(_WEBSOCKETS_SINCE)


async def kubectl(site: Site, protocol: dict[str, str], *words: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    command = [str(binary()), "--server", site.url, *words]
    environment = {**os.environ, **protocol, "KUBECONFIG": os.devnull, "HOME": "/nonexistent"}
    return await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)


async def run(site: Site, protocol: dict[str, str], *words: str, stdin: bytes = b"") -> tuple[int | None, bytes, bytes]:
    process = await kubectl(site, protocol, *words)
    out, err = await process.communicate(stdin)
    return process.returncode, out, err


def used(site: Site, protocol: dict[str, str]) -> bool:
    """Whether kubectl came by the protocol that it was told to use: only the translator offers one version alone."""
    [request] = site.kubelet.requests
    return (request.headers["x-stream-protocol-version"] in ("v4.channel.k8s.io", "portforward.k8s.io")) == (
        protocol is WEBSOCKETS or "portForward" in request.path
    )


async def test_exec_output(start: Start, protocol: dict[str, str]) -> None:
    site = await start()
    assert await run(site, protocol, "exec", "web", "--", "both") == (0, b"to stdout\n", b"to stderr\n")
    assert used(site, protocol)


async def test_exec_input_ends(start: Start, protocol: dict[str, str]) -> None:
    site = await start()
    data = os.urandom(3_000_000)
    assert await run(site, protocol, "exec", "-i", "web", "--", "cat", stdin=data) == (0, data, b"")
    assert used(site, protocol)


async def test_exec_exit_code(start: Start, protocol: dict[str, str]) -> None:
    site = await start()
    code, out, err = await run(site, protocol, "exec", "web", "--", "exit", "42")
    assert (code, out, err) == (42, b"", b"command terminated with exit code 42\n")


async def test_exec_long_output(start: Start, protocol: dict[str, str]) -> None:
    site = await start()
    code, out, _ = await run(site, protocol, "exec", "web", "--", "long")
    assert code == 0 and len(out) == 64 * 65536


async def test_exec_refused_by_the_kubelet(start: Start, protocol: dict[str, str]) -> None:
    site = await start()
    site.kubelet.refusal = Response(404, b"container not found (main)", "text/plain")
    code, _, err = await run(site, protocol, "exec", "web", "--", "cat")
    assert code == 1 and b"container not found (main)" in err


async def test_attach(start: Start, protocol: dict[str, str]) -> None:
    async def greet(words: list[str], streams: dict) -> bytes:  # type: ignore[type-arg]
        await streams["stdout"].write(b"hello " + await streams["stdin"].read())
        return b'{"metadata":{},"status":"Success"}'

    site = await start(greet)
    code, out, _ = await run(site, protocol, "attach", "-i", "web", stdin=b"you")
    assert (code, out) == (0, b"hello you")


async def test_logs(start: Start, protocol: dict[str, str]) -> None:
    site = await start()
    assert await run(site, protocol, "logs", "web") == (0, b"line 1\nline 2\n", b"")
    code, out, _ = await run(site, protocol, "logs", "-f", "web")
    assert (code, out) == (0, b"line 1\nline 2\n")


async def test_port_forward(start: Start, protocol: dict[str, str]) -> None:
    site = await start()
    process = await kubectl(site, protocol, "port-forward", "web", ":80")
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        port = int(re.search(r"127\.0\.0\.1:(\d+) -> 80", line)[1])  # type: ignore[index]
        wires = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for number, (_, writer) in enumerate(wires):
            writer.write(f"message {number}".encode() + b"x" * 200_000)
            writer.write_eof()
        for number, (reader, writer) in enumerate(wires):
            assert await reader.read() == f"MESSAGE {number}".encode() + b"X" * 200_000
            writer.close()
            await writer.wait_closed()
        assert used(site, protocol)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def test_tls_on_both_sides(start: Start, protocol: dict[str, str], tmp_path: Path) -> None:
    """As in a cluster: kubectl and the API server each show a certificate."""
    authority = Authority("ca")
    site = await start(authority=authority)
    config = tmp_path / "config"
    merge_cluster(config, "test", site.url, authority.pem, *authority.issue("admin"))
    process = await asyncio.create_subprocess_exec(
        str(binary()),
        *("exec", "-i", "web", "--", "cat"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **protocol, "KUBECONFIG": str(config)},
    )
    data = os.urandom(1_000_000)
    assert (await process.communicate(data))[0] == data
    assert site.kubelet.requests[0].peer_certificate is not None
