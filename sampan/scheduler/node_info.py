"""A node as the scheduler sees it: what it offers, what is taken, and a generation that moves with every change.

Owned by state.py; plugins read it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

from sampan.kinds.core.host_ports import HostPort
from sampan.kinds.core.pod_requests import PODS, Amounts, add, amounts, subtract
from sampan.machinery.meta import Key, Object, labels_of
from sampan.machinery.tree import get_path
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.pod_info import PodInfo

ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"
HOSTNAME = "kubernetes.io/hostname"


class NodeInfo:
    """`generation` differs after every change, so a judgement of the node may be remembered under it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.known = False  # pods can be heard of before their node is
        self.generation = 0
        self.labels: Mapping[str, str] = {}
        self.taints: Sequence[Mapping[str, Any]] = ()
        self.unschedulable = False
        self.allocatable: Amounts = {}
        self.images: Mapping[str, int] = {}  # name -> bytes
        self.pods: dict[Key, PodInfo] = {}
        self.requested: Amounts = {}
        self.score_cpu = 0  # requested, with defaults for containers that ask for nothing
        self.score_memory = 0
        self.ports: Counter[HostPort] = Counter()

    def __repr__(self) -> str:
        return f"NodeInfo({self.name})"

    @property
    def max_pods(self) -> int:
        """How many pods the node takes."""
        return self.allocatable.get(PODS, 0)

    @property
    def region_and_zone(self) -> tuple[str, str]:
        """Where the node is, as far as its labels say."""
        return self.labels.get(REGION, ""), self.labels.get(ZONE, "")

    def update(self, node: Object) -> set[ClusterEvent]:
        """Take over the node object; says what about it has changed. Heartbeats change nothing."""
        spec = node.get("spec") or {}
        labels = labels_of(node)
        taints = spec.get("taints") or ()
        unschedulable = bool(spec.get("unschedulable"))
        allocatable = amounts(get_path(node, ("status", "allocatable"), {}))
        images = _images(get_path(node, ("status", "images"), ()))
        changes = set()
        if labels != self.labels:
            changes.add(ClusterEvent.NODE_LABELS)
        if taints != self.taints or unschedulable != self.unschedulable:
            changes.add(ClusterEvent.NODE_TAINTS)
        if allocatable != self.allocatable:
            changes.add(ClusterEvent.NODE_ALLOCATABLE)
        self.labels, self.taints, self.unschedulable = labels, taints, unschedulable
        self.allocatable, self.images = allocatable, images
        return changes

    def add(self, pod: PodInfo) -> None:
        """Count a pod in."""
        self.pods[pod.key] = pod
        add(self.requested, pod.requests)
        self.score_cpu += pod.score_cpu
        self.score_memory += pod.score_memory
        if pod.ports:
            self.ports.update(pod.ports)

    def remove(self, key: Key) -> None:
        """Count a pod out."""
        pod = self.pods.pop(key)
        subtract(self.requested, pod.requests)
        self.score_cpu -= pod.score_cpu
        self.score_memory -= pod.score_memory
        if pod.ports:
            self.ports -= Counter(pod.ports)

    def with_pods(self, pods: Iterable[PodInfo]) -> "NodeInfo":
        """The node with these pods in place of its own: for a trial, which nobody else sees."""
        node = copy(self)
        node.pods, node.requested, node.ports = {}, {}, Counter()
        node.score_cpu = node.score_memory = 0
        for pod in pods:
            node.add(pod)
        return node


def _images(images: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    return {name: image.get("sizeBytes") or 0 for image in images for name in image.get("names") or ()}
