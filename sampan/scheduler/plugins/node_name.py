"""NodeName: a pod that names its node goes there only."""

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo


class NodeName:
    """A NodeFilter."""

    name = "NodeName"
    events = frozenset({ClusterEvent.NODE_ADD})
    ignores_pods = True

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        if pod.node_name in ("", node.name):
            return None
        return Rejection(self.name, ("node(s) didn't match the requested node name",), resolvable=False)
