"""Counting how the pods of a Job have ended. Pure; used by plan.py.

The end of a pod is counted in three steps, so that a crash between any two neither loses nor doubles it: its uid is
written to status.uncountedTerminatedPods, its finalizer is removed, then the uid becomes a count (KEP-2307). For an
indexed Job successes are a set of indexes, which can be written twice without harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sampan.controllers.job import pods as job_pods
from sampan.controllers.job.indexes import failures_before
from sampan.controllers.job.pods import FAILED, IGNORED, SUCCEEDED, index_of, is_indexed, parse_indexes
from sampan.machinery.meta import Object


@dataclass(frozen=True, slots=True)
class Count:
    """How pods have ended so far."""

    succeeded: int = 0  # counted in the status
    failed: int = 0
    uncounted: dict[str, list[str]] = field(default_factory=dict)  # outcome -> uids that become counts next
    completed: frozenset[int] = frozenset()  # indexes
    failed_indexes: frozenset[int] = frozenset()
    release: tuple[Object, ...] = ()  # pods whose finalizer may go once the status is written

    @property
    def all_succeeded(self) -> int:
        """Successes, whether the status counts them yet or not."""
        return self.succeeded + len(self.uncounted.get(SUCCEEDED, ()))

    @property
    def all_failed(self) -> int:
        """Failures, whether the status counts them yet or not."""
        return self.failed + len(self.uncounted.get(FAILED, ()))


def count(job: Object, pods: Sequence[Object]) -> Count:
    """Take up what has ended since, and turn into counts what has lost its finalizer."""
    counted = _settled(job, {pod["metadata"]["uid"]: pod for pod in pods})
    known = {uid for uids in counted.uncounted.values() for uid in uids}
    ended = [(pod, outcome) for pod in pods if job_pods.is_tracked(pod) and (outcome := job_pods.outcome_of(job, pod))]
    fresh = [(pod, outcome) for pod, outcome in ended if pod["metadata"]["uid"] not in known]
    counted = replace(counted, release=tuple(pod for pod, _ in ended))
    return _count_indexed(job, counted, fresh) if is_indexed(job) else _count_plain(counted, fresh)


def _settled(job: Object, by_uid: dict[str, Object]) -> Count:
    """The counts of the status, and those uncounted uids whose pods have lost their finalizer or are gone."""
    status = job.get("status") or {}
    before = status.get("uncountedTerminatedPods") or {}
    totals, uncounted = {}, {}
    for outcome in (SUCCEEDED, FAILED):
        uids = before.get(outcome) or []
        uncounted[outcome] = [uid for uid in uids if uid in by_uid and job_pods.is_tracked(by_uid[uid])]
        totals[outcome] = (status.get(outcome) or 0) + len(uids) - len(uncounted[outcome])
    return Count(totals[SUCCEEDED], totals[FAILED], uncounted)


def _count_plain(counted: Count, fresh: Sequence[tuple[Object, str]]) -> Count:
    uncounted = {outcome: list(uids) for outcome, uids in counted.uncounted.items()}
    for pod, outcome in fresh:
        if outcome != IGNORED:
            uncounted[outcome].append(pod["metadata"]["uid"])
    return replace(counted, uncounted=uncounted)


def _count_indexed(job: Object, counted: Count, fresh: Sequence[tuple[Object, str]]) -> Count:
    """Successes are a set of indexes; failures are counted like any."""
    status, limit = job.get("status") or {}, job["spec"].get("completions") or 0
    completed = {index for index in parse_indexes(status.get("completedIndexes") or "") if index < limit}
    completed |= {
        index for pod, outcome in fresh if outcome == SUCCEEDED and (index := _within(pod, limit)) is not None
    }
    failures = [(pod, outcome) for pod, outcome in fresh if outcome == FAILED]
    counted = _count_plain(counted, failures)
    failed = parse_indexes(status.get("failedIndexes") or "") | _failed_indexes(job, [pod for pod, _ in failures])
    return replace(
        counted, succeeded=len(completed), completed=frozenset(completed), failed_indexes=frozenset(failed - completed)
    )


def _within(pod: Object, limit: int) -> int | None:
    index = index_of(pod)
    return index if index is not None and index < limit else None


def _failed_indexes(job: Object, failures: Sequence[Object]) -> set[int]:
    """Indexes that have failed once more than spec.backoffLimitPerIndex allows."""
    limit = job["spec"].get("backoffLimitPerIndex")
    if limit is None:
        return set()
    return {
        index
        for pod in failures
        if (index := index_of(pod)) is not None
        and (failures_before(pod).counted >= limit or job_pods.verdict(job, pod).action == "FailIndex")
    }
