"""The files below /logs, and those that must not be among them."""

import os
from pathlib import Path
from typing import Any

import pytest

from sampan.kubelet.endpoints.answers import HTTPError
from sampan.kubelet.endpoints.node_logs import NodeLogs
from sampan.transport.messages import Request, Response, StreamResponse


@pytest.fixture
def logs(tmp_path: Path) -> NodeLogs:
    """Two directories that are shown, and a secret beside them."""
    root, pods = tmp_path / "log", tmp_path / "pods"
    for directory in (root / "apt", pods):
        directory.mkdir(parents=True)
    (root / "syslog").write_bytes(b"line\n" * 50_000)
    (root / "old.log.gz").write_bytes(b"\x1f\x8b")
    (root / "<b>").write_text("")
    (pods / "0.log").write_text("from a pod\n")
    (tmp_path / "secret").write_text("secret")
    (root / "pods").symlink_to(pods)
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    return NodeLogs((root, pods))


async def get(logs: NodeLogs, path: str) -> Any:
    return await logs.serve(Request("GET", path, "", {}, raw_path=path), path.removeprefix("/logs").split("/"))


async def body(reply: Any) -> bytes:
    assert isinstance(reply, StreamResponse)
    found = b"".join([piece async for piece in reply.stream])
    await reply.stream.aclose()  # type: ignore[attr-defined]
    assert reply.length == len(found)
    return found


async def test_files(logs: NodeLogs) -> None:
    reply = await get(logs, "/logs/syslog")
    assert (reply.content_type, await body(reply)) == ("text/plain; charset=utf-8", b"line\n" * 50_000)
    assert await body(await get(logs, "/logs/pods/0.log")) == b"from a pod\n"
    packed = await get(logs, "/logs/old.log.gz")
    assert (packed.content_type, await body(packed)) == ("application/octet-stream", b"\x1f\x8b")


async def test_directories(logs: NodeLogs) -> None:
    for path, location in (("/logs", "logs/"), ("/logs/apt", "apt/")):
        reply = await get(logs, path)
        assert (reply.status, reply.headers) == (301, [("Location", location)])
    reply = await get(logs, "/logs/")
    assert isinstance(reply, Response)
    assert b'<a href="apt/">apt/</a>\n' in reply.body and b'<a href="syslog">syslog</a>\n' in reply.body
    assert b'<a href="%3Cb%3E">&lt;b&gt;</a>\n' in reply.body


@pytest.mark.parametrize(
    "path",
    [
        "/logs/none",
        "/logs/out",
        "/logs/up/secret",
        "/logs/../secret",
        "/logs/pipe",
        "/logs/apt/../../secret",
        "/logs/\0",
    ],
)
async def test_nothing_else(logs: NodeLogs, path: str) -> None:
    with pytest.raises(HTTPError) as refused:
        await get(logs, path)
    assert (refused.value.status, str(refused.value)) == (404, "404 page not found\n")


def descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


async def test_no_descriptor_is_left_open(logs: NodeLogs) -> None:
    before = descriptors()
    for path in ("/logs/", "/logs", "/logs/syslog"):
        reply = await get(logs, path)
        if isinstance(reply, StreamResponse):
            await reply.stream.aclose()  # type: ignore[attr-defined]
    for path in ("/logs/out", "/logs/none"):
        with pytest.raises(HTTPError):
            await get(logs, path)
    assert descriptors() <= before
