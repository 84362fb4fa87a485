"""What `sampan node` changes in cluster.json, and how it sees that the server has followed (fleet.py).

Pure but for `wait`. Called by cli/node.py.
"""

import re
import time
from collections.abc import Callable

from sampan.cluster.config import ClusterConfig
from sampan.cluster.further import MOST_NODES, FurtherNode, NodesError, further_nodes
from sampan.cluster.namespace import path

PATIENCE = 90.0  # seconds until the server has done what it was asked
_INTERVAL = 0.2
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")


def added(config: ClusterConfig, name: str) -> ClusterConfig:
    """With a further node; raises NodesError."""
    if not _NAME.fullmatch(name):
        raise NodesError(f"{name!r} can't be a node's name: lower-case letters, digits and '-', at most 32")
    if name == config.name or name in config.nodes:
        raise NodesError(f"cluster {config.name} has a node {name} already")
    number = next((number for number in range(1, MOST_NODES) if number not in config.nodes.values()), None)
    if number is None:
        raise NodesError(f"cluster {config.name} has {MOST_NODES} nodes, and no more can be had")
    return config.with_changes(nodes={**config.nodes, name: number})


def stopped(config: ClusterConfig, name: str) -> ClusterConfig:
    """With a node stopped, which may be so already; raises NodesError."""
    _check(config, name)
    return config.with_changes(stopped_nodes=sorted({*config.stopped_nodes, name}))


def started(config: ClusterConfig, name: str) -> ClusterConfig:
    """With a node that is not stopped; raises NodesError."""
    _check(config, name)
    return config.with_changes(stopped_nodes=[other for other in config.stopped_nodes if other != name])


def removed(config: ClusterConfig, name: str) -> ClusterConfig:
    """Without a node; raises NodesError."""
    nodes = {other: number for other, number in config.nodes.items() if other != name}
    return started(config, name).with_changes(nodes=nodes)


def is_gone(node: FurtherNode) -> bool:
    """Whether nothing of a node is on this machine any more, its namespace being the last that goes."""
    return not path(node).exists()


def node_of(config: ClusterConfig, name: str) -> FurtherNode:
    """The node of this name; raises NodesError."""
    _check(config, name)
    return next(node for node in further_nodes(config) if node.name == name)


def _check(config: ClusterConfig, name: str) -> None:
    if name == config.name:
        raise NodesError(f"{name} is the cluster's first node, which comes and goes with the cluster")
    if name not in config.nodes:
        others = ", ".join(config.nodes) or "none"
        raise NodesError(f"cluster {config.name} has no further node {name}; it has: {others}")


def wait(done: Callable[[], bool], now: Callable[[], float] = time.monotonic) -> bool:
    """Look until `done`; False when patience runs out."""
    deadline = now() + PATIENCE
    while not done():
        if now() > deadline:
            return False
        time.sleep(_INTERVAL)
    return True
