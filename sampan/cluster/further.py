"""The nodes of a cluster beside its first one, on the same machine: which there are, and what each of them is called.

Pure. A further node has a network namespace of its own (namespace.py) and a process of its own (node_process.py); the
number by which it has its addresses is kept in cluster.json, so that it is the same after every start. Nodes' own
addresses are the last block of the cluster's pod range, which no node's pods get.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from sampan.cluster.config import NODE_PREFIX, ClusterConfig

MOST_NODES = 32  # with the first one; each is a containerd and a process of about 100 MB
INTERFACE = "eth0"  # of a node, in its namespace


class NodesError(Exception):
    """`--nodes` asks for what can't be; the message says which and why."""


def planned(cluster: str, existing: Mapping[str, int], wanted: int | None) -> dict[str, int]:
    """Further nodes by name, each with its number, where `wanted` nodes in all are asked for. Raises NodesError."""
    if wanted is None:
        return dict(existing)
    if not 1 <= wanted <= MOST_NODES:
        raise NodesError(f"--nodes: {wanted} is no number from 1 to {MOST_NODES}")
    have = 1 + len(existing)
    if wanted < have:
        mend = "sampan node remove NODE"
        raise NodesError(
            f"--nodes {wanted}: cluster {cluster} has {have}. Take out those that are too many:\n    {mend}"
        )
    names = {f"{cluster}-{number + 1}": number for number in range(1, MOST_NODES) if number not in existing.values()}
    free = [(name, number) for name, number in names.items() if name not in existing]  # nodes may be called anything
    if len(free) < wanted - have:
        raise NodesError(f"--nodes {wanted}: nodes of cluster {cluster} have the names that others would get")
    return {**existing, **dict(free[: wanted - have])}


@dataclass(frozen=True, slots=True)
class FurtherNode:
    """One of them. Addresses and CIDRs are strings."""

    cluster: ClusterConfig
    name: str
    number: int  # from 1: the first node of the cluster has the first range

    @property
    def directory(self) -> Path:
        """Its part of the state directory."""
        return self.cluster.directory / "nodes" / self.name

    @property
    def ready_file(self) -> Path:
        """There while its process runs and has its kubelet ready: the Node says so long after the node is lost."""
        return self.directory / "ready"

    @property
    def unique(self) -> str:
        """What it is called among all that is on this machine. No cluster's name has a dot."""
        return f"{self.cluster.name}.{self.name}"

    @property
    def namespace(self) -> str:
        """Its network namespace."""
        return f"sampan-{self.unique}"

    @property
    def cgroup_root(self) -> str:
        """The cgroup above all of its pods."""
        return f"/sampan-{self.unique}"

    @property
    def interface(self) -> str:
        """This machine's end of the pair that leads to it: a name of 15 bytes at most (IFNAMSIZ)."""
        return f"veth{hashlib.sha256(self.namespace.encode()).hexdigest()[:11]}"

    @property
    def pod_cidr(self) -> str:
        """The addresses of its pods."""
        return _block(self.cluster, self.number)

    @property
    def gateway(self) -> str:
        """Where its pods have their default route."""
        return str(IPv4Network(self.pod_cidr)[1])

    @property
    def address(self) -> str:
        """Its own address."""
        return str(IPv4Network(node_network(self.cluster))[1 + self.number])

    @property
    def machine(self) -> str:
        """This machine's address, seen from there."""
        return str(IPv4Network(node_network(self.cluster))[1])


def further_nodes(config: ClusterConfig) -> list[FurtherNode]:
    """A cluster's, in the order of their numbers."""
    return [FurtherNode(config, *pair) for pair in sorted(config.nodes.items(), key=lambda pair: pair[1])]


def running_nodes(config: ClusterConfig) -> set[str]:
    """The names of those that are not stopped."""
    return config.nodes.keys() - set(config.stopped_nodes)


def node_network(config: ClusterConfig) -> str:
    """Where further nodes have their own addresses: a range within the pods', so that nobody else's is taken."""
    blocks = 2 ** (NODE_PREFIX - IPv4Network(config.pod_cidr).prefixlen)
    return _block(config, blocks - 1)


def kept_ranges(config: ClusterConfig) -> tuple[str, ...]:
    """What no other node may be given for its pods."""
    ours = [node.pod_cidr for node in further_nodes(config)]
    return (config.node_pod_cidr, *ours, *([node_network(config)] if ours else ()))


def _block(config: ClusterConfig, index: int) -> str:
    first = IPv4Network(config.pod_cidr).network_address
    return f"{first + (index << (32 - NODE_PREFIX))}/{NODE_PREFIX}"
