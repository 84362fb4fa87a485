import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from sampan.transport.connection import HTTPClient
from sampan.transport.server import HTTPServer
from sampan.transport.tls import client_context, server_context
from tests.apiserver.streaming.fakes import Command, FakeAPIServer, FakeKubelet
from tests.transport.certificates import Authority


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

    async def make(command: Command | None = None, authority: Authority | None = None) -> Site:
        kubelet = FakeKubelet(command)
        servers.append(HTTPServer(kubelet.handle))
        api = FakeAPIServer(await servers[-1].start("127.0.0.1", 0, context(authority)))
        if authority is not None:
            api.kubelet_tls = client_context(authority.pem, *authority.issue("apiserver"))
        kubelet_server = servers[-1]
        servers.append(HTTPServer(api.handle))
        port = await servers[-1].start("127.0.0.1", 0, context(authority))
        url = f"{'https' if authority else 'http'}://127.0.0.1:{port}"
        sites.append(Site(kubelet, api, url, kubelet_server))
        return sites[-1]

    yield make
    for site in sites:
        for client in site.clients:
            await client.close()
    for server in servers:
        await server.stop()


def context(authority: Authority | None) -> ssl.SSLContext | None:
    return server_context(*authority.issue("127.0.0.1"), authority.pem) if authority else None
