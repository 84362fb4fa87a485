"""The Node objects of simulated nodes: which there are, their addresses, what their kubelets say. Pure.

Addresses are such as no machine has, so that nothing real is ever reached by one: nodes are in 198.18.0.0/15 (RFC 2544,
for benchmarks), pods in 240.0.0.0/4 (RFC 1112, reserved), 1022 for each node. Called by heartbeats.py and pods.py.
"""

import platform
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

from sampan import __version__
from sampan.kinds.core.node import SIMULATED_LABEL
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.machine import Machine, Pressure, go_architecture
from sampan.kubelet.node import NodeFacts, essence, new_node, node_status
from sampan.kubelet.simulated.config import Simulation
from sampan.kubelet.simulated.script import PREFIX
from sampan.machinery.meta import Object, annotations_of, labels_of

MOST_NODES = 10_000  # twice as many as upstream supports; the first start of more takes too long
SILENT = f"{PREFIX}silent"  # of a Node: "true" takes its kubelet off the network
_NAME = "simulated-"
_NODES, _PODS = int(IPv4Address("198.18.0.0")), int(IPv4Address("240.0.0.0"))
_BLOCK_BITS = 10
_ZONE = "topology.kubernetes.io/zone"
_PLENTY = Pressure(
    memory_available=1 << 40,
    disk_available=1 << 40,
    disk_capacity=1 << 40,
    inodes_free=1 << 30,
    inodes=1 << 30,
    processes=100,
    max_processes=1 << 22,
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The simulated nodes of one cluster."""

    count: int
    cluster: str  # its name
    simulation: Simulation = field(default_factory=Simulation)

    def number_of(self, name: str) -> int | None:
        """Which of the nodes has this name."""
        digits = name.removeprefix(_NAME)
        if not (name.startswith(_NAME) and digits.isascii() and digits.isdecimal() and len(digits) < 10):
            return None
        number = int(digits)
        return number if number < self.count and digits == str(number) else None

    def is_surplus(self, node: Object) -> bool:
        """Whether it is a simulated node from when there were more of them."""
        return SIMULATED_LABEL in labels_of(node) and self.number_of(node["metadata"]["name"]) is None


def name_of(number: int) -> str:
    """The name of a simulated node."""
    return f"{_NAME}{number}"


def is_silent(node: Object) -> bool:
    """Whether somebody wants it to be lost."""
    return annotations_of(node).get(SILENT) == "true"


def is_ready(node: Object) -> bool:
    """Whether its condition says so."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def host_ip(number: int) -> str:
    """A node's own address."""
    return str(IPv4Address(_NODES + number + 1))


def pod_cidr(number: int) -> str:
    """The range of a node's pods."""
    return f"{IPv4Address(_PODS + (number << _BLOCK_BITS))}/{32 - _BLOCK_BITS}"


def pod_ips(number: int, beginning: int) -> Iterator[str]:
    """All addresses that a node's pods can have, from one of them on."""
    first, usable = _PODS + (number << _BLOCK_BITS) + 1, (1 << _BLOCK_BITS) - 2
    for step in range(usable):
        yield str(IPv4Address(first + (beginning + step) % usable))


def free_ip(number: int, beginning: int, taken: Set[str]) -> str:
    """An address that no pod of the node has; the last resort, with more pods than addresses, is one that one has."""
    return next((ip for ip in pod_ips(number, beginning) if ip not in taken), next(pod_ips(number, beginning)))


def node(fleet: Fleet, number: int, now: datetime) -> Object:
    """A Node as it registers."""
    made = new_node(_config(fleet, number), _facts(fleet, number), now)
    return made | {"status": _with_capacity(made["status"], fleet)}


def status(fleet: Fleet, number: int, old: Object, now: datetime) -> Object:
    """What the kubelet reports."""
    return _with_capacity(node_status(_config(fleet, number), _facts(fleet, number), old, now), fleet)


def adopted(old: Object, fresh: Object) -> Object:
    """A Node that was there before: ours is put right, what others have set stays."""
    labels = {**labels_of(old), **labels_of(fresh)}
    return old | {"metadata": old["metadata"] | {"labels": labels}, "spec": {**fresh["spec"], **old["spec"]}}


def is_out_of_date(old: Object, new_status: Object) -> bool:
    """Whether its status says something else, heartbeats aside."""
    return bool(essence(old.get("status") or {}) != essence(new_status))


def _with_capacity(found: Object, fleet: Fleet) -> Object:
    capacity = fleet.simulation.capacity
    return found | {"capacity": dict(capacity), "allocatable": dict(capacity)}


def _config(fleet: Fleet, number: int) -> KubeletConfig:
    zones = fleet.simulation.zones
    zone = {_ZONE: zones[number % len(zones)]} if zones else {}
    return KubeletConfig(
        node_name=name_of(number),
        node_ip=host_ip(number),
        pod_cidr=pod_cidr(number),
        root_dir=Path("/"),
        cri_socket="",
        labels={SIMULATED_LABEL: "", **zone, **fleet.simulation.labels},
    )


def _facts(fleet: Fleet, number: int) -> NodeFacts:
    machine = uuid5(NAMESPACE_DNS, f"{name_of(number)}.{fleet.cluster}")
    simulated = Machine(
        cpus=0,  # this and the next two: see _with_capacity
        memory=0,
        disk=0,
        architecture=go_architecture(),
        kernel=platform.release(),
        os_image="Sampan, simulated",
        machine_id=machine.hex,
        system_uuid=str(machine),
        boot_id=str(uuid5(machine, "boot")),
    )
    return NodeFacts(machine=simulated, pressure=_PLENTY, runtime_version=f"containerd://simulated-{__version__}")
