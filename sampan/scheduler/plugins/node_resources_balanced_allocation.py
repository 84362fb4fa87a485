"""NodeResourcesBalancedAllocation: prefers nodes whose resources, CPU and memory by default, a pod evens out.

Pods that request none of them are not scored, or all of them would go to one node.
"""

from collections.abc import Sequence

from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.resource_scoring import DEFAULT_RESOURCES, Weighed, balance


class NodeResourcesBalancedAllocation:
    """A NodeScore."""

    name = "NodeResourcesBalancedAllocation"

    def __init__(self, resources: Sequence[Weighed] = DEFAULT_RESOURCES) -> None:
        self._score = balance(resources)

    def score(self, pod: PodInfo, node: NodeInfo) -> int:
        return self._score(pod, node)
