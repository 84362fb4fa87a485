"""Whether a Job is over, and why. Pure; used by plan.py.

Reasons and messages: upstream's pkg/controller/job. Rules: docs, Jobs, "Job termination and cleanup", "Pod failure
policy", "Success policy" and "Backoff limit per index".
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sampan.controllers.job import pods as job_pods
from sampan.controllers.job.count import Count
from sampan.controllers.job.pods import parse_indexes
from sampan.controllers.pods import is_active
from sampan.machinery import conditions
from sampan.machinery.conditions import TRUE
from sampan.machinery.meta import Object, later, parse_time

FAILURE_TARGET, CRITERIA_MET = "FailureTarget", "SuccessCriteriaMet"


class Ending(NamedTuple):
    """Why a Job ends: the condition that says so first, and its reason."""

    condition: str  # FAILURE_TARGET or CRITERIA_MET
    reason: str
    message: str


def ending_of(job: Object, pods: Sequence[Object], counted: Count, now: datetime) -> Ending | None:
    """Why the Job ends, as its status says already or as its pods show; None while it goes on."""
    found = (job.get("status") or {}).get("conditions") or ()
    for type in (FAILURE_TARGET, CRITERIA_MET):
        decided = conditions.find(found, type)
        if decided is not None and decided["status"] == TRUE:
            return Ending(type, decided["reason"], decided.get("message", ""))
    return _failure(job, pods, counted, now) or _success(job, pods, counted)


def _failure(job: Object, pods: Sequence[Object], counted: Count, now: datetime) -> Ending | None:
    for pod in pods:
        judged = job_pods.verdict(job, pod)
        if judged.action == "FailJob":
            return Ending(FAILURE_TARGET, "PodFailurePolicy", judged.message)
    spec = job["spec"]
    if _exceeds_back_off(job, pods, counted):
        return Ending(FAILURE_TARGET, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    left = deadline_left(job, now)
    if left is not None and left <= 0:
        return Ending(FAILURE_TARGET, "DeadlineExceeded", "Job was active longer than specified deadline")
    allowed = spec.get("maxFailedIndexes")
    if allowed is not None and len(counted.failed_indexes) > allowed:
        message = "Job has exceeded the specified maximal number of failed indexes"
        return Ending(FAILURE_TARGET, "MaxFailedIndexesExceeded", message)
    if counted.failed_indexes and len(counted.failed_indexes | counted.completed) >= (spec.get("completions") or 0):
        return Ending(FAILURE_TARGET, "FailedIndexes", "Job has failed indexes")
    return None


def _exceeds_back_off(job: Object, pods: Sequence[Object], counted: Count) -> bool:
    limit = job["spec"].get("backoffLimit", 6)
    if counted.all_failed > limit:
        return True
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarted = job_pods.restarts(pods)
    return restarted > 0 if limit == 0 else restarted >= limit


def deadline_left(job: Object, now: datetime) -> float | None:
    """Seconds until spec.activeDeadlineSeconds is over; None where there is none or the Job does not run."""
    limit, start = job["spec"].get("activeDeadlineSeconds"), (job.get("status") or {}).get("startTime")
    if limit is None or not start or job["spec"].get("suspend"):
        return None
    return (later(parse_time(start), limit) - now).total_seconds()


def _success(job: Object, pods: Sequence[Object], counted: Count) -> Ending | None:
    completions = job["spec"].get("completions")
    matched = _matched_success_rule(job, counted)
    if matched is not None:
        return Ending(CRITERIA_MET, "SuccessPolicy", f"Matched rules at index {matched}")
    if completions is None:
        done = counted.all_succeeded > 0 and not any(map(is_active, pods))
    else:
        done = counted.all_succeeded >= completions
    message = "Reached expected number of succeeded pods"
    return Ending(CRITERIA_MET, "CompletionsReached", message) if done else None


def _matched_success_rule(job: Object, counted: Count) -> int | None:
    for number, rule in enumerate((job["spec"].get("successPolicy") or {}).get("rules") or ()):
        indexes = rule.get("succeededIndexes")
        done = counted.completed & parse_indexes(indexes) if indexes else counted.completed
        needed = rule.get("succeededCount")
        if len(done) >= (len(parse_indexes(indexes or "")) if needed is None else needed):
            return number
    return None
