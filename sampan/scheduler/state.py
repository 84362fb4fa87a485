"""What the scheduler knows of the cluster: nodes with the pods on them, including those it has just sent there.

Fed by the informers' callbacks and by the scheduling loop, on one event loop, so a decision sees one consistent state.
A pod that was decided is *assumed* until the informer shows it bound; upstream's counterpart is the scheduler cache.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from sampan.machinery.meta import Key, Object, key_of
from sampan.scheduler.affine import Affine
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.counts import MatchCounts
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo


class Domains(NamedTuple):
    """The values of a node label, seen as a division of the cluster."""

    number: int
    complete: bool  # whether every node has the label


class ClusterState:
    """`nodes` are in an order that takes turns among zones, so that any stretch of it covers them all."""

    def __init__(self) -> None:
        self.counts = MatchCounts()
        self.affine = Affine()
        self.images: dict[str, dict[str, int]] = {}  # image name -> node name -> bytes
        self.layout = 0  # moves when nodes come, go, or change their labels
        self._nodes: dict[str, NodeInfo] = {}
        self._places: dict[Key, str] = {}
        self._claim_users: dict[Key, set[Key]] = {}  # PersistentVolumeClaims -> assigned pods
        self._assumed: set[Key] = set()
        self._order: list[NodeInfo] | None = None
        self._domains: dict[str, Domains] = {}
        self._generation = 0

    @property
    def nodes(self) -> Sequence[NodeInfo]:
        """Every node that exists."""
        if self._order is None:
            self._order = _take_turns(node for node in self._nodes.values() if node.known)
        return self._order

    def node(self, name: str) -> NodeInfo | None:
        """A node that exists."""
        node = self._nodes.get(name)
        return node if node is not None and node.known else None

    def place_of(self, key: Key) -> str:
        """The node to which a pod is assigned or assumed to be; "" if none."""
        return self._places.get(key, "")

    def is_assumed(self, key: Key) -> bool:
        """Whether the pod was decided and is not yet seen bound."""
        return key in self._assumed

    def users_of(self, claim: Key) -> Collection[Key]:
        """The assigned pods that use a PersistentVolumeClaim."""
        return self._claim_users.get(claim, ())

    def domains(self, topology_key: str) -> "Domains":
        """How a node label divides the nodes."""
        found = self._domains.get(topology_key)
        if found is None:
            values = [node.labels[topology_key] for node in self.nodes if topology_key in node.labels]
            found = self._domains[topology_key] = Domains(len(set(values)), len(values) == len(self.nodes))
        return found

    def namespaces(self) -> Iterable[str]:
        """Every namespace with an assigned pod."""
        return self.counts.namespaces()

    def put_node(self, obj: Object) -> set[ClusterEvent]:
        """A node came or changed; says what changed."""
        node = self._node(obj["metadata"]["name"])
        before = node.images
        changes = node.update(obj)
        self._file_images(node.name, before, node.images)
        if not node.known:
            node.known = True
            changes = {ClusterEvent.NODE_ADD}
        if changes & {ClusterEvent.NODE_ADD, ClusterEvent.NODE_LABELS}:
            self._lay_out()
        if changes:
            self._touch(node)
        return changes

    def remove_node(self, name: str) -> None:
        """A node is gone; its pods are remembered until they go too."""
        node = self._nodes[name]
        self._file_images(name, node.images, {})
        node.known, node.images = False, {}
        if not node.pods:
            del self._nodes[name]
        self._lay_out()

    def assume(self, pod: PodInfo, node_name: str) -> NodeInfo:
        """Count a pod as assigned before the API server has said so; returns its node."""
        self.put_pod(pod, node_name)
        self._assumed.add(pod.key)
        return self._nodes[node_name]

    def put_pod(self, pod: PodInfo, node_name: str) -> None:
        """An assigned pod came or changed."""
        self.remove_pod(pod.key)
        node = self._node(node_name)
        node.add(pod)
        self._touch(node)
        self._places[pod.key] = node_name
        self.counts.change(pod, node, 1)
        for use in pod.claims:
            self._claim_users.setdefault(Key(pod.namespace, use.name), set()).add(pod.key)
        self.affine.change(pod, node, 1)

    def refresh_pod(self, obj: Object) -> None:
        """An assigned pod changed in its status only."""
        key = key_of(obj)
        self._nodes[self._places[key]].pods[key].object = obj

    def remove_pod(self, key: Key) -> PodInfo | None:
        """An assigned or assumed pod is gone; returns it if it was there."""
        place = self._places.pop(key, None)
        if place is None:
            return None
        self._assumed.discard(key)
        node = self._nodes[place]
        pod = node.pods[key]
        node.remove(key)
        self._touch(node)
        self._forget_claims(pod)
        self.counts.change(pod, node, -1)
        self.affine.change(pod, node, -1)
        if not node.known and not node.pods:
            del self._nodes[place]
        return pod

    def _file_images(self, name: str, before: Mapping[str, int], after: Mapping[str, int]) -> None:
        if before is after:
            return
        for image in before.keys() - after.keys():
            del self.images[image][name]
            if not self.images[image]:
                del self.images[image]
        for image, size in after.items():
            self.images.setdefault(image, {})[name] = size

    def _forget_claims(self, pod: PodInfo) -> None:
        for claim in {Key(pod.namespace, use.name) for use in pod.claims}:
            self._claim_users[claim].discard(pod.key)
            if not self._claim_users[claim]:
                del self._claim_users[claim]

    def _node(self, name: str) -> NodeInfo:
        if name not in self._nodes:
            self._nodes[name] = NodeInfo(name)
        return self._nodes[name]

    def _touch(self, node: NodeInfo) -> None:
        self._generation += 1
        node.generation = self._generation

    def _lay_out(self) -> None:
        self._order = None
        self._domains = {}
        self.counts.forget_domains()
        self.layout += 1


def _take_turns(nodes: Iterable[NodeInfo]) -> list[NodeInfo]:
    zones: dict[tuple[str, str], list[NodeInfo]] = {}
    for node in nodes:
        zones.setdefault(node.region_and_zone, []).append(node)
    return [node for turn in zip_longest(*zones.values()) for node in turn if node is not None]
