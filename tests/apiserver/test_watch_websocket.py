"""Watches over WebSockets: each event is a message of text."""

import orjson
import pytest

from sampan.transport import websocket
from sampan.transport.connection import HTTPClient, UpgradeRefused
from tests.apiserver.harness import CONFIG_MAPS, config_map, running

PATH = f"{CONFIG_MAPS}?watch=true"


async def test_events_are_messages() -> None:
    async with running() as api:
        for name in ("a", "b"):
            await api.create(CONFIG_MAPS, config_map(name))
        client = HTTPClient(f"http://127.0.0.1:{api.server.port}", headers={"Authorization": "Bearer admin"})
        socket = await websocket.connect(client, PATH)
        seen = []
        for _ in range(2):
            message = await socket.receive()
            assert isinstance(message, str)
            seen.append(orjson.loads(message))
        assert [(e["type"], e["object"]["metadata"]["name"]) for e in seen] == [("ADDED", "a"), ("ADDED", "b")]
        await socket.send("what a client says is dropped")
        await api.call("DELETE", f"{CONFIG_MAPS}/a")
        message = await socket.receive()
        assert isinstance(message, str) and orjson.loads(message)["type"] == "DELETED"
        await socket.close()


async def test_it_ends_in_order_when_its_time_is_up() -> None:
    async with running() as api:
        client = HTTPClient(f"http://127.0.0.1:{api.server.port}", headers={"Authorization": "Bearer admin"})
        socket = await websocket.connect(client, f"{PATH}&timeoutSeconds=1")
        assert await socket.receive() is None
        assert socket.close_code == 1000
        await socket.close()


@pytest.mark.parametrize("accept", ["application/yaml", "application/vnd.kubernetes.protobuf"])
async def test_in_json_only(accept: str) -> None:
    async with running() as api:
        headers = {"Authorization": "Bearer admin", "Accept": accept}
        client = HTTPClient(f"http://127.0.0.1:{api.server.port}", headers=headers)
        with pytest.raises(UpgradeRefused) as refused:
            await websocket.connect(client, PATH)
        assert refused.value.answer.status in (400, 406)
