"""NodeResourcesFit: what a pod requests must be free on the node; emptier nodes score higher (LeastAllocated)."""

from sampan.kinds.core.pod_requests import CPU, MEMORY
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import MAX_SCORE, Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo


class NodeResourcesFit:
    """A NodeFilter and a NodeScore."""

    name = "NodeResourcesFit"
    events = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_ALLOCATABLE, ClusterEvent.POD_REMOVE})

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        reasons = []
        resolvable = True
        if len(node.pods) + 1 > node.max_pods:
            reasons.append("Too many pods")
        for resource, amount in pod.requests.items():
            offered = node.allocatable.get(resource, 0)
            if amount and amount > offered - node.requested.get(resource, 0):
                reasons.append(f"Insufficient {resource}")
                resolvable = resolvable and amount <= offered
        return Rejection(self.name, tuple(reasons), resolvable) if reasons else None

    def score(self, pod: PodInfo, node: NodeInfo) -> int:
        shares = [
            _free_share(node.allocatable.get(CPU, 0), node.score_cpu + pod.score_cpu),
            _free_share(node.allocatable.get(MEMORY, 0), node.score_memory + pod.score_memory),
        ]
        offered = [share for share in shares if share is not None]
        return sum(offered) // len(offered) if offered else 0


def _free_share(offered: int, taken: int) -> int | None:
    """What is left, 0 to MAX_SCORE; None where the node does not offer the resource at all."""
    if offered == 0:
        return None
    return 0 if taken > offered else (offered - taken) * MAX_SCORE // offered
