"""Arguments of plugins (`pluginConfig`): their shapes, and what they are where a file leaves them out. Pure.

Arguments of plugins that are not among these are nobody's, and are not looked at, as upstream does with those of
plugins that come from outside. Sources: k8s.io/kube-scheduler/config/v1/types_pluginargs.go, types.go
(decodeNestedObjects), pkg/scheduler/apis/config/v1/defaults.go.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sampan.machinery.component_config import ANYTHING, Malformed, check_kind, held_to

Tree = Mapping[str, Any]

GROUP, VERSION = "kubescheduler.config.k8s.io", "v1"
FIT = "NodeResourcesFit"

_REQUIREMENTS = [{"key": str, "operator": str, "values": [str]}]
_TERM = {"matchExpressions": _REQUIREMENTS, "matchFields": _REQUIREMENTS}
_NODE_AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_TERM]},
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": int, "preference": _TERM}],
}
_CONSTRAINT = {
    **dict.fromkeys(("topologyKey", "whenUnsatisfiable", "nodeAffinityPolicy", "nodeTaintsPolicy"), str),
    **dict.fromkeys(("maxSkew", "minDomains"), int),
    "matchLabelKeys": [str],
    "labelSelector": ANYTHING,  # there may be none
}
_RESOURCES = [{"name": str, "weight": int}]
_SHAPE_POINTS = [{"utilization": int, "score": int}]
_STRATEGY = {"type": str, "resources": _RESOURCES, "requestedToCapacityRatio": {"shape": _SHAPE_POINTS}}

SHAPES: Mapping[str, Mapping[str, Any]] = {
    "DefaultPreemption": {"minCandidateNodesPercentage": int, "minCandidateNodesAbsolute": int},
    "DynamicResources": {"filterTimeout": str, "bindingTimeout": str},
    "InterPodAffinity": {"hardPodAffinityWeight": int, "ignorePreferredTermsOfExistingPods": bool},
    "NodeAffinity": {"addedAffinity": _NODE_AFFINITY},
    "NodeResourcesBalancedAllocation": {"resources": _RESOURCES},
    "NodeResourcesFit": {"ignoredResources": [str], "ignoredResourceGroups": [str], "scoringStrategy": _STRATEGY},
    "PodTopologySpread": {"defaultConstraints": [_CONSTRAINT], "defaultingType": str},
    "VolumeBinding": {"bindTimeoutSeconds": int, "shape": _SHAPE_POINTS},
}
_DEFAULT_RESOURCES = ({"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1})


def decoded(name: str, args: Any) -> tuple[dict[str, Any], list[str]]:
    """The arguments of a plugin, and the problems that only strict decoding has. Raises Malformed."""
    try:
        if not isinstance(args or {}, dict):
            raise Malformed(f"json: cannot unmarshal into Go value of type v1.{name}Args")
        tree = {"apiVersion": f"{GROUP}/{VERSION}", "kind": f"{name}Args", **(args or {})}
        kind = str(tree["kind"])
        said = kind.removesuffix("Args")
        check_kind(tree, GROUP, (VERSION,), kind if said in SHAPES else f"{name}Args")
        found, unknown = held_to(tree, SHAPES[said])
    except Malformed as error:
        raise Malformed(f"decoding args for plugin {name}: {error}") from None
    if said != name:
        raise Malformed(f"args for plugin {name} were not of type {name}Args.{GROUP}, got {kind}.{GROUP}")
    return {field: value for field, value in found.items() if field not in ("apiVersion", "kind")}, unknown


def whole(name: str, args: Tree) -> dict[str, Any]:
    """The arguments of a plugin with all that they leave out."""
    return {**args, **_DEFAULTS[name](args)} if name in _DEFAULTS else dict(args)


def _weighed(resources: Sequence[Tree] | None) -> list[Tree]:
    """Resources with their weights; 0 is none in particular."""
    return [{"name": "", **one, "weight": one.get("weight") or 1} for one in resources or _DEFAULT_RESOURCES]


def _strategy(said: Tree | None) -> dict[str, Any]:
    if said is None:
        return {"type": "LeastAllocated", "resources": _weighed(())}
    return {"type": "", **said, "resources": _weighed(said.get("resources"))}


def _points(shape: Sequence[Tree]) -> list[Tree]:
    return [{"utilization": 0, "score": 0, **point} for point in shape]


_EMPTIEST = ({"utilization": 0, "score": 10}, {"utilization": 100, "score": 0})
_DEFAULTS: Mapping[str, Callable[[Tree], Tree]] = {
    "DefaultPreemption": lambda args: {"minCandidateNodesPercentage": 10, "minCandidateNodesAbsolute": 100, **args},
    "InterPodAffinity": lambda args: {"hardPodAffinityWeight": 1, "ignorePreferredTermsOfExistingPods": False, **args},
    "NodeAffinity": lambda args: {"addedAffinity": {}, **args},
    "NodeResourcesBalancedAllocation": lambda args: {"resources": _weighed(args.get("resources"))},
    "NodeResourcesFit": lambda args: {
        "ignoredResources": [],
        "ignoredResourceGroups": [],
        **args,
        "scoringStrategy": _strategy(args.get("scoringStrategy")),
    },
    "PodTopologySpread": lambda args: {
        "defaultConstraints": args.get("defaultConstraints") or [],
        "defaultingType": args.get("defaultingType") or "System",
    },
    "VolumeBinding": lambda args: {
        "bindTimeoutSeconds": args.get("bindTimeoutSeconds", 600),
        "shape": _points(args.get("shape") or _EMPTIEST),
    },
}
DEFAULT_ARGUMENTS: Mapping[str, Tree] = {name: whole(name, {}) for name in SHAPES}
