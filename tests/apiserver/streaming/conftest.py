import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sampan.transport.connection import HTTPClient
from sampan.transport.server import HTTPServer
from tests.apiserver.streaming.fakes import Command, FakeAPIServer, FakeKubelet


@dataclass
class Site:
    """An API server in front of a kubelet."""

    kubelet: FakeKubelet
    api: FakeAPIServer
    url: str
    kubelet_server: HTTPServer
    clients: list[HTTPClient] = field(default_factory=list)

    def client(self, **headers: str) -> HTTPClient:
        """A client of the API server that is closed when the test ends."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.clients.append(HTTPClient(self.url, headers=named))
        return self.clients[-1]


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    """`await start(command)`: a site that ends with the test."""
    servers: list[HTTPServer] = []
    sites: list[Site] = []

    async def make(command: Command | None = None) -> Site:
        kubelet = FakeKubelet(command)
        servers.append(HTTPServer(kubelet.handle))
        api = FakeAPIServer(await servers[-1].start("127.0.0.1", 0))
        kubelet_server = servers[-1]
        servers.append(HTTPServer(api.handle))
        url = f"http://127.0.0.1:{await servers[-1].start('127.0.0.1', 0)}"
        sites.append(Site(kubelet, api, url, kubelet_server))
        return sites[-1]

    yield make
    for site in sites:
        for client in site.clients:
            await client.close()
    for server in servers:
        await server.stop()


def kubectls() -> list[Path]:
    """The real kubectls of this machine, oldest first; newer ones may lie beside the one on PATH."""
    found = shutil.which("kubectl")
    if found is None:
        return []
    beside = Path(found).resolve().parent.glob("kubectl.1.*")
    return sorted(beside, key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)]) or [Path(found)]
