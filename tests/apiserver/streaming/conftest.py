import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sampan.transport.server import HTTPServer
from tests.apiserver.streaming.fakes import Command, FakeAPIServer, FakeKubelet


@dataclass
class Site:
    """An API server in front of a kubelet."""

    kubelet: FakeKubelet
    api: FakeAPIServer
    url: str
    kubelet_server: HTTPServer


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """`await start(command)`: a site that ends with the test."""
    servers: list[HTTPServer] = []

    async def make(command: Command | None = None) -> Site:
        kubelet = FakeKubelet(command)
        servers.append(HTTPServer(kubelet.handle))
        api = FakeAPIServer(await servers[-1].start("127.0.0.1", 0))
        kubelet_server = servers[-1]
        servers.append(HTTPServer(api.handle))
        return Site(kubelet, api, f"http://127.0.0.1:{await servers[-1].start('127.0.0.1', 0)}", kubelet_server)

    yield make
    for server in servers:
        await server.stop()


def kubectls() -> list[Path]:
    """The real kubectls of this machine, oldest first; newer ones may lie beside the one on PATH."""
    found = shutil.which("kubectl")
    if found is None:
        return []
    beside = Path(found).resolve().parent.glob("kubectl.1.*")
    return sorted(beside, key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)]) or [Path(found)]
