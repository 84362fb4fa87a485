"""What a Job needs next: one pure function from the Job and its pods to what is to be written.

A Job ends in two steps: FailureTarget or SuccessCriteriaMet is set and the active pods are deleted; Failed or Complete
follows when no pod is left running (KEP-3998). How pods are counted is in count.py, when a Job ends in
ending.py. Rules: docs, Jobs; upstream's pkg/controller/job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sampan.controllers.job import pods as job_pods
from sampan.controllers.job.count import Count, count
from sampan.controllers.job.ending import FAILURE_TARGET, Ending, deadline_left, ending_of
from sampan.controllers.job.indexes import Failures, failures_with, is_limited, superfluous, to_replace, waits
from sampan.controllers.job.pods import FAILED, SUCCEEDED, format_indexes, index_of, is_indexed
from sampan.controllers.pod_control import BURST
from sampan.controllers.pods import first_to_delete, is_active, is_finished, is_ready
from sampan.machinery import conditions
from sampan.machinery.conditions import FALSE, TRUE
from sampan.machinery.meta import Object, format_time, is_deleting
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.events import PlannedEvent

COMPLETE, ENDED_BADLY, SUSPENDED = "Complete", "Failed", "Suspended"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: write the status, release, delete and create pods, tell events."""

    status: Object
    release: Sequence[Object] = ()
    delete: Sequence[Object] = ()
    create: Sequence[int | None] = ()  # the index of each new pod; None where pods have none
    failures: Mapping[int, Failures] = field(default_factory=dict)  # of indexes among these, so far
    events: Sequence[PlannedEvent] = ()
    then: Action = WAIT


def has_ended(job: Object) -> bool:
    """Whether the Job is Complete or Failed."""
    found = (job.get("status") or {}).get("conditions") or ()
    return any(one["type"] in (COMPLETE, ENDED_BADLY) and one["status"] == TRUE for one in found)


def plan(job: Object, pods: Sequence[Object], now: datetime) -> Plan:
    """The next step. `pods`: all that the Job controls, ended ones included."""
    if has_ended(job):
        return Plan(job["status"], release=[pod for pod in pods if job_pods.is_tracked(pod)])
    counted = count(job, pods)
    ending = ending_of(job, pods, counted, now)
    if ending is not None:
        return _end(job, pods, counted, ending, now)
    if job["spec"].get("suspend"):
        return _suspend(job, pods, counted, now)
    return _run(job, pods, counted, now)


def _end(job: Object, pods: Sequence[Object], counted: Count, ending: Ending, now: datetime) -> Plan:
    active = [pod for pod in pods if is_active(pod)]
    leaving = [pod for pod in pods if is_deleting(pod) and not is_finished(pod)]
    status = _status(job, pods, counted)
    found = _conditioned(status["conditions"], ending.condition, TRUE, ending.reason, ending.message, now)
    events: list[PlannedEvent] = []
    if not active and not leaving and not any(counted.uncounted.values()):
        failed = ending.condition == FAILURE_TARGET
        found = _conditioned(found, ENDED_BADLY if failed else COMPLETE, TRUE, ending.reason, ending.message, now)
        events.append(
            PlannedEvent("Warning", ending.reason, ending.message)
            if failed
            else PlannedEvent("Normal", "Completed", "Job completed")
        )
        status |= {} if failed else {"completionTime": format_time(now)}
    return Plan(status | {"conditions": found}, counted.release, active, events=events)


# Running


def _suspend(job: Object, pods: Sequence[Object], counted: Count, now: datetime) -> Plan:
    status = _status(job, pods, counted)
    before = conditions.find(status["conditions"], SUSPENDED)
    if before is not None and before["status"] == TRUE:
        events = []
    else:
        events = [PlannedEvent("Normal", SUSPENDED, "Job suspended")]
    status["conditions"] = _conditioned(status["conditions"], SUSPENDED, TRUE, "JobSuspended", "Job suspended", now)
    status.pop("startTime", None)
    active = [pod for pod in pods if is_active(pod)]
    return Plan(status, _releasable(job, pods, counted), active, events=events)


def _run(job: Object, pods: Sequence[Object], counted: Count, now: datetime) -> Plan:
    status = _status(job, pods, counted)
    events: list[PlannedEvent] = []
    before = conditions.find(status["conditions"], SUSPENDED)
    if before is not None and before["status"] == TRUE:
        status["conditions"] = _conditioned(status["conditions"], SUSPENDED, FALSE, "JobResumed", "Job resumed", now)
        events.append(PlannedEvent("Normal", "Resumed", "Job resumed"))
    status.setdefault("startTime", format_time(now))
    left = deadline_left({**job, "status": status}, now)
    deadline = after(left) if left is not None else WAIT
    active = [pod for pod in pods if is_active(pod)]
    lacking = _wanted_active(job, len(active), counted) - len(active)
    made = Plan(status, _releasable(job, pods, counted), events=events, then=deadline)
    if gone := _surplus(job, active, -lacking, now):
        return replace(made, delete=gone)
    return _create(job, pods, counted, made, lacking - len(_leaving(job, pods)), now)


def _create(job: Object, pods: Sequence[Object], counted: Count, made: Plan, lacking: int, now: datetime) -> Plan:
    """The plan with the pods that may be made now, or with a look at when the next one may be."""
    if lacking <= 0:
        return made
    failed = to_replace(job, pods, counted.completed | counted.failed_indexes)
    held, wait = waits(job, failed, now), _pause(job, pods, now)
    wanted = [] if wait else _new_indexes(job, pods, counted, min(BURST, lacking))
    create = [index for index in wanted if index not in held]
    if wait or (wanted and not create):
        wait = wait or min(held[index] for index in wanted if index is not None)
        left = made.then.requeue_after
        return replace(made, then=after(wait if left is None else min(wait, left)))
    return replace(made, create=create, failures={i: failures_with(job, failed[i]) for i in create if i in failed})


def _releasable(job: Object, pods: Sequence[Object], counted: Count) -> tuple[Object, ...]:
    """The pods that have been counted, but for those whose count of failures is still to be passed on."""
    kept = to_replace(job, pods, counted.completed | counted.failed_indexes).values()
    return tuple(pod for pod in counted.release if all(pod is not one for one in kept))


def _surplus(job: Object, active: Sequence[Object], number: int, now: datetime) -> list[Object]:
    """At least `number` pods that are to go, those first that an indexed Job has no use for."""
    gone = superfluous(job, active, now) if is_indexed(job) else []
    if len(gone) < number:
        left = [pod for pod in active if all(pod is not one for one in gone)]
        gone += first_to_delete(left, active, number - len(gone), now)
    return gone[:BURST]


def _pause(job: Object, pods: Sequence[Object], now: datetime) -> float:
    """Seconds until a pod may be made at all."""
    resume = None if is_limited(job) else job_pods.back_off_until(pods, job)
    return max(0.0, resume - now.timestamp()) if resume is not None else 0.0


def _wanted_active(job: Object, active: int, counted: Count) -> int:
    """How many pods should be running now."""
    spec = job["spec"]
    parallelism, completions = spec.get("parallelism", 1), spec.get("completions")
    if completions is None:
        return active if counted.all_succeeded else int(parallelism)
    return int(min(parallelism, max(0, completions - counted.all_succeeded - len(counted.failed_indexes))))


def _leaving(job: Object, pods: Sequence[Object]) -> list[Object]:
    """Pods on their way out that must have ended before they are replaced."""
    if not job_pods.replaces_only_failed(job):
        return []
    return [pod for pod in pods if is_deleting(pod) and not is_finished(pod)]


def _new_indexes(job: Object, pods: Sequence[Object], counted: Count, number: int) -> list[int | None]:
    """What each of `number` new pods is to work on: the lowest indexes that are neither done nor being done."""
    if not is_indexed(job):
        return [None] * number
    busy = {index_of(pod) for pod in pods if is_active(pod)} | {index_of(pod) for pod in _leaving(job, pods)}
    taken = counted.completed | counted.failed_indexes | busy
    free: list[int | None] = [index for index in range(job["spec"].get("completions") or 0) if index not in taken]
    return free[:number]


# Status


def _status(job: Object, pods: Sequence[Object], counted: Count) -> Object:
    """The status with today's counts; conditions and times as they were."""
    old = job.get("status") or {}
    active = [pod for pod in pods if is_active(pod)]
    status: dict[str, Any] = {
        "active": len(active),
        SUCCEEDED: counted.succeeded,
        FAILED: counted.failed,
        "completedIndexes": format_indexes(counted.completed),
        "failedIndexes": format_indexes(counted.failed_indexes),
        "startTime": old.get("startTime"),
    }
    status = {name: value for name, value in status.items() if value}
    status["ready"] = sum(map(is_ready, active))
    status["terminating"] = sum(is_deleting(pod) and not is_finished(pod) for pod in pods)
    status["uncountedTerminatedPods"] = {name: uids for name, uids in counted.uncounted.items() if uids}
    status["conditions"] = list(old.get("conditions") or ())
    return status


def _conditioned(
    old: Sequence[Object], type: str, status: str, reason: str, message: str, now: datetime
) -> list[Object]:
    found = conditions.with_condition(old, type, status, reason, message, now, updates=False)
    if found and found[-1]["type"] == type:
        found[-1] = {"lastProbeTime": found[-1]["lastTransitionTime"], **found[-1]}
    return found
