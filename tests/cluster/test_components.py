"""How the parts are wired."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sampan.cluster.components import Cluster, control_plane, control_plane_tasks
from sampan.cluster.settle import Wishes, settle
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.machinery.errors import NotFound
from sampan.reconcile.clock import SystemClock
from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context


async def test_the_metrics_of_the_process_tell_of_its_controllers(homes: Path) -> None:
    config = settle(Wishes("a", control_plane_only=True, listen="127.0.0.1", kubeconfig=str(homes / "kubeconfig")))
    async with control_plane(config, SystemClock(), lambda step: None) as cluster:
        run = dict(control_plane_tasks(cluster))["controllers"]
        async with asyncio.TaskGroup() as group:
            controllers = group.create_task(run())
            await cluster.ready("controllers").wait()
            text = await _metrics(cluster)
            controllers.cancel()
    assert "# TYPE controller_runtime_reconcile_total counter" in text
    assert "apiserver_request_total" in text


async def _metrics(cluster: Cluster) -> str:
    pki = cluster.config.directory / "pki"
    names = ("ca.crt", "admin.crt", "admin.key")
    context = client_context(*((pki / name).read_bytes() for name in names))
    client = HTTPClient(f"https://127.0.0.1:{cluster.api.port}", context)
    try:
        return (await client.request("GET", "/metrics")).body.decode()
    finally:
        await client.close()


async def test_controllers_publish_a_renewed_authority(homes: Path) -> None:
    config = settle(Wishes("a", control_plane_only=True, listen="127.0.0.1", kubeconfig=str(homes / "kubeconfig")))
    async with control_plane(config, SystemClock(), lambda step: None) as cluster:
        run = dict(control_plane_tasks(cluster))["controllers"]
        client = cluster.api.local_client()

        async def until(published: str) -> None:
            async with asyncio.timeout(30):
                while True:
                    try:
                        found = await client.get(CONFIG_MAP, "kube-root-ca.crt", "default")
                    except NotFound:
                        found = {"data": {}}
                    if found["data"].get("ca.crt") == published:
                        return
                    await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            controllers = group.create_task(run())
            first = cluster.pki.read("ca.crt").decode()
            await until(first)
            later = replace(cluster.pki, now=lambda: datetime.now(UTC) + timedelta(days=9 * 365))
            assert "ca" in later.ensure()
            cluster.authority_renewed.set()
            await until(later.read("ca.crt").decode())
            controllers.cancel()
