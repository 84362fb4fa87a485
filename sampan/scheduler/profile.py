"""Which plugins judge a pod, in upstream's order (the default profile of kube-scheduler)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import (
    ClusterFilter,
    ClusterScore,
    Narrowing,
    NodeFilter,
    NodeScore,
    RelativeScore,
)
from sampan.scheduler.plugins.image_locality import ImageLocality
from sampan.scheduler.plugins.inter_pod_affinity import InterPodAffinity, NamespaceLabels
from sampan.scheduler.plugins.node_affinity import NodeAffinity
from sampan.scheduler.plugins.node_name import NodeName
from sampan.scheduler.plugins.node_ports import NodePorts
from sampan.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from sampan.scheduler.plugins.node_resources_fit import NodeResourcesFit
from sampan.scheduler.plugins.node_unschedulable import NodeUnschedulable
from sampan.scheduler.plugins.pod_topology_spread import OwnerSelector, PodTopologySpread
from sampan.scheduler.plugins.taint_toleration import TaintToleration


@dataclass(frozen=True, slots=True)
class Profile:
    """Plugins by what they do; one plugin may stand in several places."""

    narrowing: Sequence[Narrowing] = ()
    node_filters: Sequence[NodeFilter] = ()
    cluster_filters: Sequence[ClusterFilter] = ()
    node_scores: Sequence[NodeScore] = ()
    relative_scores: Sequence[RelativeScore] = ()
    cluster_scores: Sequence[ClusterScore] = ()

    def events_for(self, plugins: frozenset[str]) -> frozenset[ClusterEvent]:
        """What may let a pod be scheduled that some plugins rejected; everything where none is to blame."""
        blamed = [p.events for p in (*self.node_filters, *self.cluster_filters) if p.name in plugins]
        return frozenset().union(*blamed) if blamed else frozenset(ClusterEvent)


def default_profile(owner_selector: OwnerSelector, namespace_labels: NamespaceLabels) -> Profile:
    """Upstream's default plugins, those for volumes and dynamic resources excepted."""
    taints, affinity, fit = TaintToleration(), NodeAffinity(), NodeResourcesFit()
    spread, together = PodTopologySpread(owner_selector), InterPodAffinity(namespace_labels)
    return Profile(
        narrowing=(affinity,),
        node_filters=(NodeUnschedulable(), NodeName(), taints, affinity, NodePorts(), fit),
        cluster_filters=(spread, together),
        node_scores=(fit, NodeResourcesBalancedAllocation()),
        relative_scores=(taints, affinity),
        cluster_scores=(spread, together, ImageLocality()),
    )
