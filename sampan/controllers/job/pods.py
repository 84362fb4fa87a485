"""What the Job controller asks about the pods of a Job: how they ended, for which index, and what that means. Pure.

Rules: docs, Jobs, "Pod failure policy" and "Completion mode".
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sampan.controllers.pods import phase_of
from sampan.machinery import conditions
from sampan.machinery.conditions import FALSE
from sampan.machinery.meta import Object, annotations_of, integer_of, is_deleting, later, parse_time

TRACKING = "batch.kubernetes.io/job-tracking"  # a finalizer: the end of this pod has not been counted yet
INDEX = "batch.kubernetes.io/job-completion-index"

SUCCEEDED, FAILED, IGNORED = "succeeded", "failed", "ignored"


def is_indexed(job: Object) -> bool:
    """Whether each of the Job's completions has a number."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def is_tracked(pod: Object) -> bool:
    """Whether the pod's end is still to be counted."""
    return TRACKING in (pod["metadata"].get("finalizers") or ())


def index_of(pod: Object) -> int | None:
    """The completion that the pod works on."""
    index = integer_of(annotations_of(pod).get(INDEX, ""))
    return index if index is not None and index >= 0 else None


def replaces_only_failed(job: Object) -> bool:
    """Whether a pod that is being deleted is replaced only when it has really ended."""
    spec = job["spec"]
    return spec.get("podReplacementPolicy") == "Failed" or bool(spec.get("podFailurePolicy"))


class Verdict(NamedTuple):
    """What a pod failure policy says of a pod."""

    action: str = "Count"  # or Ignore, FailJob, FailIndex
    message: str = ""


def outcome_of(job: Object, pod: Object) -> str:
    """SUCCEEDED, FAILED, IGNORED, or "" for a pod that has not ended."""
    phase = phase_of(pod)
    if phase == "Succeeded":
        return SUCCEEDED
    if phase == "Failed" or (is_deleting(pod) and not replaces_only_failed(job)):
        return IGNORED if verdict(job, pod).action == "Ignore" else FAILED
    return ""


def verdict(job: Object, pod: Object) -> Verdict:
    """The action of the first rule of the pod failure policy that a failed pod matches."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    if phase_of(pod) != "Failed":
        return Verdict()
    for number, rule in enumerate(rules):
        found = _exit_code(rule, pod) or _pod_condition(rule, pod)
        if found:
            return Verdict(rule["action"], f"{found} matching {rule['action']} rule at index {number}")
    return Verdict()


def _exit_code(rule: Object, pod: Object) -> str:
    wanted = rule.get("onExitCodes")
    if not wanted:
        return ""
    meta, status = pod["metadata"], pod.get("status") or {}
    for container in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        code = ((container.get("state") or {}).get("terminated") or {}).get("exitCode")
        named = wanted.get("containerName") in (None, container["name"])
        if code and named and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return (
                f"Container {container['name']} for pod {meta['namespace']}/{meta['name']} failed with exit code {code}"
            )
    return ""


def _pod_condition(rule: Object, pod: Object) -> str:
    meta = pod["metadata"]
    there = {(one["type"], one["status"]) for one in (pod.get("status") or {}).get("conditions") or ()}
    for wanted in rule.get("onPodConditions") or ():
        if (wanted["type"], wanted.get("status", "True")) in there:
            return f"Pod {meta['namespace']}/{meta['name']} has condition {wanted['type']}"
    return ""


def ended_at(pod: Object) -> datetime | None:
    """When the pod ended: with its last container, or when it stopped being ready, or when its deletion began."""
    status, meta = pod.get("status") or {}, pod["metadata"]
    containers = [*(status.get("containerStatuses") or ()), *_sidecars(pod)]
    ends = [((one.get("state") or {}).get("terminated") or {}).get("finishedAt") for one in containers]
    if ends and all(ends):
        return max(parse_time(end) for end in ends if end)
    ready = conditions.find(status.get("conditions") or (), "Ready")
    if ready is not None and ready["status"] == FALSE and ready.get("lastTransitionTime"):
        return parse_time(ready["lastTransitionTime"])
    if deletion := meta.get("deletionTimestamp"):  # which is when the grace period is over
        return later(parse_time(deletion), -(meta.get("deletionGracePeriodSeconds") or 0))
    return parse_time(created) if (created := meta.get("creationTimestamp")) else None


def _sidecars(pod: Object) -> list[Object]:
    """The statuses of init containers that run beside the others, and so end after them."""
    named = {one["name"] for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always"}
    return [one for one in (pod.get("status") or {}).get("initContainerStatuses") or () if one["name"] in named]


def restarts(pods: Iterable[Object]) -> int:
    """How often containers of pods that run or are about to have been restarted."""
    statuses = [pod["status"] for pod in pods if phase_of(pod) in ("Running", "Pending")]
    lists = [status.get(name) or () for status in statuses for name in ("containerStatuses", "initContainerStatuses")]
    return sum(int(one.get("restartCount") or 0) for found in lists for one in found)


def parse_indexes(text: str) -> set[int]:
    """The numbers of "1,3-5,7"."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def format_indexes(indexes: Iterable[int]) -> str:
    """Numbers as "1,3-5,7": runs of two or more are written as ranges."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def back_off_until(pods: Sequence[Object], job: Object) -> float | None:
    """The time (as a POSIX timestamp) before which no failed pod is replaced: 10 s, doubling, at most 10 minutes.

    Counted are the failures since the last success, those that a podFailurePolicy ignores among them. Rule: docs,
    Jobs, "Pod backoff failure policy".
    """
    ends = [(ended_at(pod), outcome_of(job, pod)) for pod in pods]
    known = sorted((end.timestamp(), outcome) for end, outcome in ends if end and outcome)
    failures = 0
    for _, outcome in reversed(known):
        if outcome == SUCCEEDED:
            break
        failures += 1
    if not failures:
        return None
    return float(known[-1][0] + pause_after(failures))


def pause_after(failures: int) -> float:
    """Seconds until what has failed so often in a row is tried again."""
    return float(min(10.0 * 2.0 ** min(failures - 1, 20), 600.0))
