"""Jobs: counting, ending, indexes and policies."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.job.plan import plan
from sampan.controllers.job.pods import back_off_until, format_indexes, parse_indexes
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Object, annotations_of, format_time
from sampan.reconcile.action import after
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import NS, Cluster


def batch(**spec: Any) -> Object:
    container = {"name": "main", "image": "luksa/batch-job"}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    return {"metadata": {"name": "batch"}, "spec": {"template": template, **spec}}


async def end(cluster: Cluster, pod: Object, phase: str, code: int = 0) -> None:
    now = format_time(cluster.clock.now())
    state = {"terminated": {"exitCode": code, "finishedAt": now, "startedAt": now}}
    status = {"phase": phase, "containerStatuses": [{"name": "main", "state": state, "restartCount": 0}]}
    status["containerStatuses"][0] |= {"ready": False, "image": "i", "imageID": ""}  # type: ignore[index]
    name = pod["metadata"]["name"]
    await cluster.client.patch(POD, name, {"status": status}, NS, subresource="status")
    await cluster.one(POD, name, lambda one: one["status"]["phase"] == phase)


async def running(cluster: Cluster, number: int) -> list[Object]:
    def are_running(pods: list[Object]) -> bool:
        return sum(pod["status"]["phase"] == "Running" for pod in pods) == number

    return [pod for pod in await cluster.pods(are_running) if pod["status"]["phase"] == "Running"]


def conditions(job: Object) -> dict[str, str]:
    return {one["type"]: one["reason"] for one in job["status"].get("conditions", ()) if one["status"] == "True"}


async def test_completes(cluster: Cluster) -> None:
    await cluster.create(JOB, batch(completions=3, parallelism=2))
    for left in (2, 2, 1):
        [pod, *_] = await running(cluster, left)
        await end(cluster, pod, "Succeeded")
    job = await cluster.one(JOB, "batch", lambda job: "Complete" in conditions(job))
    assert conditions(job) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert job["status"]["succeeded"] == 3
    assert "active" not in job["status"]
    assert not job["status"].get("uncountedTerminatedPods")
    assert job["status"]["completionTime"]
    pods = await cluster.pods(lambda pods: not any(pod["metadata"].get("finalizers") for pod in pods))
    assert len(pods) == 3
    events = await cluster.until(EVENT, lambda found: any(e["reason"] == "Completed" for e in found))
    assert sum(event["count"] for event in events if event["reason"] == "SuccessfulCreate") == 3


async def test_failures_are_retried_ever_later_until_the_limit(cluster: Cluster) -> None:
    await cluster.create(JOB, batch(backoffLimit=2))
    times = []
    for _ in range(3):
        [pod] = await running(cluster, 1)
        times.append(cluster.clock.monotonic())
        await end(cluster, pod, "Failed", 1)
    job = await cluster.one(JOB, "batch", lambda job: "Failed" in conditions(job))
    assert conditions(job)["Failed"] == "BackoffLimitExceeded"
    assert job["status"]["failed"] == 3
    assert 9 <= times[1] - times[0] <= 12
    assert 19 <= times[2] - times[1] <= 22


async def test_indexed_pods_know_their_number(cluster: Cluster) -> None:
    await cluster.create(JOB, batch(completions=3, parallelism=3, completionMode="Indexed"))
    pods = await running(cluster, 3)
    by_index = {annotations_of(pod)["batch.kubernetes.io/job-completion-index"]: pod for pod in pods}
    assert sorted(by_index) == ["0", "1", "2"]
    spec = by_index["1"]["spec"]
    assert spec["hostname"] == "batch-1"
    assert [one["name"] for one in spec["containers"][0]["env"]] == ["JOB_COMPLETION_INDEX"]
    for index in ("0", "2"):
        await end(cluster, by_index[index], "Succeeded")
    job = await cluster.one(JOB, "batch", lambda job: job["status"].get("succeeded") == 2)
    assert job["status"]["completedIndexes"] == "0,2"
    await end(cluster, by_index["1"], "Succeeded")
    job = await cluster.one(JOB, "batch", lambda job: "Complete" in conditions(job))
    assert job["status"]["completedIndexes"] == "0-2"


async def test_deadline_suspension_and_time_to_live(cluster: Cluster) -> None:
    await cluster.create(JOB, batch(suspend=True, activeDeadlineSeconds=5, ttlSecondsAfterFinished=10))
    job = await cluster.one(JOB, "batch", lambda job: "Suspended" in conditions(job))
    assert "startTime" not in job["status"]
    await cluster.clock.advance(10)
    await cluster.patch(JOB, "batch", {"spec": {"suspend": False}})
    await running(cluster, 1)
    job = await cluster.one(JOB, "batch", lambda job: "Failed" in conditions(job))
    assert conditions(job)["Failed"] == "DeadlineExceeded"
    assert await cluster.pods(lambda pods: not pods) == []
    await cluster.gone(JOB, "batch")


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_a_deleted_job_leaves_no_pod_stuck(cluster: Cluster, policy: str) -> None:
    await cluster.create(JOB, batch(parallelism=2, completions=2))
    await running(cluster, 2)
    await cluster.client.delete(JOB, "batch", NS, propagation=policy)
    await cluster.until(POD, lambda pods: not pods)
    await cluster.gone(JOB, "batch")


def pod(uid: str, phase: str = "Running", **extra: Any) -> Object:
    meta = {"name": uid, "namespace": "ns", "uid": uid, "finalizers": ["batch.kubernetes.io/job-tracking"]}
    meta |= {"creationTimestamp": format_time(EPOCH), **extra.get("meta", {})}
    statuses = [{"name": "main", "state": {"terminated": {"exitCode": extra.get("code", 1)}}, "restartCount": 0}]
    return {"metadata": meta, "spec": {}, "status": {"phase": phase, "containerStatuses": statuses}}


def job(status: Object | None = None, **spec: Any) -> Object:
    template = {"spec": {"restartPolicy": "Never"}}
    full = {"template": template, "parallelism": 2, "completions": 2, "backoffLimit": 6, **spec}
    return {"metadata": {"name": "j", "namespace": "ns"}, "spec": full, "status": status or {}}


NOTE = "batch.kubernetes.io/job-index-"
LATER = EPOCH + timedelta(hours=1)


def test_an_end_is_counted_once_whatever_is_lost_in_between() -> None:
    done, free = pod("a", "Succeeded"), pod("a", "Succeeded", meta={"finalizers": []})
    noted = plan(job(), [done], LATER)
    assert noted.status["uncountedTerminatedPods"] == {"succeeded": ["a"]}
    assert "succeeded" not in noted.status
    assert noted.release == (done,)
    again = plan(job(noted.status), [done], LATER)  # the removal of the finalizer was lost
    assert again.status == noted.status
    assert again.release == (done,)
    counted = plan(job(again.status), [free], LATER)
    assert counted.status["succeeded"] == 1
    assert counted.status["uncountedTerminatedPods"] == {}
    assert plan(job(again.status), [], LATER).status["succeeded"] == 1  # or the pod is gone altogether
    assert plan(job(counted.status), [free], LATER).status["succeeded"] == 1


def test_a_failure_policy_can_end_the_job_or_forgive() -> None:
    def policy(action: str) -> Object:
        codes = {"containerName": "main", "operator": "In", "values": [42]}
        return {"rules": [{"action": action, "onExitCodes": codes}]}

    failed = pod("a", "Failed", code=42)
    ended = plan(job(podFailurePolicy=policy("FailJob")), [failed, pod("b")], LATER)
    [condition] = ended.status["conditions"]
    message = "Container main for pod ns/a failed with exit code 42 matching FailJob rule at index 0"
    assert (condition["type"], condition["reason"], condition["message"]) == (
        "FailureTarget",
        "PodFailurePolicy",
        message,
    )
    assert [one["metadata"]["uid"] for one in ended.delete] == ["b"]
    forgiven = plan(job(podFailurePolicy=policy("Ignore")), [failed], LATER)
    assert forgiven.status["uncountedTerminatedPods"] == {}
    assert len(forgiven.create) == 2
    assert plan(job(podFailurePolicy=policy("Ignore")), [pod("a", "Failed")], LATER).status[
        "uncountedTerminatedPods"
    ] == {"failed": ["a"]}


def test_indexes_fail_one_by_one() -> None:
    spec = {"completionMode": "Indexed", "backoffLimitPerIndex": 1, "completions": 2, "backoffLimit": 100}

    def attempt(number: int) -> Object:
        notes = {
            "batch.kubernetes.io/job-completion-index": "0",
            "batch.kubernetes.io/job-index-failure-count": str(number),
        }
        return pod("a", "Failed", meta={"annotations": notes})

    first = plan(job(**spec), [attempt(0)], LATER)
    assert list(first.create) == [0, 1]
    assert (first.failures[0].annotations(), list(first.release)) == ({f"{NOTE}failure-count": "1"}, [])
    soon = EPOCH + timedelta(seconds=4)
    waiting = plan(job(**spec), [attempt(0), at_work(1)], soon)
    assert (list(waiting.create), waiting.then) == ([], after(6.0)), "each index backs off by itself"
    replaced = plan(job(first.status, **spec), [failed := attempt(0), at_work(0), at_work(1)], LATER)
    assert list(replaced.release) == [failed], "its count has been passed on"
    ignored = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [1]}}]}
    forgiven = plan(job(**spec, podFailurePolicy=ignored), [attempt(1)], LATER)
    noted = {f"{NOTE}failure-count": "1", f"{NOTE}ignored-failure-count": "1"}
    assert forgiven.failures[0].annotations() == noted
    second = plan(job(**spec), [attempt(1)], LATER)
    assert second.status["failedIndexes"] == "0"
    assert list(second.create) == [1]


def at_work(index: int, uid: str = "") -> Object:
    notes = {"batch.kubernetes.io/job-completion-index": str(index)}
    return pod(uid or f"w{index}", "Running", meta={"annotations": notes})


def test_no_index_is_worked_on_twice() -> None:
    spec = {"completionMode": "Indexed", "completions": 2, "parallelism": 3}
    unnumbered = pod("none", "Running")
    made = plan(job(**spec), [at_work(0, "a"), at_work(0, "b"), at_work(1), at_work(7), unnumbered], LATER)
    gone = [one["metadata"]["uid"] for one in made.delete]
    assert sorted(gone) in (["a", "none", "w7"], ["b", "none", "w7"])
    shrunk = plan(job(**{**spec, "completions": 1}), [at_work(0), at_work(1)], LATER)
    assert [one["metadata"]["uid"] for one in shrunk.delete] == ["w1"]


def test_a_success_policy_ends_early() -> None:
    spec = {"completionMode": "Indexed", "completions": 3, "successPolicy": {"rules": [{"succeededIndexes": "1"}]}}
    leader = pod("a", "Succeeded", meta={"annotations": {"batch.kubernetes.io/job-completion-index": "1"}})
    ended = plan(job(**spec), [leader, pod("b")], LATER)
    assert ended.status["conditions"][0]["reason"] == "SuccessPolicy"
    assert len(ended.delete) == 1


def test_back_off_counts_from_the_last_success() -> None:
    def ended(uid: str, phase: str, minute: int) -> Object:
        end = {"exitCode": 1, "finishedAt": format_time(EPOCH + timedelta(minutes=minute))}
        made = pod(uid, phase)
        made["status"]["containerStatuses"][0]["state"]["terminated"] = end
        return made

    start = EPOCH.timestamp()
    failures = [ended(str(n), "Failed", n) for n in range(1, 4)]
    assert back_off_until(failures, job()) == start + 180 + 40
    assert back_off_until([*failures, ended("s", "Succeeded", 2)], job()) == start + 180 + 10
    assert back_off_until([ended(str(n), "Failed", 0) for n in range(50)], job()) == start + 600
    assert back_off_until([], job()) is None
    deleted = pod(
        "d", "Running", code=0, meta={"deletionTimestamp": format_time(EPOCH + timedelta(minutes=4, seconds=30))}
    )
    deleted["metadata"]["deletionGracePeriodSeconds"] = 30
    deleted["status"]["containerStatuses"][0]["state"] = {"running": {}}
    assert back_off_until([deleted], job()) == start + 240 + 10, "it counts from when the deletion was asked for"
    assert back_off_until([deleted, ended("s", "Succeeded", 5)], job()) is None
    ignoring = job()
    condition = {"type": "DisruptionTarget", "status": "True"}
    ignoring["spec"]["podFailurePolicy"] = {"rules": [{"action": "Ignore", "onPodConditions": [condition]}]}
    for failed in failures:
        failed["status"]["conditions"] = [condition]
    assert back_off_until(failures, ignoring) == start + 180 + 40, "not counted, and throttled all the same"


@given(st.sets(st.integers(0, 300)))
def test_indexes_survive_being_written(indexes: set[int]) -> None:
    assert parse_indexes(format_indexes(indexes)) == indexes
    assert format_indexes([1, 3, 4, 5, 7]) == "1,3-5,7"
