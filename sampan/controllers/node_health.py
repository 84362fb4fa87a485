"""What a node's conditions, leases and taints say and should say. Pure; used by node_lifecycle.py.

Rules: docs, Node Status and Taints and Tolerations, "Taint based Evictions" and "Taint Nodes by Condition".
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sampan.machinery import conditions
from sampan.machinery.conditions import FALSE, TRUE, UNKNOWN
from sampan.machinery.meta import Object, format_time

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
NO_SCHEDULE, NO_EXECUTE = "NoSchedule", "NoExecute"

READY = "Ready"
_WATCHED = (READY, "MemoryPressure", "DiskPressure", "PIDPressure")
_BY_CONDITION = {
    ("Ready", FALSE): NOT_READY,
    ("Ready", UNKNOWN): UNREACHABLE,
    ("MemoryPressure", TRUE): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", TRUE): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", TRUE): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", TRUE): "node.kubernetes.io/pid-pressure",
}
_OURS = {
    *((key, NO_SCHEDULE) for key in (*_BY_CONDITION.values(), UNSCHEDULABLE)),
    (NOT_READY, NO_EXECUTE),
    (UNREACHABLE, NO_EXECUTE),
}


class Sign(NamedTuple):
    """A sign of life, and when, by our own clock, it changed last."""

    lease: str  # spec.renewTime of the node's lease
    conditions: str  # status.conditions[Ready].lastHeartbeatTime
    at: float


def sign_of(node: Object, lease: Object | None, before: Sign | None, at: float) -> Sign:
    """Compare what the node has written with what it had: only a difference counts, no clock but ours."""
    ready = condition(node, READY) or {}
    renewed = str(((lease or {}).get("spec") or {}).get("renewTime") or "")
    beat = str(ready.get("lastHeartbeatTime") or "")
    if before is not None and (before.lease, before.conditions) == (renewed, beat):
        return before
    return Sign(renewed, beat, at)


def condition(node: Object, type: str) -> Object | None:
    """A condition of the node."""
    return conditions.find((node.get("status") or {}).get("conditions") or (), type)


def readiness(node: Object) -> str:
    """True, False or Unknown."""
    ready = condition(node, READY)
    return str(ready["status"]) if ready else UNKNOWN


def silent_conditions(node: Object, now: datetime) -> list[Object]:
    """The conditions of a node that is not heard of: whatever the node reports itself becomes Unknown."""
    found = list((node.get("status") or {}).get("conditions") or ())
    for type in _WATCHED:
        old = conditions.find(found, type)
        if old is None:
            reason, message = "NodeStatusNeverUpdated", "Kubelet never posted node status."
            beat = node["metadata"].get("creationTimestamp") or format_time(now)
        elif old["status"] == UNKNOWN:
            continue
        else:
            reason, message = "NodeStatusUnknown", "Kubelet stopped posting node status."
            beat = old.get("lastHeartbeatTime") or format_time(now)
        new = {"type": type, "status": UNKNOWN, "lastHeartbeatTime": beat, "lastTransitionTime": format_time(now)}
        new |= {"reason": reason, "message": message}
        found = [new if one is old else one for one in found] + ([] if old else [new])
    return found


def taints_for(node: Object, *, evict: bool, now: datetime) -> list[Object]:
    """The taints that a node should have: ours by its conditions, and everybody else's as they are.

    `evict`: whether pods are to leave an unready node (NoExecute); not when all nodes are unready, because then it is
    more likely that we are the one who is cut off.
    """
    wanted = _wanted(node, evict=evict)
    taints = [one for one in node["spec"].get("taints") or () if _name(one) not in _OURS or _name(one) in wanted]
    there = {_name(taint) for taint in taints}
    added = [(key, effect) for key, effect in wanted if (key, effect) not in there]
    return taints + [{"key": key, "effect": effect, "timeAdded": format_time(now)} for key, effect in added]


def _wanted(node: Object, *, evict: bool) -> list[tuple[str, str]]:
    found = [key for (type, status), key in _BY_CONDITION.items() if _status(node, type) == status]
    wanted = [(key, NO_SCHEDULE) for key in found]
    if condition(node, READY) is None:  # not heard of yet
        wanted.append((NOT_READY, NO_SCHEDULE))
    if node["spec"].get("unschedulable"):
        wanted.append((UNSCHEDULABLE, NO_SCHEDULE))
    if evict:
        wanted += [(key, NO_EXECUTE) for key in found if key in (NOT_READY, UNREACHABLE)]
    return wanted


def _status(node: Object, type: str) -> str:
    found = condition(node, type)
    return str(found["status"]) if found else ""


def _name(taint: Object) -> tuple[str, str]:
    return taint["key"], taint["effect"]


def tolerates(toleration: Object, taint: Object) -> bool:
    """Whether a toleration covers a taint: v1.Toleration.ToleratesTaint."""
    effect, key = toleration.get("effect"), toleration.get("key")
    if (effect and effect != taint["effect"]) or (key and key != taint["key"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(key) and (toleration.get("value") or "") == (taint.get("value") or "")


def endures(tolerations: Iterable[Object], taints: Sequence[Object]) -> float | None:
    """For how many seconds a pod may stay on a node with these NoExecute taints; None for ever, 0 not at all."""
    limits: list[float] = []
    found = list(tolerations)
    for taint in taints:
        covering = [one for one in found if tolerates(one, taint)]
        if not covering:
            return 0.0
        limits += [one["tolerationSeconds"] for one in covering if one.get("tolerationSeconds") is not None]
    return max(0.0, min(limits)) if limits else None
