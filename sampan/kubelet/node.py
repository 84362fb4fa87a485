"""The Node object: what the kubelet says about its machine. Pure; node_status.py writes it.

Docs: "Node Status"; condition reasons and messages are upstream's. Memory that is kept from pods is the hard eviction
threshold, as upstream's default: 100 MiB; likewise 10 % of the disk.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sampan import KUBERNETES_VERSION
from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.machine import Machine, Pressure
from sampan.machinery.meta import Object, format_time

EVICTION_MEMORY = 100 * 1024 * 1024
EVICTION_DISK, EVICTION_INODES = 0.10, 0.05
MAX_IMAGES = 50
_EVENTS = {  # condition -> event when it is True, when it is False
    "MemoryPressure": ("NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
    "DiskPressure": ("NodeHasDiskPressure", "NodeHasNoDiskPressure"),
    "PIDPressure": ("NodeHasInsufficientPID", "NodeHasSufficientPID"),
    "Ready": ("NodeReady", "NodeNotReady"),
}
OURS = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a Node's status is made of."""

    machine: Machine
    pressure: Pressure
    runtime_version: str  # containerd://1.6.20
    runtime_problem: str = ""  # "" when pods can run
    images: list[Object] = field(default_factory=list)
    port: int = 10250


def new_node(config: KubeletConfig, facts: NodeFacts, now: datetime) -> Object:
    """The Node as it registers."""
    machine = facts.machine
    labels = {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": config.node_name,
        "kubernetes.io/os": "linux",
    }
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": config.node_name,
            "labels": labels | config.labels,
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {"podCIDR": config.pod_cidr, "podCIDRs": [config.pod_cidr]} if config.pod_cidr else {},
    }
    return node | {"status": node_status(config, facts, node, now)}


def node_status(config: KubeletConfig, facts: NodeFacts, old: Object, now: datetime) -> Object:
    """The whole status; conditions of others are kept, transition times where nothing changed too."""
    machine, before = facts.machine, old.get("status") or {}
    return {
        **{name: before[name] for name in ("volumesInUse", "volumesAttached") if name in before},
        "addresses": [
            {"type": "InternalIP", "address": config.node_ip},
            {"type": "Hostname", "address": config.node_name},
        ],
        "allocatable": allocatable(machine, config.max_pods),
        "capacity": _capacity(machine, config.max_pods),
        "conditions": _conditions(facts, before.get("conditions") or (), now),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": facts.port}},
        "images": facts.images,
        "nodeInfo": {
            "architecture": machine.architecture,
            "bootID": machine.boot_id,
            "containerRuntimeVersion": facts.runtime_version,
            "kernelVersion": machine.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": KUBERNETES_VERSION,
            "machineID": machine.machine_id,
            "operatingSystem": "linux",
            "osImage": machine.os_image,
            "systemUUID": machine.system_uuid,
        },
    }


def allocatable(machine: Machine, max_pods: int) -> dict[str, str]:
    """What pods may ask for."""
    return _capacity(machine, max_pods) | {
        "ephemeral-storage": str(int(machine.disk * (1 - EVICTION_DISK))),
        "memory": f"{(machine.memory - EVICTION_MEMORY) // 1024}Ki",
    }


def image_list(images: Iterable[Any]) -> list[Object]:
    """status.images from CRI's images: the largest first, each with its digests and tags."""
    largest = sorted(images, key=lambda image: -image.size)[:MAX_IMAGES]
    return [{"names": [*image.repo_digests, *image.repo_tags][:5], "sizeBytes": image.size} for image in largest]


def runtime_problems(conditions: Mapping[str, tuple[bool, str, str]]) -> list[str]:
    """Why pods can't run, from CRI's conditions, in upstream's words; nothing if they can."""
    problems = []
    for type_, shown in (("RuntimeReady", "container runtime"), ("NetworkReady", "container runtime network")):
        status, reason, message = conditions.get(type_, (False, "", ""))
        if not status:
            problems.append(f"{shown} not ready: {type_}=false reason:{reason} message:{message}")
    return problems


def changes(old: Object, new: Object) -> list[str]:
    """The event reasons of the conditions that are not what they were."""
    before = {condition["type"]: condition["status"] for condition in old.get("conditions") or ()}
    now = {c["type"]: c["status"] for c in new["conditions"] if c["type"] in OURS}
    return [_EVENTS[type_][status != "True"] for type_, status in now.items() if before.get(type_) != status]


def essence(status: Object) -> Object:
    """A status without what changes by itself: heartbeat times."""
    conditions = [
        {name: value for name, value in condition.items() if name != "lastHeartbeatTime"}
        for condition in status.get("conditions") or ()
    ]
    return status | {"conditions": conditions}


def _capacity(machine: Machine, max_pods: int) -> dict[str, str]:
    return {
        "cpu": str(machine.cpus),
        "ephemeral-storage": f"{machine.disk // 1024}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{machine.memory // 1024}Ki",
        "pods": str(max_pods),
    }


def _conditions(facts: NodeFacts, old: Iterable[Object], now: datetime) -> list[Object]:
    before = {condition["type"]: condition for condition in old}
    others = [condition for type_, condition in before.items() if type_ not in OURS]
    found = {
        "MemoryPressure": _memory(facts.pressure),
        "DiskPressure": _disk(facts.pressure),
        "PIDPressure": _processes(facts.pressure),
        "Ready": _ready(facts.runtime_problem),
    }
    return others + [_condition(type_, *finding, before.get(type_), now) for type_, finding in found.items()]


def _memory(left: Pressure) -> tuple[bool, str, str]:
    if left.memory_available < EVICTION_MEMORY:
        return True, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"
    return False, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"


def _disk(left: Pressure) -> tuple[bool, str, str]:
    few_bytes = left.disk_available < left.disk_capacity * EVICTION_DISK
    if few_bytes or (left.inodes and left.inodes_free < left.inodes * EVICTION_INODES):
        return True, "KubeletHasDiskPressure", "kubelet has disk pressure"
    return False, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"


def _processes(left: Pressure) -> tuple[bool, str, str]:
    if left.processes >= left.max_processes * 0.95:
        return True, "KubeletHasInsufficientPID", "kubelet has insufficient PID available"
    return False, "KubeletHasSufficientPID", "kubelet has sufficient PID available"


def _ready(problem: str) -> tuple[bool, str, str]:
    if problem:
        return False, "KubeletNotReady", problem
    return True, "KubeletReady", "kubelet is posting ready status"


def _condition(type_: str, holds: bool, reason: str, message: str, old: Object | None, now: datetime) -> Object:
    status = "True" if holds else "False"
    same = old is not None and old.get("status") == status
    return {
        "type": type_,
        "status": status,
        "lastHeartbeatTime": format_time(now),
        "lastTransitionTime": old["lastTransitionTime"] if same and old is not None else format_time(now),
        "reason": reason,
        "message": message,
    }
