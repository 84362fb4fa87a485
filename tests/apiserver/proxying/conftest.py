"""A network with one host in it, that is really this machine's loopback: loopback itself must not be proxied to."""

import ssl
from collections.abc import AsyncIterator

import pytest

from sampan.transport import connection
from sampan.transport.dialing import dial
from sampan.transport.raw import RawConnection
from tests.apiserver.proxying import pod_server


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[pod_server.Site]:
    """A server with a pod behind it."""

    async def routed(host: str, port: int, context: ssl.SSLContext | None, *, server_name: str) -> RawConnection:
        return await dial("127.0.0.1" if host == pod_server.ADDRESS else host, port, context, server_name=server_name)

    monkeypatch.setattr(connection, "dial", routed)
    async with pod_server.site() as made:
        yield made
