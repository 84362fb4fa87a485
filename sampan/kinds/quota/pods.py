"""Pods in quotas: compute resources while they live, and a count for as long as they are stored."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sampan.kinds.core.pod_resources import Resources, add, effective, resources
from sampan.kinds.core.qos import qos_class
from sampan.kinds.core.resource_validation import is_extended
from sampan.kinds.quota.evaluator import ONE, Change, Evaluator, count_name
from sampan.kinds.quota.scopes import Term, matches
from sampan.machinery.meta import Object, later, parse_time
from sampan.machinery.tree import get_path

_COUNT = count_name("", "pods")
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_NAMES = frozenset(
    {_COUNT, "pods", *_COMPUTE} | {f"{prefix}.{name}" for prefix in ("requests", "limits") for name in _COMPUTE}
)
# A mistake of the first quotas that stays: who limits one of these demands that every container names it.
_DEMANDED = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
_DEVICE_CLASS = "deviceclass.resource.kubernetes.io/"


def _tracks(name: str) -> bool:
    if name in _NAMES or name.startswith(("hugepages-", "requests.hugepages-")):
        return True
    asked = name.removeprefix("requests.")
    return asked != name and _is_of_devices(asked)


def _is_of_devices(name: str) -> bool:
    return name.startswith(_DEVICE_CLASS) or is_extended(name)


def _usage(pod: Object, now: datetime) -> Resources:
    used = {_COUNT: ONE}
    if is_alive(pod, now):
        add(used, _computed(effective(pod, "requests"), effective(pod, "limits")))
    return used


def _computed(requests: Resources, limits: Resources) -> Resources:
    used = {"pods": ONE}
    for name, amount in requests.items():
        if name in _COMPUTE or name.startswith("hugepages-"):
            used[name] = amount
        if name in used or _is_of_devices(name):
            used[f"requests.{name}"] = amount
    used.update((f"limits.{name}", limits[name]) for name in _COMPUTE if name in limits)
    return used


def is_alive(pod: Object, now: datetime) -> bool:
    """Whether it still counts: it has not finished, and is not stuck in its end."""
    if get_path(pod, ("status", "phase")) in ("Failed", "Succeeded"):
        return False
    meta = pod["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("deletionGracePeriodSeconds") is None:
        return True
    return now <= later(parse_time(meta["deletionTimestamp"]), meta["deletionGracePeriodSeconds"])


def _in_scope(term: Term, pod: Object) -> bool:
    match term.scope:
        case "Terminating":
            return _is_terminating(pod)
        case "NotTerminating":
            return not _is_terminating(pod)
        case "BestEffort":
            return qos_class(pod) == "BestEffort"
        case "NotBestEffort":
            return qos_class(pod) != "BestEffort"
        case "PriorityClass":
            return matches(term, {name for name in [pod["spec"].get("priorityClassName")] if name})
        case "CrossNamespacePodAffinity":
            return any(t.get("namespaces") or t.get("namespaceSelector") is not None for t in _affinity_terms(pod))
    return False


def _is_terminating(pod: Object) -> bool:
    """Whether it will end by itself, by its deadline."""
    seconds = pod["spec"].get("activeDeadlineSeconds")
    return seconds is not None and seconds >= 0


def _affinity_terms(pod: Object) -> Iterator[Object]:
    affinity = pod["spec"].get("affinity") or {}
    for field in ("podAffinity", "podAntiAffinity"):
        wishes = affinity.get(field) or {}
        yield from wishes.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in wishes.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield weighted.get("podAffinityTerm") or {}


def _handles(change: Change) -> bool:
    if change.operation == "CREATE":
        return not change.subresource
    if change.subresource == "resize":
        return True
    return (
        not change.subresource
        and change.old is not None
        and (_is_terminating(change.old) != _is_terminating(change.new))
    )


def _lacks(names: Collection[str], pod: Object) -> str:
    spec, demanded = pod["spec"], sorted(_DEMANDED.intersection(names))
    own: Any = spec.get("resources") or {}
    if own.get("requests") or own.get("limits"):
        return ""
    missing: dict[str, set[str]] = {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        amounts = container.get("resources") or {}
        used = _computed(resources(amounts.get("requests")), resources(amounts.get("limits")))
        for name in demanded:
            if name not in used:
                missing.setdefault(name, set()).add(container["name"])
    if not missing:
        return ""
    return "must specify " + "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))


def _frees(old: Object, new: Object, now: datetime) -> bool:
    """Whether an update may change what the pod counts for."""
    if _is_terminating(old) != _is_terminating(new) or (is_alive(old, now) and not is_alive(new, now)):
        return True
    return any(effective(old, field) != effective(new, field) for field in ("requests", "limits"))


PODS = Evaluator(_tracks, _usage, _in_scope, _handles, _lacks, _frees)
