"""The simulated nodes of a cluster and how they are wired, beside components.py.

`serving.py` loads this file only where there are some, or were.
"""

from functools import partial

from sampan.apiserver.authentication.user import authenticated
from sampan.client.api import Client
from sampan.cluster.components import Cluster, Task
from sampan.cluster.simulation import fleet_of
from sampan.kubelet.simulated.app import run_simulated


def tasks(cluster: Cluster) -> list[Task]:
    """Heartbeats and pods; ready when all nodes are registered. Raises SimulationError."""
    fleet = fleet_of(cluster.config)
    ready = cluster.ready(f"{fleet.count} simulated nodes").set
    client, client_of = cluster.api.local_client(), partial(_node_client, cluster)
    return [("simulated nodes", partial(run_simulated, client, client_of, fleet, cluster.clock, ready))]


def _node_client(cluster: Cluster, name: str) -> Client:
    return cluster.client(authenticated(f"system:node:{name}", ("system:nodes",)))
