"""Simulated nodes as `sampan up` was told: --simulate-nodes and --simulate-config.

Called when a cluster is settled, to refuse what can't be, and by simulated_components.py.
"""

from sampan.cluster.config import ClusterConfig
from sampan.kubelet.simulated.config import SimulationError as Unreadable
from sampan.kubelet.simulated.config import read
from sampan.kubelet.simulated.nodes import MOST_NODES, Fleet


class SimulationError(Exception):
    """A flag or the file asks for what can't be; the message says which and why."""


def fleet_of(config: ClusterConfig) -> Fleet:
    """The nodes that are wanted; raises SimulationError."""
    count = config.simulate_nodes or 0
    if not 0 <= count <= MOST_NODES:
        raise SimulationError(f"--simulate-nodes: {count} is no number from 0 to {MOST_NODES}")
    try:
        return Fleet(count, config.name, read(config.simulate_config))
    except Unreadable as error:
        raise SimulationError(f"--simulate-config: {error}") from None
