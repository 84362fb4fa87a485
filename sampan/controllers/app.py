"""Runs all controllers: the counterpart of kube-controller-manager. Called by cluster/ (and by tests)."""

import asyncio

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.controllers.config import Config, ControllerContext
from sampan.controllers.registry import all_controllers
from sampan.machinery.meta import Key
from sampan.reconcile.clock import Clock
from sampan.reconcile.leader_election import Election, LeaderElector
from sampan.reconcile.manager import run_together

LEASE = Key("kube-system", "kube-controller-manager")


async def run_controllers(client: Client, config: Config, clock: Clock, ready: asyncio.Event | None = None) -> None:
    """Run every controller that is not disabled until cancelled; `ready` is set once all have synced and started.

    With `config.leader_elect` they run only while this process leads.
    """

    async def lead() -> None:
        informers = Informers(client, sleep=clock.sleep)
        context = ControllerContext(client, informers, clock, config)
        made = [make(context) for make in all_controllers()]
        await run_together([one for one in made if one.name not in config.disabled], informers, ready)

    if config.leader_elect:
        await LeaderElector(client, Election(LEASE, config.leader_elect), clock).run(lead)
    else:
        await lead()
