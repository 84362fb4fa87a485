"""NodeResourcesBalancedAllocation: prefers nodes whose CPU and memory would be used in equal measure.

Pods that request neither are not scored, or all of them would go to one node.
"""

from sampan.kinds.core.pod_requests import CPU, MEMORY
from sampan.scheduler.framework import MAX_SCORE
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo


class NodeResourcesBalancedAllocation:
    """A NodeScore."""

    name = "NodeResourcesBalancedAllocation"

    def score(self, pod: PodInfo, node: NodeInfo) -> int:
        if pod.best_effort:
            return 0
        cpu, memory = (_used(pod, node, resource) for resource in (CPU, MEMORY))
        if cpu is None or memory is None:
            return MAX_SCORE
        deviation = abs(cpu - memory) / 2  # the standard deviation of two numbers
        return int((1 - deviation) * MAX_SCORE)


def _used(pod: PodInfo, node: NodeInfo, resource: str) -> float | None:
    offered = node.allocatable.get(resource, 0)
    if not offered:
        return None
    return min((node.requested.get(resource, 0) + pod.requests.get(resource, 0)) / offered, 1.0)
