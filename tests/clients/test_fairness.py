"""client-go where there is no seat for it: it waits as long as it is told to, and asks again."""

import asyncio
from pathlib import Path

from tests.apiserver.fairness.test_fairness import REJECT, HeldStore, hold, limit
from tests.apiserver.kubectl import binary
from tests.clients.rig import Command, secure


async def test_kubectl_comes_again_when_it_is_told_to(tmp_path: Path) -> None:
    store = HeldStore()
    async with secure(store=store) as api:
        held = await hold(api, store, await limit(api, REJECT))
        run = Command(binary(), tmp_path, api.server.port)
        run.become("joe", {"token": "joe"})
        asking = asyncio.create_task(run("get configmaps -o name"))
        counts = api.server.fairness.levels.counts["few", "few"]
        async with asyncio.timeout(30):
            while counts.rejected["concurrency-limit"] < 2:  # the second time is the first that it has come back
                await asyncio.wait([asking], timeout=0.05)
                assert not asking.done(), asking.result()
        store.let_go.set()
        assert "configmap/held-0" in await asking
        await asyncio.gather(*held)
