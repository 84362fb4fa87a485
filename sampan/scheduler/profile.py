"""Which plugins judge a pod and act for it: a profile, as it is configured (configuration/), with its plugins made.

A plugin is a file below plugins/, a line here and one in configuration/points.py; what it does follows from the methods
that it has (framework.py). Two of upstream's are no files: PrioritySort is queue.py, DefaultBinder effects.py.
DefaultPreemption is preemption.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.configuration.configuration import ProfileConfiguration
from sampan.scheduler.framework import (
    EXTENDERS,
    ClusterFilter,
    ClusterScore,
    LookAhead,
    Narrowing,
    NodeCheck,
    NodeFilter,
    NodeScore,
    Permit,
    PostBind,
    PostFilter,
    PreBind,
    PreEnqueue,
    Refusal,
    RelativeScore,
    Reserve,
)
from sampan.scheduler.handle import Handle
from sampan.scheduler.plugins.dynamic_resources import DynamicResources
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
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.resource_scoring import Shape, Weighed, strategy
from sampan.scheduler.state import ClusterState

Arguments = Mapping[str, Any]


def _weighed(resources: Sequence[Arguments]) -> list[Weighed]:
    return [Weighed(resource["name"], resource["weight"]) for resource in resources]


def _points(shape: Sequence[Arguments]) -> Shape:
    return [(point.get("utilization", 0), point.get("score", 0)) for point in shape]


def _fit(handle: Handle, args: Arguments) -> NodeResourcesFit:
    scoring = args["scoringStrategy"]
    shape = (scoring.get("requestedToCapacityRatio") or {}).get("shape") or ()
    score = strategy(scoring["type"], _weighed(scoring["resources"]), _points(shape))
    return NodeResourcesFit(score, args["ignoredResources"], args["ignoredResourceGroups"])


def _spread(handle: Handle, args: Arguments) -> PodTopologySpread:
    listed = args["defaultConstraints"] if args["defaultingType"] == "List" else None
    return PodTopologySpread(handle.owner_selector, listed)


def _affinity(handle: Handle, args: Arguments) -> InterPodAffinity:
    weight, ignore = args["hardPodAffinityWeight"], args["ignorePreferredTermsOfExistingPods"]
    return InterPodAffinity(handle.namespace_labels, weight, ignore)


def _volumes(handle: Handle, args: Arguments) -> VolumeBinding:
    timeout, shape = args["bindTimeoutSeconds"], _points(args["shape"])
    return VolumeBinding(handle.volumes, handle.client, handle.clock, timeout, shape)


# Made from the handle and the plugin's arguments, which are whole (configuration/arguments.py).
PLUGINS: Mapping[str, Callable[[Handle, Arguments], object]] = {
    "SchedulingGates": lambda handle, args: SchedulingGates(),
    "NodeUnschedulable": lambda handle, args: NodeUnschedulable(),
    "NodeName": lambda handle, args: NodeName(),
    "TaintToleration": lambda handle, args: TaintToleration(),
    "NodeAffinity": lambda handle, args: NodeAffinity(args["addedAffinity"]),
    "NodePorts": lambda handle, args: NodePorts(),
    "NodeResourcesFit": _fit,
    "VolumeRestrictions": lambda handle, args: VolumeRestrictions(handle.volumes),
    "NodeVolumeLimits": lambda handle, args: NodeVolumeLimits(handle.volumes),
    "VolumeBinding": _volumes,
    "VolumeZone": lambda handle, args: VolumeZone(handle.volumes),
    "PodTopologySpread": _spread,
    "InterPodAffinity": _affinity,
    "DynamicResources": lambda handle, args: DynamicResources(handle.devices, handle.client, handle.clock),
    "NodeResourcesBalancedAllocation": lambda _, args: NodeResourcesBalancedAllocation(_weighed(args["resources"])),
    "ImageLocality": lambda handle, args: ImageLocality(),
}
T = TypeVar("T")


class RefusalsOnly:
    """A ClusterFilter of which only preFilter is wanted: it may refuse a pod, and judges no node."""

    def __init__(self, plugin: ClusterFilter) -> None:
        self._plugin = plugin
        self.name, self.events = plugin.name, plugin.events

    def prepare(self, pod: PodInfo, state: ClusterState) -> NodeCheck | Refusal | None:
        """What the plugin says of every node at once."""
        found = self._plugin.prepare(pod, state)
        return found if isinstance(found, Refusal) else None


@dataclass(frozen=True, slots=True)
class Profile:
    """Plugins by what they do; one plugin may stand in several places. Those that score, each with its weight."""

    pre_enqueues: Sequence[PreEnqueue] = ()
    look_aheads: Sequence[LookAhead] = ()
    narrowing: Sequence[Narrowing] = ()
    node_filters: Sequence[NodeFilter] = ()
    cluster_filters: Sequence[ClusterFilter] = ()
    node_scores: Sequence[tuple[NodeScore, int]] = ()
    relative_scores: Sequence[tuple[RelativeScore, int]] = ()
    cluster_scores: Sequence[tuple[ClusterScore, int]] = ()
    post_filters: Sequence[PostFilter] = ()
    reserves: Sequence[Reserve] = ()
    permits: Sequence[Permit] = ()
    pre_binds: Sequence[PreBind] = ()
    post_binds: Sequence[PostBind] = ()
    preempts: bool = True  # whether others may have to go for a pod
    percentage: int = 0  # of the nodes, to be scored; see decision.sample_size

    @property
    def scores(self) -> bool:
        """Whether any node can be better than another."""
        return bool(self.node_scores or self.relative_scores or self.cluster_scores)

    def events_for(self, plugins: frozenset[str]) -> frozenset[ClusterEvent]:
        """What may let a pod be scheduled that some plugins rejected; everything where no plugin is to blame."""
        if EXTENDERS in plugins:
            return frozenset(ClusterEvent)
        blamed = [p.events for p in (*self.node_filters, *self.cluster_filters) if p.name in plugins]
        return frozenset().union(*blamed) if blamed else frozenset(ClusterEvent)


def profile_of(configuration: ProfileConfiguration, handle: Handle) -> Profile:
    """The plugins of a profile, made; each once, wherever it stands."""
    plugins = configuration.plugins
    made = {
        name: make(handle, configuration.arguments.get(name, {}))
        for name, make in PLUGINS.items()
        if name in plugins.names
    }

    def those(kind: type[T], point: str) -> list[T]:
        found = [made[name] for name in plugins.at(point) if name in made]
        return [plugin for plugin in found if isinstance(plugin, kind)]

    def scoring(kind: type[T]) -> list[tuple[T, int]]:
        found = [(made[name], plugins.weights[name]) for name in plugins.at("score") if name in made]
        return [(plugin, weight) for plugin, weight in found if isinstance(plugin, kind)]

    filters = those(ClusterFilter, "filter")  # type: ignore[type-abstract]
    before = those(ClusterFilter, "preFilter")  # type: ignore[type-abstract]
    return Profile(
        pre_enqueues=those(PreEnqueue, "preEnqueue"),  # type: ignore[type-abstract]
        look_aheads=those(LookAhead, "filter"),  # type: ignore[type-abstract]
        narrowing=those(Narrowing, "preFilter"),  # type: ignore[type-abstract]
        node_filters=those(NodeFilter, "filter"),  # type: ignore[type-abstract]
        cluster_filters=[*(RefusalsOnly(plugin) for plugin in before if plugin not in filters), *filters],
        node_scores=scoring(NodeScore),  # type: ignore[type-abstract]
        relative_scores=scoring(RelativeScore),  # type: ignore[type-abstract]
        cluster_scores=scoring(ClusterScore),  # type: ignore[type-abstract]
        post_filters=those(PostFilter, "postFilter"),  # type: ignore[type-abstract]
        reserves=those(Reserve, "reserve"),  # type: ignore[type-abstract]
        permits=those(Permit, "permit"),  # type: ignore[type-abstract]
        pre_binds=those(PreBind, "preBind"),  # type: ignore[type-abstract]
        post_binds=those(PostBind, "reserve"),  # type: ignore[type-abstract]  # they tidy up what was reserved
        preempts="DefaultPreemption" in plugins.at("postFilter"),
        percentage=configuration.percentage_of_nodes_to_score,
    )


def default_profile(handle: Handle) -> Profile:
    """What there is without a file."""
    return profile_of(ProfileConfiguration(), handle)
