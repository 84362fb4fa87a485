"""What arguments of plugins may be. Pure; texts and rules: pkg/scheduler/apis/config/validation (pluginargs)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sampan.machinery.errors import FieldError
from sampan.machinery.names import qualified_name
from sampan.machinery.paths import Path, check, duplicate, forbidden, invalid, not_supported, required
from sampan.scheduler.configuration.node_selector_errors import preference_errors, selector_errors

Tree = Mapping[str, Any]
Errors = Iterator[FieldError | str]

_STRATEGIES = ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")
_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_NO_SELECTOR = "constraint must not define a selector, as they deduced for each pod"


def argument_errors(name: str, args: Tree, path: Path) -> Errors:
    """Of a plugin's arguments, with their defaults."""
    if name in _RULES:
        yield from _RULES[name](args, path)


def _preemption(args: Tree, path: Path) -> Errors:
    names = "minCandidateNodesPercentage", "minCandidateNodesAbsolute"
    percentage, absolute = (args[name] for name in names)
    if not 0 <= percentage <= 100:
        yield invalid(path.child(names[0]), percentage, "not in valid range [0, 100]")
    if absolute < 0:
        yield invalid(path.child(names[1]), absolute, "not in valid range [0, inf)")
    if percentage == absolute == 0:
        for name, other in (names, names[::-1]):
            yield invalid(path.child(name), 0, f"cannot be zero at the same time as {other}")


def _pod_affinity(args: Tree, path: Path) -> Errors:
    if not 0 <= args["hardPodAffinityWeight"] <= 100:
        place = path.child("hardPodAffinityWeight")
        yield invalid(place, args["hardPodAffinityWeight"], "not in valid range [0, 100]")


def _node_affinity(args: Tree, path: Path) -> Errors:
    for field, errors in (("required", selector_errors), ("preferred", preference_errors)):
        field += "DuringSchedulingIgnoredDuringExecution"
        if said := args["addedAffinity"].get(field):
            yield from errors(said, path.child("addedAffinity", field))


def _balance(args: Tree, path: Path) -> Errors:
    seen = set()
    for at, resource in enumerate(args["resources"]):
        place = path.child("resources").index(at)
        if resource["name"] in seen:
            yield duplicate(place.child("name"), resource["name"])
        seen.add(resource["name"])
        if resource["weight"] != 1:
            yield invalid(place.child("weight"), resource["weight"], "must be 1")


def _fit(args: Tree, path: Path) -> Errors:
    for at, name in enumerate(args["ignoredResources"]):
        yield from check(path.child("ignoredResources").index(at), name, qualified_name(name))
    for at, group in enumerate(args["ignoredResourceGroups"]):
        place = path.child("ignoredResourceGroups").index(at)
        if "/" in group:
            yield invalid(place, group, "resource group name can't contain '/'")
        yield from check(place, group, qualified_name(group))
    yield from _strategy(args["scoringStrategy"], path.child("scoringStrategy"))


def _strategy(strategy: Tree, path: Path) -> Errors:
    kind, ratio = strategy["type"], strategy.get("requestedToCapacityRatio")
    if kind not in _STRATEGIES:
        yield not_supported(path.child("type"), kind, _STRATEGIES)
    for at, resource in enumerate(strategy["resources"]):
        if not 0 < resource["weight"] <= 100:
            why = f"resource weight of {resource['name']} not in valid range (0, 100]"
            yield invalid(path.child("resources").index(at).child("weight"), resource["weight"], why)
    place = path.child("requestedToCapacityRatio")
    if kind != "RequestedToCapacityRatio":
        if ratio is not None:
            yield forbidden(place, "must be nil when type is not RequestedToCapacityRatio")
    elif ratio is None:
        yield required(place, "must be specified when type is RequestedToCapacityRatio")
    else:
        yield from _shape(ratio.get("shape") or (), place.child("shape"))


def _shape(shape: Sequence[Tree], path: Path) -> Errors:
    if not shape:
        yield required(path, "at least one point must be specified")
    steps = [point.get("utilization", 0) for point in shape]
    for at in range(1, len(steps)):
        if steps[at - 1] >= steps[at]:
            yield invalid(path.index(at).child("utilization"), steps[at], "values must be sorted in increasing order")
            break
    for at, point in enumerate(shape):
        for field, most in (("utilization", 100), ("score", 10)):
            if not 0 <= (value := point.get(field, 0)) <= most:
                yield invalid(path.index(at).child(field), value, f"not in valid range [0, {most}]")


def _spread(args: Tree, path: Path) -> Errors:
    kind, constraints = args["defaultingType"], args["defaultConstraints"]
    if kind not in ("System", "List"):
        yield not_supported(path.child("defaultingType"), kind, ("System", "List"))
    elif kind == "System" and constraints:
        yield invalid(path.child("defaultingType"), kind, "when .defaultConstraints are not empty")
    seen = set()
    for at, constraint in enumerate(constraints):
        yield from _constraint(constraint, place := path.child("defaultConstraints").index(at))
        what = constraint.get("topologyKey", ""), constraint.get("whenUnsatisfiable", "")
        if what in seen:
            yield duplicate(place, f"{{{what[0]}, {what[1]}}}")
        seen.add(what)


def _constraint(constraint: Tree, path: Path) -> Errors:
    if (skew := constraint.get("maxSkew", 0)) <= 0:
        yield invalid(path.child("maxSkew"), skew, "not in valid range (0, inf)")
    if key := constraint.get("topologyKey"):
        yield from check(path.child("topologyKey"), key, qualified_name(key))
    else:
        yield required(path.child("topologyKey"), "can not be empty")
    action = constraint.get("whenUnsatisfiable")
    if not action:
        yield required(path.child("whenUnsatisfiable"), "can not be empty")
    elif action not in _ACTIONS:
        yield not_supported(path.child("whenUnsatisfiable"), action, _ACTIONS)
    if constraint.get("labelSelector") is not None:
        yield forbidden(path.child("labelSelector"), _NO_SELECTOR)


def _volumes(args: Tree, path: Path) -> Errors:
    if (seconds := args["bindTimeoutSeconds"]) < 0:
        why = "invalid BindTimeoutSeconds, should not be a negative value"
        yield invalid(path.child("bindTimeoutSeconds"), seconds, why)
    yield from _shape(args["shape"], path.child("shape"))


_RULES: Mapping[str, Callable[[Tree, Path], Errors]] = {
    "DefaultPreemption": _preemption,
    "InterPodAffinity": _pod_affinity,
    "NodeAffinity": _node_affinity,
    "NodeResourcesBalancedAllocation": _balance,
    "NodeResourcesFit": _fit,
    "PodTopologySpread": _spread,
    "VolumeBinding": _volumes,
}
