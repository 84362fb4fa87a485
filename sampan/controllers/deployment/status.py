"""The status of a Deployment: counts, and the conditions Available, Progressing and ReplicaFailure. Pure.

Reasons and messages: upstream's pkg/controller/deployment/util and progress.go; docs, Deployment, "Deployment status".
"""

from collections.abc import Sequence
from datetime import datetime

from sampan.controllers.deployment.rollout import bounds, total, wanted_of
from sampan.machinery import conditions
from sampan.machinery.conditions import FALSE, TRUE, UNKNOWN
from sampan.machinery.meta import Object, later, parse_time
from sampan.reconcile.action import WAIT, Action, after

AVAILABLE, PROGRESSING, REPLICA_FAILURE = "Available", "Progressing", "ReplicaFailure"
COMPLETE, TIMED_OUT, PAUSED, RESUMED = (
    "NewReplicaSetAvailable",
    "ProgressDeadlineExceeded",
    "DeploymentPaused",
    "DeploymentResumed",
)
CREATED, FOUND, UPDATED, CREATE_ERROR = (
    "NewReplicaSetCreated",
    "FoundNewReplicaSet",
    "ReplicaSetUpdated",
    "ReplicaSetCreateError",
)


def has_deadline(deployment: Object) -> bool:
    """Whether progress is watched at all."""
    return deployment["spec"].get("progressDeadlineSeconds") not in (None, 2**31 - 1)


def with_status_condition(
    deployment: Object, type: str, status: str, reason: str, message: str, now: datetime
) -> Object:
    """The Deployment with one condition set in its status."""
    old = deployment.get("status") or {}
    found = conditions.with_condition(old.get("conditions") or (), type, status, reason, message, now, updates=True)
    return {**deployment, "status": {**old, "conditions": found}}


def with_pause_noted(deployment: Object, now: datetime) -> Object:
    """Progressing is Unknown from a pause until something moves again; an exceeded deadline stays what it is."""
    progressing = _condition(deployment, PROGRESSING)
    reason = progressing["reason"] if progressing else ""
    if not has_deadline(deployment) or reason == TIMED_OUT:
        return deployment
    paused = bool(deployment["spec"].get("paused"))
    if paused and reason != PAUSED:
        return with_status_condition(deployment, PROGRESSING, UNKNOWN, PAUSED, "Deployment is paused", now)
    if not paused and reason == PAUSED:
        return with_status_condition(deployment, PROGRESSING, UNKNOWN, RESUMED, "Deployment is resumed", now)
    return deployment


def with_new_set_noted(deployment: Object, name: str, *, created: bool, now: datetime) -> Object:
    """Progressing says that the current ReplicaSet was made, or was there when progress came to be watched."""
    if not has_deadline(deployment):
        return deployment
    if created:
        return with_status_condition(deployment, PROGRESSING, TRUE, CREATED, f'Created new replica set "{name}"', now)
    if _condition(deployment, PROGRESSING) is None:
        return with_status_condition(deployment, PROGRESSING, TRUE, FOUND, f'Found new replica set "{name}"', now)
    return deployment


def with_create_error(deployment: Object, name: str, error: Exception, now: datetime) -> Object:
    """Progressing says that the ReplicaSet could not be made."""
    message = f'Failed to create new replica set "{name}": {error}'
    return with_status_condition(deployment, PROGRESSING, FALSE, CREATE_ERROR, message, now)


def counted(deployment: Object, new: Object | None, old: Sequence[Object], now: datetime) -> Object:
    """The status with today's counts, and with Available set by them; other conditions as they were."""
    sets = [*old, *([new] if new else [])]
    available = _sum(sets, "availableReplicas")
    before = deployment.get("status") or {}
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 0),
        "replicas": _sum(sets, "replicas"),
        "updatedReplicas": _sum([new] if new else [], "replicas"),
        "readyReplicas": _sum(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total(sets) - available),
    }
    enough = available >= wanted_of(deployment) - bounds(deployment).unavailable
    status["conditions"] = _availability(before.get("conditions") or (), enough, now)
    if before.get("collisionCount") is not None:
        status["collisionCount"] = before["collisionCount"]
    result = {name: value for name, value in status.items() if value}
    return result | {"terminatingReplicas": _sum(sets, "terminatingReplicas")}


def _availability(old: Sequence[Object], enough: bool, now: datetime) -> list[Object]:
    if enough:
        what = (TRUE, "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        what = (FALSE, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return conditions.with_condition(old, AVAILABLE, *what, now, updates=True)


def rolled_out(deployment: Object, new: Object | None, old: Sequence[Object], now: datetime) -> Object:
    """The status during and after a rollout: `counted`, and how the rollout gets on."""
    status = counted(deployment, new, old, now)
    found = status.get("conditions") or []
    progressing = _condition(deployment, PROGRESSING)
    settled = status.get("replicas") == status.get("updatedReplicas") and _reason(progressing) == COMPLETE
    if not has_deadline(deployment):
        found = conditions.without(found, PROGRESSING)
    elif not settled:
        found = _progress(deployment, status, found, new, now)
    return {**status, "conditions": _with_failure(found, new, old, now)}


def _progress(
    deployment: Object, status: Object, found: list[Object], new: Object | None, now: datetime
) -> list[Object]:
    what = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, status):
        return _set(found, TRUE, COMPLETE, f"{what} has successfully progressed.", now)
    if _has_progressed(deployment.get("status") or {}, status):
        return _renewed(found, f"{what} is progressing.", now)
    if has_timed_out(deployment, status, now):
        return _set(found, FALSE, TIMED_OUT, f"{what} has timed out progressing.", now)
    return found


def _set(found: list[Object], status: str, reason: str, message: str, now: datetime) -> list[Object]:
    return conditions.with_condition(found, PROGRESSING, status, reason, message, now, updates=True)


def _renewed(found: list[Object], message: str, now: datetime) -> list[Object]:
    """Each step forward moves lastUpdateTime, from which the deadline counts, but not the transition time."""
    before = conditions.find(found, PROGRESSING)
    moved = _set(conditions.without(found, PROGRESSING), TRUE, UPDATED, message, now)
    if before is not None and before["status"] == TRUE:
        moved[-1]["lastTransitionTime"] = before["lastTransitionTime"]
    return moved


def _with_failure(found: list[Object], new: Object | None, old: Sequence[Object], now: datetime) -> list[Object]:
    """ReplicaFailure of the current ReplicaSet, or else of any, becomes the Deployment's."""
    for rs in [*([new] if new else []), *old]:
        failure = _condition(rs, REPLICA_FAILURE)
        if failure is not None:
            what = (failure["status"], failure.get("reason", ""), failure.get("message", ""))
            return conditions.with_condition(found, REPLICA_FAILURE, *what, now, updates=True)
    return conditions.without(found, REPLICA_FAILURE)


def is_complete(deployment: Object, status: Object) -> bool:
    """Whether all pods are new, and all are available."""
    wanted = wanted_of(deployment)
    counts = (status.get(name) or 0 for name in ("updatedReplicas", "replicas", "availableReplicas"))
    return all(count == wanted for count in counts)


def _has_progressed(before: Object, now: Object) -> bool:
    """Whether there are more new pods, fewer old ones, or more that are ready or available."""

    def outdated(status: Object) -> int:
        return (status.get("replicas") or 0) - (status.get("updatedReplicas") or 0)

    more = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return outdated(now) < outdated(before) or any((now.get(n) or 0) > (before.get(n) or 0) for n in more)


def has_timed_out(deployment: Object, status: Object, now: datetime) -> bool:
    """Whether the last step forward is longer ago than spec.progressDeadlineSeconds."""
    progressing = conditions.find(status.get("conditions") or (), PROGRESSING)
    if progressing is None or progressing["reason"] == COMPLETE:
        return False
    return progressing["reason"] == TIMED_OUT or _deadline(deployment, progressing) < now


def next_check(deployment: Object, status: Object, now: datetime) -> Action:
    """When the deadline runs out, if it is running."""
    progressing = conditions.find(status.get("conditions") or (), PROGRESSING)
    if progressing is None or not has_deadline(deployment) or progressing["reason"] in (COMPLETE, TIMED_OUT):
        return WAIT
    if is_complete(deployment, status) or deployment["spec"].get("paused"):
        return WAIT
    left = (_deadline(deployment, progressing) - now).total_seconds()
    return after(max(left, 0.0) + 1.0)


def _deadline(deployment: Object, progressing: Object) -> datetime:
    since = parse_time(progressing.get("lastUpdateTime") or progressing["lastTransitionTime"])
    return later(since, deployment["spec"]["progressDeadlineSeconds"])


def _condition(obj: Object, type: str) -> Object | None:
    return conditions.find((obj.get("status") or {}).get("conditions") or (), type)


def _reason(condition: Object | None) -> str:
    return str(condition["reason"]) if condition else ""


def _sum(sets: Sequence[Object], field: str) -> int:
    return sum(int((rs.get("status") or {}).get(field) or 0) for rs in sets)
