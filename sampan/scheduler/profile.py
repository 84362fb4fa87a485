"""Which plugins judge a pod and act for it, in upstream's order (the default profile of kube-scheduler).

A plugin is a file below plugins/ and a line here; what it does follows from the methods that it has (framework.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import (
    ClusterFilter,
    ClusterScore,
    Narrowing,
    NodeFilter,
    NodeScore,
    Permit,
    PostBind,
    PreBind,
    PreEnqueue,
    RelativeScore,
    Reserve,
)
from sampan.scheduler.handle import Handle
from sampan.scheduler.plugins.image_locality import ImageLocality
from sampan.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from sampan.scheduler.plugins.node_affinity import NodeAffinity
from sampan.scheduler.plugins.node_name import NodeName
from sampan.scheduler.plugins.node_ports import NodePorts
from sampan.scheduler.plugins.node_resources_balanced_allocation import NodeResourcesBalancedAllocation
from sampan.scheduler.plugins.node_resources_fit import NodeResourcesFit
from sampan.scheduler.plugins.node_unschedulable import NodeUnschedulable
from sampan.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from sampan.scheduler.plugins.pod_topology_spread import PodTopologySpread
from sampan.scheduler.plugins.scheduling_gates import SchedulingGates
from sampan.scheduler.plugins.taint_toleration import TaintToleration
from sampan.scheduler.plugins.volume_binding import VolumeBinding
from sampan.scheduler.plugins.volume_restrictions import VolumeRestrictions
from sampan.scheduler.plugins.volume_zone import VolumeZone

PLUGINS: Mapping[str, Callable[[Handle], object]] = {
    "SchedulingGates": lambda handle: SchedulingGates(),
    "NodeUnschedulable": lambda handle: NodeUnschedulable(),
    "NodeName": lambda handle: NodeName(),
    "TaintToleration": lambda handle: TaintToleration(),
    "NodeAffinity": lambda handle: NodeAffinity(),
    "NodePorts": lambda handle: NodePorts(),
    "NodeResourcesFit": lambda handle: NodeResourcesFit(),
    "VolumeRestrictions": lambda handle: VolumeRestrictions(handle.volumes),
    "NodeVolumeLimits": lambda handle: NodeVolumeLimits(handle.volumes),
    "VolumeBinding": lambda handle: VolumeBinding(handle.volumes, handle.client, handle.clock),
    "VolumeZone": lambda handle: VolumeZone(handle.volumes),
    "PodTopologySpread": lambda handle: PodTopologySpread(handle.owner_selector),
    "InterPodAffinity": lambda handle: InterPodAffinity(handle.namespace_labels),
    "NodeResourcesBalancedAllocation": lambda handle: NodeResourcesBalancedAllocation(),
    "ImageLocality": lambda handle: ImageLocality(),
}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Profile:
    """Plugins by what they do; one plugin may stand in several places."""

    pre_enqueues: Sequence[PreEnqueue] = ()
    narrowing: Sequence[Narrowing] = ()
    node_filters: Sequence[NodeFilter] = ()
    cluster_filters: Sequence[ClusterFilter] = ()
    node_scores: Sequence[NodeScore] = ()
    relative_scores: Sequence[RelativeScore] = ()
    cluster_scores: Sequence[ClusterScore] = ()
    reserves: Sequence[Reserve] = ()
    permits: Sequence[Permit] = ()
    pre_binds: Sequence[PreBind] = ()
    post_binds: Sequence[PostBind] = ()

    @classmethod
    def of(cls, plugins: Iterable[object]) -> "Profile":
        """Each plugin wherever it belongs."""
        found = list(plugins)

        def those(kind: type[T]) -> list[T]:
            return [plugin for plugin in found if isinstance(plugin, kind)]

        return cls(
            pre_enqueues=those(PreEnqueue),  # type: ignore[type-abstract]
            narrowing=those(Narrowing),  # type: ignore[type-abstract]
            node_filters=those(NodeFilter),  # type: ignore[type-abstract]
            cluster_filters=those(ClusterFilter),  # type: ignore[type-abstract]
            node_scores=those(NodeScore),  # type: ignore[type-abstract]
            relative_scores=those(RelativeScore),  # type: ignore[type-abstract]
            cluster_scores=those(ClusterScore),  # type: ignore[type-abstract]
            reserves=those(Reserve),  # type: ignore[type-abstract]
            permits=those(Permit),  # type: ignore[type-abstract]
            pre_binds=those(PreBind),  # type: ignore[type-abstract]
            post_binds=those(PostBind),  # type: ignore[type-abstract]
        )

    def events_for(self, plugins: frozenset[str]) -> frozenset[ClusterEvent]:
        """What may let a pod be scheduled that some plugins rejected; everything where none is to blame."""
        blamed = [p.events for p in (*self.node_filters, *self.cluster_filters) if p.name in plugins]
        return frozenset().union(*blamed) if blamed else frozenset(ClusterEvent)


def default_profile(handle: Handle) -> Profile:
    """All plugins."""
    return Profile.of(make(handle) for make in PLUGINS.values())
