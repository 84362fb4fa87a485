"""The simulated nodes of a cluster and how they are wired, beside components.py.

`serving.py` loads this file only where there are some, or were.
"""

import asyncio
from functools import partial

from sampan.apiserver.authentication.user import authenticated
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.cluster.components import Cluster, Task
from sampan.cluster.simulation import fleet_of
from sampan.kubelet.simulated.heartbeats import Heartbeats
from sampan.kubelet.simulated.nodes import Fleet
from sampan.kubelet.simulated.pods import SimulatedPods
from sampan.reconcile.controller import Context


def tasks(cluster: Cluster) -> list[Task]:
    """Heartbeats and pods; ready when all nodes are registered. Raises SimulationError."""
    fleet = fleet_of(cluster.config)
    ready = cluster.ready(f"{fleet.count} simulated nodes")
    return [("simulated nodes", partial(_run, cluster, fleet, ready))]


async def _run(cluster: Cluster, fleet: Fleet, ready: asyncio.Event) -> None:
    """What all nodes share is read as the server itself; what a node says, it says as itself."""
    client, clock = cluster.api.local_client(), cluster.clock

    def client_of(node: str) -> Client:
        return cluster.client(authenticated(f"system:node:{node}", ("system:nodes",)))

    informers = Informers(client, sleep=clock.sleep)
    context = Context(client, informers, clock)
    pods = SimulatedPods(context, client_of, fleet)
    heartbeats = Heartbeats(client, client_of, informers, fleet, clock)
    async with asyncio.TaskGroup() as group:
        informers.run(group)
        group.create_task(heartbeats.run(ready.set), name="heartbeats of simulated nodes")
        group.create_task(pods.run(), name="pods of simulated nodes")
