"""What a PodDisruptionBudget's status says. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sampan.controllers.pods import is_ready
from sampan.machinery import conditions
from sampan.machinery.int_or_percent import scaled
from sampan.machinery.meta import Object, format_time, is_deleting, parse_time

ALLOWED = "DisruptionAllowed"
TIMEOUT = 120.0  # seconds within which an evicted pod is deleted; one that is not counts as staying


class Wanted(NamedTuple):
    """How many pods there should be, and how many of them healthy."""

    expected: int
    healthy: int


class Disrupted(NamedTuple):
    """Pods whose eviction was granted and that are still there: since when; and those that should have gone."""

    pods: Mapping[str, str]
    overdue: Sequence[Object]
    next_look: float | None  # seconds until one of them is overdue


def asks_for_scale(spec: Object) -> bool:
    """Whether it takes the owners' scale to tell how many pods are expected: not where so many have to stay."""
    least = spec.get("minAvailable")
    return spec.get("maxUnavailable") is not None or isinstance(least, str)


def wanted(spec: Object, count: int) -> Wanted:
    """By maxUnavailable or minAvailable; `count` is the owners' scale, or else how many pods there are."""
    most, least = spec.get("maxUnavailable"), spec.get("minAvailable")
    if most is not None:
        return Wanted(count, max(count - scaled(most, count, up=True), 0))
    return Wanted(count, scaled(least, count, up=True)) if least is not None else Wanted(0, 0)


def disrupted(budget: Object, pods: Iterable[Object], now: datetime) -> Disrupted:
    """Which of the pods that the status calls disrupted still are."""
    known = (budget.get("status") or {}).get("disruptedPods") or {}
    waiting: dict[str, str] = {}
    overdue: list[Object] = []
    waits: list[float] = []
    for pod in pods:
        name = pod["metadata"]["name"]
        if is_deleting(pod) or name not in known:
            continue
        left = TIMEOUT - (now - parse_time(known[name])).total_seconds()
        if left < 0:
            overdue.append(pod)
        else:
            waiting[name] = known[name]
            waits.append(left)
    return Disrupted(waiting, overdue, min(waits, default=None))


def status_of(budget: Object, pods: Iterable[Object], aim: Wanted, gone: Mapping[str, str], now: datetime) -> Object:
    """The status; `gone` are the pods that are about to be deleted, and so are healthy no more."""
    generation = budget["metadata"].get("generation", 0)
    healthy = sum(is_ready(pod) for pod in pods if not is_deleting(pod) and pod["metadata"]["name"] not in gone)
    allowed = max(healthy - aim.healthy, 0) if aim.expected > 0 else 0
    status: Object = {
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": aim.healthy,
        "expectedPods": aim.expected,
        "observedGeneration": generation,
        "conditions": _allowed(
            budget,
            conditions.TRUE if allowed else conditions.FALSE,
            "SufficientPods" if allowed else "InsufficientPods",
            "",
            generation,
            now,
        ),
    }
    return status | ({"disruptedPods": dict(gone)} if gone else {})


def failed_status(budget: Object, why: str, now: datetime) -> Object:
    """The status where the counts can't be told: nobody may go."""
    old = budget.get("status") or {}
    found = _allowed(budget, conditions.FALSE, "SyncFailed", why, old.get("observedGeneration", 0), now)
    return {**old, "disruptionsAllowed": 0, "conditions": found}


def _allowed(budget: Object, status: str, reason: str, message: str, generation: int, now: datetime) -> list[Object]:
    """All conditions, with this one as it is now; its time moves with its status."""
    old: Sequence[Object] = (budget.get("status") or {}).get("conditions") or ()
    before = conditions.find(old, ALLOWED) or {}
    since = before.get("lastTransitionTime") if before.get("status") == status else None
    condition = {
        "type": ALLOWED,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": since or format_time(now),
        "reason": reason,
        "message": message,
    }
    if not before:
        return [*old, condition]
    return [condition if one["type"] == ALLOWED else one for one in old]
