"""Pods that room on a node is meant for, though they are not assigned to it (status.nominatedNodeName).

Room is made for a pod by preemption, or somebody outside says where a pod is going to run; others of lower or equal
priority are to leave it alone until the pod comes or the nomination goes. What is decided here holds at once, before
the API server knows; what the API server shows is taken over (feed.py). Upstream's nominator.
"""

from collections.abc import Callable, Mapping, Sequence

from sampan.machinery.meta import Key
from sampan.scheduler.pod_info import PodInfo

Promised = Mapping[str, Sequence[PodInfo]]  # by node


class Nominations:
    """One node per pod. `freed` is told of a pod whose room others may have."""

    def __init__(self, freed: Callable[[PodInfo], None] = lambda pod: None) -> None:
        self._freed = freed
        self._pods: dict[Key, PodInfo] = {}
        self._nodes: dict[Key, str] = {}
        self._by_node: dict[str, set[Key]] = {}

    def node_of(self, pod: PodInfo) -> str:
        """The node that a pod is nominated for, "" if none."""
        return self._nodes.get(pod.key, "")

    def put(self, pod: PodInfo, node: str) -> None:
        """Nominate a pod for a node, for that one only; "" takes the nomination away."""
        if node == self.node_of(pod):
            self.refresh(pod)
            return
        self.drop(pod.key)
        if node:
            self._pods[pod.key], self._nodes[pod.key] = pod, node
            self._by_node.setdefault(node, set()).add(pod.key)

    def refresh(self, pod: PodInfo) -> None:
        """A pod is known in a newer form."""
        if pod.key in self._pods:
            self._pods[pod.key] = pod

    def drop(self, key: Key, assigned: str = "") -> None:
        """A pod needs its nomination no more; `assigned` is the node that it goes to instead."""
        pod = self._pods.pop(key, None)
        if pod is None:
            return
        node = self._nodes.pop(key)
        self._by_node[node].discard(key)
        if not self._by_node[node]:
            del self._by_node[node]
        if node != assigned:
            self._freed(pod)

    def promised(self, pod: PodInfo) -> Promised:
        """The nominated pods that a pod has to leave room for, by node: those of its own priority and above."""
        found: dict[str, list[PodInfo]] = {}
        for key, other in self._pods.items():
            if other.priority >= pod.priority and key != pod.key:
                found.setdefault(self._nodes[key], []).append(other)
        return found

    def below(self, node: str, priority: int) -> list[PodInfo]:
        """The pods nominated for a node whose priority is lower."""
        pods = (self._pods[key] for key in self._by_node.get(node, ()))
        return [pod for pod in pods if pod.priority < priority]
