"""Assigned pods that want to be near other pods, or far from them: those with the same wishes together.

The pods of a workload want the same, and whether a pod is meant by it need be found out once for all of them: a cluster
may have many thousands of such pods. Owned by state.py, read by plugins/inter_pod_affinity.py.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo


class Kindred(NamedTuple):
    """One pod for all those that want the same, and how many there are on each node."""

    pod: PodInfo
    nodes: dict[NodeInfo, int]


class Affine:
    """Told of every pod that comes or goes."""

    def __init__(self) -> None:
        self._kindred: dict[bytes, Kindred] = {}

    def __iter__(self) -> Iterator[tuple[PodInfo, Mapping[NodeInfo, int]]]:
        return iter(self._kindred.values())

    def change(self, pod: PodInfo, node: NodeInfo, by: int) -> None:
        """A pod came (1) to a node or went (-1)."""
        if not pod.wishes:
            return
        kindred = self._kindred.get(pod.wishes)
        if kindred is None:
            kindred = self._kindred[pod.wishes] = Kindred(pod, {})
        count = kindred.nodes.get(node, 0) + by
        if count:
            kindred.nodes[node] = count
        else:
            del kindred.nodes[node]
            if not kindred.nodes:
                del self._kindred[pod.wishes]
