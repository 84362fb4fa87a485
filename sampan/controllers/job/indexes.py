"""The pods of an indexed Job, index by index: which are too many, and when one that failed is replaced. Pure.

With spec.backoffLimitPerIndex each index fails and waits for itself. How often it has failed is carried on from pod to
pod in annotations, so that a failed pod keeps its finalizer, and thereby itself, until the next one is made (KEP-3850).
Used by plan.py, count.py and controller.py.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from sampan.controllers.job import pods as job_pods
from sampan.controllers.job.pods import index_of
from sampan.controllers.pods import first_to_delete, is_active
from sampan.machinery.meta import Object, annotations_of, integer_of

FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
IGNORED_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"


class Failures(NamedTuple):
    """How often an index has failed."""

    counted: int = 0
    ignored: int = 0  # by the pod failure policy

    def annotations(self) -> dict[str, str]:
        """As the index's next pod carries them."""
        ignored = {IGNORED_COUNT: str(self.ignored)} if self.ignored else {}
        return {FAILURE_COUNT: str(self.counted), **ignored}


def is_limited(job: Object) -> bool:
    """Whether each index has a limit of its own."""
    return job["spec"].get("backoffLimitPerIndex") is not None


def failures_before(pod: Object) -> Failures:
    """Those before this pod; what somebody has written there is not believed further than it can be read."""
    notes = annotations_of(pod)
    return Failures(*(max(integer_of(notes.get(name, "0"), 32) or 0, 0) for name in (FAILURE_COUNT, IGNORED_COUNT)))


def failures_with(job: Object, pod: Object) -> Failures:
    """Those including this pod, which has failed."""
    before = failures_before(pod)
    if job_pods.verdict(job, pod).action == "Ignore":
        return before._replace(ignored=before.ignored + 1)
    return before._replace(counted=before.counted + 1)


def superfluous(job: Object, active: Sequence[Object], now: datetime) -> list[Object]:
    """Pods without an index of this Job, and all but one of those that work on the same one."""
    completions, gone = job["spec"].get("completions") or 0, []
    by_index: dict[int, list[Object]] = defaultdict(list)
    for pod in active:
        index = index_of(pod)
        if index is None or index >= completions:
            gone.append(pod)
        else:
            by_index[index].append(pod)
    for pods in by_index.values():
        gone += first_to_delete(pods, (), len(pods) - 1, now)
    return gone


def to_replace(job: Object, pods: Sequence[Object], done: Set[int]) -> dict[int, Object]:
    """The last failed pod of each index that is neither `done` nor being worked on: it lends its count to the next."""
    if not is_limited(job):
        return {}
    busy = {index_of(pod) for pod in pods if is_active(pod)} | done
    latest: dict[int, Object] = {}
    for pod in pods:
        index = index_of(pod)
        if index is None or index in busy or not job_pods.is_tracked(pod) or not _has_failed(job, pod):
            continue
        if index not in latest or _age(latest[index]) <= _age(pod):
            latest[index] = pod
    return latest


def _has_failed(job: Object, pod: Object) -> bool:
    return job_pods.outcome_of(job, pod) in (job_pods.FAILED, job_pods.IGNORED)


def _age(pod: Object) -> tuple[int, float]:
    ended = job_pods.ended_at(pod)
    return sum(failures_before(pod)), ended.timestamp() if ended else 0.0


def waits(job: Object, failed: Mapping[int, Object], now: datetime) -> dict[int, float]:
    """For how many seconds yet each index has to wait for its next pod."""
    found: dict[int, float] = {}
    for index, pod in failed.items():
        ended = job_pods.ended_at(pod)
        if (
            ended
            and (left := ended.timestamp() + job_pods.pause_after(sum(failures_with(job, pod))) - now.timestamp()) > 0
        ):
            found[index] = left
    return found
