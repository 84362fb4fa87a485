"""Extension points, and which plugin has a say at which: upstream's, for that is what configuration files are about.

Data for merging.py. In this scheduler, a point often has less to do than its name promises (framework.py): what a
plugin computes at preFilter and preScore, it computes at filter and score, and needs no configuration for it. Sources:
pkg/scheduler/framework/runtime/framework.go (getExtensionPoints), pkg/scheduler/apis/config/v1/default_plugins.go.
"""

from collections.abc import Mapping

# By the fields of `plugins`, in the order in which upstream goes through them, with the names that errors have.
POINTS: Mapping[str, str] = {
    "preFilter": "PreFilterPlugin",
    "filter": "FilterPlugin",
    "postFilter": "PostFilterPlugin",
    "reserve": "ReservePlugin",
    "preScore": "PreScorePlugin",
    "score": "ScorePlugin",
    "preBind": "PreBindPlugin",
    "bind": "BindPlugin",
    "postBind": "PostBindPlugin",
    "permit": "PermitPlugin",
    "preEnqueue": "PreEnqueuePlugin",
    "queueSort": "QueueSortPlugin",
    "placementGenerate": "PlacementGeneratePlugin",
    "placementScore": "PlacementScorePlugin",
    "podGroupPostFilter": "PodGroupPostFilterPlugin",
}

_FILTERS = frozenset({"preFilter", "filter"})
_SCORES = frozenset({"preScore", "score"})

# Every plugin that there is, in the order of the default profile.
PLUGINS: Mapping[str, frozenset[str]] = {
    "SchedulingGates": frozenset({"preEnqueue"}),
    "PrioritySort": frozenset({"queueSort"}),
    "NodeName": _FILTERS,
    "NodeUnschedulable": _FILTERS,
    "TaintToleration": _FILTERS | _SCORES,
    "NodeAffinity": _FILTERS | _SCORES,
    "NodePorts": _FILTERS,
    "NodeResourcesFit": _FILTERS | _SCORES | {"placementScore"},
    "VolumeRestrictions": _FILTERS,
    "NodeVolumeLimits": _FILTERS,
    "VolumeBinding": _FILTERS | _SCORES | {"reserve", "preBind"},
    "VolumeZone": _FILTERS,
    "PodTopologySpread": _FILTERS | _SCORES,
    "InterPodAffinity": _FILTERS | _SCORES,
    "DynamicResources": _FILTERS | {"postFilter", "score", "reserve", "preBind", "preEnqueue"},
    "DefaultPreemption": frozenset({"postFilter", "preEnqueue"}),
    "NodeResourcesBalancedAllocation": _SCORES,
    "ImageLocality": frozenset({"score"}),
    "DefaultBinder": frozenset({"bind"}),
}
WEIGHTS: Mapping[str, int] = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "NodeResourcesFit": 1,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "DynamicResources": 2,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}

# Upstream has these too, some of them by default. A file may disable them.
ABSENT = frozenset(
    {
        "DeferredPodScheduling",
        "GangScheduling",
        "NodeDeclaredFeatures",
        "PodGroupPodsCount",
        "TopologyPlacementGenerator",
    }
)
