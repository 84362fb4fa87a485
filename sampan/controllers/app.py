"""Runs all controllers: the counterpart of kube-controller-manager. Called by cluster/ (and by tests)."""

import asyncio
from collections.abc import Callable

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.controllers.accounts import account_of
from sampan.controllers.config import Config, ControllerContext
from sampan.controllers.registry import all_controllers, is_enabled
from sampan.machinery.meta import Key
from sampan.reconcile.clock import Clock
from sampan.reconcile.controller import MANAGER, Controller
from sampan.reconcile.discovery import Discovery
from sampan.reconcile.leader_election import Election, LeaderElector
from sampan.reconcile.manager import run_together
from sampan.reconcile.metrics import ReconcileMetrics
from sampan.reconcile.rate_limit import Rate, limited

LEASE = Key("kube-system", "kube-controller-manager")


async def run_controllers(
    client: Client,
    client_of: Callable[[str], Client],
    config: Config,
    clock: Clock,
    ready: asyncio.Event | None = None,
    metrics: ReconcileMetrics | None = None,
) -> None:
    """Run every controller that is enabled until cancelled; `ready` is set once all have synced and started.

    As with --use-service-account-credentials of kube-controller-manager, `client` (system:kube-controller-manager)
    serves what they share, informers and the election, while each controller writes as its own ServiceAccount in
    kube-system, within a rate of its own and another one for its events: `client_of` takes the account's name. With
    `config.leader_elect` they run only while this process leads.
    They count in `metrics`.
    """
    counts = metrics or ReconcileMetrics()

    async def lead() -> None:
        informers = Informers(client, sleep=clock.sleep)
        discovery = Discovery(client, informers, clock)

        def context(controller: type[Controller]) -> ControllerContext:
            account = account_of(controller)
            own = client if account == MANAGER else client_of(account)
            rate = Rate(config.kube_api_qps, config.kube_api_burst).times(controller.rate_factor)
            return ControllerContext(
                limited(own, rate, clock),
                informers,
                clock,
                counts,
                events=limited(own, rate, clock),
                discovery=discovery,
                config=config,
            )

        made = [
            controller(context(controller))
            for controller in all_controllers()
            if is_enabled(controller.name, config.controllers)
        ]
        async with asyncio.TaskGroup() as group:
            group.create_task(discovery.run(), name="discovery")
            group.create_task(run_together(made, informers, ready), name="controllers")

    if config.leader_elect:
        await LeaderElector(client, Election(LEASE, config.leader_elect), clock).run(lead)
    else:
        await lead()
