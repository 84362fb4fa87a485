"""A server with its node, whose certificates are renewed under it: the API server and the kubelet go on talking."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sampan.client.kubeconfig import load
from sampan.cluster import renewal, serving
from sampan.cluster.config import ClusterConfig
from sampan.cluster.lifecycle import delete, write_kubeconfig
from sampan.cluster.settle import Wishes, settle
from sampan.cluster.steps import Steps
from sampan.reconcile.clock import SystemClock
from sampan.transport.connection import Answer, HTTPClient
from sampan.transport.tls import client_context
from tests.kubelet.rig import eventually

pytestmark = [pytest.mark.node, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]


class LateClock(SystemClock):
    """The machine's clock, behind by what a test takes back in the end: OpenSSL goes by the machine's."""

    behind = timedelta(days=340)

    def now(self) -> datetime:
        return super().now() - self.behind


class Told(Steps):
    """Keeps what has been done."""

    def __init__(self) -> None:
        super().__init__(None)
        self.steps: list[str] = []

    def done(self, step: str, error: str = "") -> None:
        self.steps.append(step)


@pytest.fixture
async def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ClusterConfig]:
    monkeypatch.setenv("SAMPAN_HOME", str(tmp_path / "home"))
    found = settle(Wishes(f"renewed-{os.getpid()}", kubeconfig=str(tmp_path / "kubeconfig")))
    yield found
    await asyncio.to_thread(delete, found, lambda text: None)


async def ask_kubelet(config: ClusterConfig) -> Answer:
    """Through the API server, by the kubeconfig of today."""
    access = load([Path(config.kubeconfig)])
    client = HTTPClient(config.server_url, client_context(access.ca, access.certificate, access.key))
    try:
        return await client.request("GET", f"/api/v1/nodes/{config.name}/proxy/healthz", timeout=30)
    finally:
        await client.close()


async def shown(host: str, port: int) -> str:
    return await asyncio.to_thread(ssl.get_server_certificate, (host, port))


async def test_the_servers_of_a_node_take_renewed_certificates(
    config: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, told = LateClock(), Told()
    monkeypatch.setattr(serving, "SystemClock", lambda: clock)
    monkeypatch.setattr(renewal, "LONGEST", 0.1)
    running = asyncio.create_task(serving.serve(config, told))

    async def ready() -> bool:
        if running.done():
            running.result()
        return "cluster ready" in told.steps

    try:
        await eventually(ready, 60)
        write_kubeconfig(config)
        servers = [("127.0.0.1", config.api_port), (config.node_ip, config.kubelet_port)]
        before = [await shown(*server) for server in servers]
        answer = await ask_kubelet(config)
        assert (answer.status, answer.body) == (200, b"ok")
        admin = load([Path(config.kubeconfig)]).certificate

        clock.behind = timedelta()

        async def renewed() -> bool:
            return load([Path(config.kubeconfig)]).certificate != admin

        await eventually(renewed, 60)
        after = [await shown(*server) for server in servers]
        assert all(old != new for old, new in zip(before, after, strict=True))
        answer = await ask_kubelet(config)
        assert (answer.status, answer.body) == (200, b"ok")
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
