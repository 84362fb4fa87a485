"""NodeResourcesFit: what a pod requests must be free on the node; by default, emptier nodes score higher.

Devices can be ignored, by name or by the part before the slash: then somebody else sees to them.
"""

from collections.abc import Iterable

from sampan.kinds.core.resource_validation import is_extended
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.resource_scoring import Score, strategy


class NodeResourcesFit:
    """A NodeFilter and a NodeScore."""

    name = "NodeResourcesFit"
    events = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_ALLOCATABLE, ClusterEvent.POD_REMOVE})

    def __init__(
        self, score: Score | None = None, ignored: Iterable[str] = (), ignored_groups: Iterable[str] = ()
    ) -> None:
        self._score = score or strategy("LeastAllocated")
        self._ignored = frozenset(ignored)
        self._ignored_groups = frozenset(ignored_groups)
        self._ignores = bool(self._ignored or self._ignored_groups)

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        reasons = []
        resolvable = True
        if len(node.pods) + 1 > node.max_pods:
            reasons.append("Too many pods")
        for resource, amount in pod.requests.items():
            offered = node.allocatable.get(resource, 0)
            if amount and amount > offered - node.requested.get(resource, 0):
                if self._ignores and self._is_ignored(resource):
                    continue
                reasons.append(f"Insufficient {resource}")
                resolvable = resolvable and amount <= offered
        return Rejection(self.name, tuple(reasons), resolvable) if reasons else None

    def score(self, pod: PodInfo, node: NodeInfo) -> int:
        return self._score(pod, node)

    def _is_ignored(self, resource: str) -> bool:
        by_name = resource in self._ignored or resource.partition("/")[0] in self._ignored_groups
        return by_name and is_extended(resource)
