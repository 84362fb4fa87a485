"""NodePorts: the host ports that a pod wants must be free on the node."""

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo


class NodePorts:
    """A NodeFilter."""

    name = "NodePorts"
    events = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.POD_REMOVE})

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        if any(wanted.conflicts_with(taken) for wanted in pod.ports for taken in node.ports):
            return Rejection(self.name, ("node(s) didn't have free ports for the requested pod ports",))
        return None
