"""What load balancers outside are told about a node."""

import asyncio
import json
import secrets

import pytest

from sampan.machinery.meta import Key, Object
from sampan.proxy.health import HealthServers
from sampan.proxy.render import Renderer
from sampan.proxy.services import Health
from tests.proxy.objects import CONFIG, endpoint, endpoint_slice, service

KEY = Key("ns", "s")
PORT = 32000


def health_of(made: Object, *slices: Object) -> dict[Key, Health]:
    renderer = Renderer(CONFIG)
    renderer.set_service(KEY, made, slices)
    return renderer.health()


def test_only_local_endpoints_of_a_local_load_balancer_count() -> None:
    local = {"balancer": "10.240.0.1", "externalTrafficPolicy": "Local", "healthCheckNodePort": PORT}
    slices = [endpoint_slice("s", endpoint("10.244.0.5"), endpoint("10.244.1.6", node="node-2"))]
    assert health_of(service("s", **local), *slices) == {KEY: Health(PORT, 1)}
    assert health_of(service("s", **local)) == {KEY: Health(PORT, 0)}
    assert health_of(service("s", **local | {"externalTrafficPolicy": "Cluster"}), *slices) == {}
    assert health_of(service("s", **local | {"healthCheckNodePort": 0}), *slices) == {}


async def get(address: str, port: int) -> tuple[int, str, Object]:
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET /anything HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), head.decode().lower(), json.loads(body)


async def test_servers_come_change_and_go_with_their_services() -> None:
    address = f"127.{1 + secrets.randbelow(250)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(250)}"
    async with HealthServers([address]) as servers:
        await servers.serve({KEY: Health(PORT, 2)})
        code, head, body = await get(address, PORT)
        assert (code, body["localEndpoints"], body["service"]) == (200, 2, {"namespace": "ns", "name": "s"})
        assert "x-load-balancing-endpoint-weight: 2" in head
        await servers.serve({KEY: Health(PORT, 0)})
        assert (await get(address, PORT))[0] == 503
        await servers.serve({KEY: Health(PORT + 1, 1)})
        assert (await get(address, PORT + 1))[0] == 200
        with pytest.raises(ConnectionRefusedError):
            await get(address, PORT)
    with pytest.raises(ConnectionRefusedError):
        await get(address, PORT + 1)


async def test_a_port_that_is_taken_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with HealthServers(["198.51.100.1"]) as servers:  # no address of this machine
        await servers.serve({KEY: Health(PORT, 1)})
    assert "can't be opened" in caplog.text
