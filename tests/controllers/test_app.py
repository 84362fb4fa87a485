"""All controllers together, where several servers share a store."""

import asyncio
from contextlib import suppress

from sampan.controllers.app import LEASE, run_controllers
from sampan.controllers.config import Config
from sampan.kinds.coordination.lease import KIND as LEASE_KIND
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.errors import AlreadyExists
from tests.controllers.cluster import ROOT_CA, Cluster, control_plane


async def test_the_second_takes_over_when_the_first_goes(cluster: Cluster) -> None:
    with suppress(AlreadyExists):
        await cluster.create(NAMESPACE, {"metadata": {"name": LEASE.namespace}})

    def start(identity: str) -> tuple[asyncio.Task[None], asyncio.Event]:
        ready, config, who = asyncio.Event(), Config(leader_elect=identity), cluster.identities
        return asyncio.create_task(run_controllers(who.manager(), who.account, config, cluster.clock, ready)), ready

    first, first_ready = start("first")
    await first_ready.wait()
    second, second_ready = start("second")
    await cluster.clock.advance(60)
    assert not second_ready.is_set()
    lease = await cluster.client.get(LEASE_KIND, LEASE.name, LEASE.namespace)
    assert lease["spec"]["holderIdentity"] == "first"
    first.cancel()
    await asyncio.wait([first])
    await cluster.clock.advance(5)
    assert second_ready.is_set()
    second.cancel()
    await asyncio.wait([second])


async def test_a_disabled_controller_does_not_run() -> None:
    config = Config(controllers=("*", "-root-ca-certificate-publisher-controller"), root_ca=ROOT_CA)
    async with control_plane(config) as cluster:
        await cluster.one(SERVICE_ACCOUNT, "default", lambda found: True)
        await cluster.clock.advance(5)
        assert await cluster.until(CONFIG_MAP, lambda found: True) == []
