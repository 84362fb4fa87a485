"""NodeUnschedulable: cordoned nodes (spec.unschedulable) take only pods that tolerate it, such as a DaemonSet's."""

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.plugins.taint_toleration import tolerates
from sampan.scheduler.pod_info import PodInfo

_CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class NodeUnschedulable:
    """A NodeFilter."""

    name = "NodeUnschedulable"
    events = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_TAINTS})
    ignores_pods = True

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        if not node.unschedulable or tolerates(pod.spec.get("tolerations"), _CORDONED):
            return None
        return Rejection(self.name, ("node(s) were unschedulable",), resolvable=False)
