"""An object whose stored value is none costs itself, through a whole start: it is named, the rest serves, it can go."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from sampan.cluster.components import control_plane, control_plane_tasks
from sampan.cluster.config import ClusterConfig, free_port
from sampan.cluster.settle import Wishes, settle
from sampan.reconcile.clock import SystemClock
from sampan.storage.checksums import checksum_of
from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
BAD = "/core/configmaps/default/bad"
VALUES = {
    "JSON that ends early": b'{"metadata":{"name":"bad"',
    "no UTF-8": b'{"metadata":{"name":"bad"},"data":{"a":"\xff\xfe"}}',
    "garbage": b"\x00\xff\x13garbage",
    "nothing": b"",
    "a list": b"[1]",
    "no name": b'{"metadata":{}}',
    "no metadata": b'{"data":{"a":"b"}}',
}


@pytest.fixture
def config(homes: Path) -> ClusterConfig:
    kubeconfig, port = str(homes / "kubeconfig"), free_port(20_000 + os.getpid() * 7 % 10_000, set(), "127.0.0.1")
    return settle(Wishes("a", control_plane_only=True, listen="127.0.0.1", kubeconfig=kubeconfig, api_port=port))


class Admin:
    """Calls with the administrator's certificate."""

    def __init__(self, client: HTTPClient) -> None:
        self._client = client

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        sent = b"" if body is None else orjson.dumps(body)
        answer = await self._client.request(method, path, body=sent, headers={"content-type": "application/json"})
        return answer.status, orjson.loads(answer.body)


@asynccontextmanager
async def started(config: ClusterConfig) -> AsyncIterator[Admin]:
    """A control plane with its controllers."""
    async with control_plane(config, SystemClock(), lambda step: None) as cluster, asyncio.TaskGroup() as group:
        running = group.create_task(dict(control_plane_tasks(cluster))["controllers"]())
        await cluster.ready("controllers").wait()
        pki = config.directory / "pki"
        context = client_context(*((pki / name).read_bytes() for name in ("ca.crt", "admin.crt", "admin.key")))
        client = HTTPClient(f"https://127.0.0.1:{cluster.api.port}", context)
        try:
            yield Admin(client)
        finally:
            await client.close()
            running.cancel()


def store_instead(config: ClusterConfig, key: str, value: bytes) -> None:
    """As if it had been written like this."""
    with closing(sqlite3.connect(config.directory / "store.db")) as database, database:
        query = "SELECT revision, type, previous FROM log WHERE key = ? ORDER BY revision DESC LIMIT 1"
        revision, type, previous = database.execute(query, (key,)).fetchone()
        checksum = checksum_of(revision, key, type, previous, value)
        database.execute("UPDATE log SET value = ?, checksum = ? WHERE revision = ?", (value, checksum, revision))


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_one_undecodable_object_costs_itself(
    config: ClusterConfig, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(config) as admin:
        for name in ("bad", "good"):
            assert (await admin.call("POST", CONFIG_MAPS, {"metadata": {"name": name}}))[0] == 201
    store_instead(config, BAD, value)
    with caplog.at_level(logging.ERROR):
        async with started(config) as admin:
            assert any(f'unable to decode key "{BAD}"' in line for line in caplog.messages)
            status, told = await admin.call("GET", f"{CONFIG_MAPS}/bad")
            assert status == 500 and BAD in told["message"]
            assert (await admin.call("GET", f"{CONFIG_MAPS}/good"))[0] == 200
            status, listed = await admin.call("GET", CONFIG_MAPS)
            assert status == 200 and "good" in {item["metadata"]["name"] for item in listed["items"]}
            assert (await admin.call("DELETE", f"{CONFIG_MAPS}/bad"))[0] == 500
            options = {"ignoreStoreReadErrorWithClusterBreakingPotential": True}
            assert (await admin.call("DELETE", f"{CONFIG_MAPS}/bad", options))[0] == 200
            assert (await admin.call("POST", CONFIG_MAPS, {"metadata": {"name": "bad"}}))[0] == 201


OWN = {
    "/networking.k8s.io/servicecidrs/kubernetes": "/apis/networking.k8s.io/v1/servicecidrs/kubernetes",
    "/core/namespaces/default": "/api/v1/namespaces/default",
    "/flowcontrol.apiserver.k8s.io/flowschemas/exempt": "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/exempt",
}


async def test_what_the_server_itself_has_made_may_be_undecodable(config: ClusterConfig) -> None:
    async with started(config):
        pass
    for key in OWN:
        store_instead(config, key, VALUES["garbage"])
    options = {"ignoreStoreReadErrorWithClusterBreakingPotential": True}
    async with started(config) as admin:
        for key, path in OWN.items():
            status, told = await admin.call("GET", path)
            assert status == 500 and key in told["message"]
            assert (await admin.call("DELETE", path, options))[0] == 200
    async with started(config) as admin:
        for path in OWN.values():
            assert (await admin.call("GET", path))[0] == 200
