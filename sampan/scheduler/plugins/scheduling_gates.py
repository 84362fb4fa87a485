"""SchedulingGates: a pod with gates is not looked at until somebody has taken them all away. Rules: KEP-3521."""

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.pod_info import PodInfo


class SchedulingGates:
    """A PreEnqueue."""

    name = "SchedulingGates"
    events: frozenset[ClusterEvent] = frozenset()  # the pod's own change brings it back

    def holds(self, pod: PodInfo) -> bool:
        return bool(pod.spec.get("schedulingGates"))
