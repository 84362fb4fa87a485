"""All simulated nodes of a cluster: their heartbeats and their pods. Called by cluster/ (and by tests)."""

import asyncio
from collections.abc import Callable

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.kubelet.simulated.heartbeats import Heartbeats
from sampan.kubelet.simulated.nodes import Fleet
from sampan.kubelet.simulated.pods import SimulatedPods
from sampan.reconcile.clock import Clock
from sampan.reconcile.controller import Context


async def run_simulated(
    client: Client, client_of: Callable[[str], Client], fleet: Fleet, clock: Clock, ready: Callable[[], None]
) -> None:
    """Run until cancelled; `ready` is called once all nodes are registered.

    `client` serves what they share, informers and registration; what a node says it says as itself, by `client_of` its
    name: the Node authorizer and NodeRestriction are upheld as for any kubelet.
    """
    informers = Informers(client, sleep=clock.sleep)
    pods = SimulatedPods(Context(client, informers, clock), client_of, fleet)
    heartbeats = Heartbeats(client, client_of, informers, fleet, clock)
    async with asyncio.TaskGroup() as group:
        informers.run(group)
        group.create_task(heartbeats.run(ready), name="heartbeats of simulated nodes")
        group.create_task(pods.run(), name="pods of simulated nodes")
