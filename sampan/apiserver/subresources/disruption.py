"""Whether an eviction fits a PodDisruptionBudget, and taking it off the budget. The deciding half is pure.

Called by eviction.py; the status that it goes by is kept by controllers/disruption/. Rules and texts:
k8s.io/kubernetes/pkg/registry/core/pod/storage (eviction.go).
"""

from datetime import datetime
from typing import Any

from sampan.apiserver.keys import storage_key
from sampan.apiserver.services import Services
from sampan.apiserver.writes.storing import guaranteed_update
from sampan.kinds.policy.pod_disruption_budget import KIND as BUDGET
from sampan.machinery.errors import APIError, Forbidden, TooManyRequests
from sampan.machinery.meta import Object, format_time, is_deleting, labels_of
from sampan.machinery.selectors import SelectorError, from_label_selector
from sampan.machinery.tree import get_path, with_changes

_MOST_DISRUPTED = 2000  # pods whose going the controller has not seen yet
_VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
_ALLOWED = "DisruptionAllowed"
_RETRY_SECONDS = 10


def is_free(pod: Object) -> bool:
    """Whether no budget is asked: what does not run, or is going, disturbs nobody by going."""
    return get_path(pod, ("status", "phase")) in ("Succeeded", "Failed", "Pending") or is_deleting(pod)


def budget_of(services: Services, pod: Object) -> Object | None:
    """The budget that covers a pod, if any; raises where there are several."""
    found = [budget for budget in services.all(BUDGET, pod["metadata"]["namespace"]) if _covers(budget, pod)]
    if len(found) > 1:
        raise APIError(_SEVERAL, code=500, reason="")
    return found[0] if found else None


def _covers(budget: Object, pod: Object) -> bool:
    if not labels_of(pod):
        return False
    try:
        return from_label_selector(get_path(budget, ("spec", "selector"))).matches(labels_of(pod))
    except SelectorError:
        return False


def may_go_unhealthy(budget: Object, pod: Object) -> bool:
    """Whether a pod that is not ready may go without being taken off the budget."""
    conditions = get_path(pod, ("status", "conditions"), [])
    if any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions):
        return False
    if get_path(budget, ("spec", "unhealthyPodEvictionPolicy")) == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired, current = int(status.get("desiredHealthy", 0)), int(status.get("currentHealthy", 0))
    return desired > 0 and current >= desired


async def take(services: Services, budget: Object, pod: Object, now: datetime, *, dry_run: bool) -> None:
    """Take one disruption off the budget. Raises TooManyRequests where none is left, Forbidden."""
    meta = budget["metadata"]
    key = storage_key(BUDGET, meta["namespace"], meta["name"])
    name = pod["metadata"]["name"]
    await guaranteed_update(services, BUDGET, key, lambda old: taken(old, name, now), dry_run=dry_run)


def taken(budget: Object, pod: str, now: datetime) -> Object:
    """The budget after the disruption of a pod."""
    _check(budget)
    status = budget["status"]
    allowed = status["disruptionsAllowed"] - 1
    disrupted = {**(status.get("disruptedPods") or {}), pod: format_time(now)}
    changes: dict[tuple[str, ...], Any] = {
        ("status", "disruptionsAllowed"): allowed,
        ("status", "disruptedPods"): disrupted,
    }
    if allowed == 0:
        others = [c for c in status.get("conditions") or () if c.get("type") != _ALLOWED]
        changes["status", "conditions"] = [*others, _insufficient(budget, now)]
    return with_changes(budget, changes)


def _check(budget: Object) -> None:
    status, name = budget.get("status") or {}, budget["metadata"]["name"]
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise processing(name)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise _forbidden(name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or ()) > _MOST_DISRUPTED:
        raise _forbidden(name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    if allowed == 0:
        raise _too_many(_why_none(name, status))


def _why_none(name: str, status: Object) -> str:
    conditions: list[Object] = status.get("conditions") or []
    condition = next((c for c in conditions if c.get("type") == _ALLOWED), {})
    if condition.get("reason") == "SyncFailed":
        why = condition.get("message", "")
        return f"The disruption budget {name} does not allow evicting pods currently because it failed sync: {why}"
    desired, current = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
    return f"The disruption budget {name} needs {desired} healthy pods and has {current} currently"


def _insufficient(budget: Object, now: datetime) -> Object:
    generation = get_path(budget, ("status", "observedGeneration"), 0)
    condition = {"type": _ALLOWED, "status": "False", "reason": "InsufficientPods", "message": ""}
    return {**condition, "observedGeneration": generation, "lastTransitionTime": format_time(now)}


def processing(name: str) -> TooManyRequests:
    """The error where the budget's controller has not seen its latest state, or somebody was faster."""
    return _too_many(f"The disruption budget {name} is still being processed by the server.", _RETRY_SECONDS)


def _too_many(why: str, seconds: int = 0) -> TooManyRequests:
    details: Object = {"causes": [{"reason": "DisruptionBudget", "message": why}]}
    return TooManyRequests(_VIOLATES, details=details | ({"retryAfterSeconds": seconds} if seconds else {}))


def _forbidden(name: str, why: str) -> Forbidden:
    details = {"name": name, "group": "policy", "kind": "poddisruptionbudget"}
    return Forbidden(f'poddisruptionbudget.policy "{name}" is forbidden: {why}', details=details)
