"""What controllers ask about pods: active, ready, available, and which of several to delete first. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cmp_to_key, partial
from typing import Any

from sampan.machinery.meta import Object, annotations_of, integer_of, is_deleting, parse_time

FINISHED = ("Succeeded", "Failed")
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}


def phase_of(pod: Object) -> str:
    """The phase, "" where there is none yet."""
    return str((pod.get("status") or {}).get("phase") or "")


def is_finished(pod: Object) -> bool:
    """Whether all containers have ended for good."""
    return phase_of(pod) in FINISHED


def is_active(pod: Object) -> bool:
    """Whether the pod counts as a replica: neither finished nor on its way out."""
    return not is_finished(pod) and not is_deleting(pod)


def is_terminated(pod: Object) -> bool:
    """Whether nothing of the pod runs: it has ended, or is on its way out and no container runs."""
    status = pod.get("status") or {}
    states = [
        one.get("state") or {}
        for field in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        for one in status.get(field) or ()
    ]
    stands = all(state.get("terminated") is not None or state.get("waiting") is not None for state in states)
    return is_finished(pod) or (is_deleting(pod) and stands)


def condition(obj: Object, type: str) -> Object | None:
    """The status condition of a type."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((found for found in conditions if found["type"] == type), None)


def is_ready(pod: Object) -> bool:
    """Whether the Ready condition is True."""
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def ready_since(pod: Object) -> datetime | None:
    """When the pod became ready; None if it is not, or if that is unknown."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True" or not ready.get("lastTransitionTime"):
        return None
    return parse_time(ready["lastTransitionTime"])


def available_in(pod: Object, min_ready_seconds: int, now: datetime) -> float | None:
    """Seconds until the pod has been ready for long enough: 0 when it has, None when it is not ready."""
    if not is_ready(pod):
        return None
    if min_ready_seconds == 0:
        return 0.0
    since = ready_since(pod)
    if since is None:
        return None
    return max(0.0, min_ready_seconds - (now - since).total_seconds())


def is_available(pod: Object, min_ready_seconds: int, now: datetime) -> bool:
    """Whether the pod has been ready for at least `min_ready_seconds`."""
    return available_in(pod, min_ready_seconds, now) == 0.0


def next_available(pods: Iterable[Object], min_ready_seconds: int, now: datetime) -> float | None:
    """Seconds until the next of some ready pods becomes available by the passing of time alone; None: none will."""
    waits = (available_in(pod, min_ready_seconds, now) for pod in pods)
    return min((wait for wait in waits if wait), default=None)


def first_to_delete(pods: Sequence[Object], related: Iterable[Object], number: int, now: datetime) -> list[Object]:
    """`number` pods in the order in which scaling down prefers to delete them.

    Not yet on a node, then pending, then not ready, then of lower deletion cost, then sharing a node with more of
    `related` (the active pods of the same application), then ready for less time, restarted more often, younger.
    Times are compared on a logarithmic scale so that not always the newest goes. Rule: docs, ReplicaSet, "Scaling a
    ReplicaSet"; upstream's ActivePodsWithRanks.
    """
    if number >= len(pods):
        return list(pods)
    crowd = _crowds(related)
    ranked: list[_Ranked] = [(_key(pod, crowd), pod) for pod in pods]
    ranked.sort(key=cmp_to_key(partial(_compare, now)))
    return [pod for _, pod in ranked[:number]]


def _crowds(related: Iterable[Object]) -> dict[str, int]:
    crowd: dict[str, int] = {}
    for pod in related:
        node = pod["spec"].get("nodeName") or ""
        crowd[node] = crowd.get(node, 0) + is_active(pod)
    return crowd


def _key(pod: Object, crowd: dict[str, int]) -> tuple[int, ...]:
    node = pod["spec"].get("nodeName") or ""
    return (
        bool(node),
        _PHASE_ORDER.get(phase_of(pod), 0),
        is_ready(pod),
        deletion_cost(pod),
        -crowd.get(node, 0),
    )


def deletion_cost(pod: Object) -> int:
    """The pod-deletion-cost annotation; 0 where it is missing or no integer."""
    return integer_of(annotations_of(pod).get(DELETION_COST, ""), 32) or 0


_Ranked = tuple[tuple[int, ...], Object]


def _compare(now: datetime, left: _Ranked, right: _Ranked) -> int:
    if left[0] != right[0]:
        return -1 if left[0] < right[0] else 1
    one, other = left[1], right[1]
    if is_ready(one) and (order := _younger_first(ready_since(one), ready_since(other), one, other, now)):
        return order
    restarts = _restarts(other) - _restarts(one)
    if restarts:
        return restarts
    if order := _younger_first(_created(one), _created(other), one, other, now):
        return order
    # Who takes over in the middle of a deletion has to ask for the same pods again, or more go than should.
    return -1 if one["metadata"]["uid"] < other["metadata"]["uid"] else 1


def _younger_first(at: datetime | None, other: datetime | None, a: Object, b: Object, now: datetime) -> int:
    """By the magnitude of the age; pods of one magnitude by uid, which is to say at random."""
    if at == other:
        return 0
    if at is None or other is None:
        return -1 if at is None else 1
    difference = _magnitude(now - at) - _magnitude(now - other)
    if difference:
        return difference
    return -1 if a["metadata"]["uid"] < b["metadata"]["uid"] else 1


def _magnitude(age: Any) -> int:
    nanoseconds = int(age.total_seconds() * 1e9)
    return nanoseconds.bit_length() - 1 if nanoseconds > 0 else -1


def _created(pod: Object) -> datetime | None:
    stamp = pod["metadata"].get("creationTimestamp")
    return parse_time(stamp) if stamp else None


def _restarts(pod: Object) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((int(status.get("restartCount") or 0) for status in statuses), default=0)
