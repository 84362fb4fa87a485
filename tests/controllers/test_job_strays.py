"""Jobs and pods that come to them, leave them, or outlive them: nobody keeps a finalizer that nobody takes off."""

import pytest

from sampan.controllers.job.pods import TRACKING
from sampan.kinds.batch.job import KIND as JOB
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Object
from tests.controllers.cluster import NS, Cluster
from tests.controllers.test_job import batch, conditions, end, running


def untracked(number: int):
    def holds(pods: list[Object]) -> bool:
        return len(pods) == number and not any(pod["metadata"].get("finalizers") for pod in pods)

    return holds


async def test_a_job_that_is_deleted_without_its_pods_lets_them_go(cluster: Cluster) -> None:
    await cluster.create(JOB, batch(completions=2, parallelism=2))
    await running(cluster, 2)
    await cluster.client.delete(JOB, "batch", NS, propagation="Orphan")
    await cluster.gone(JOB, "batch")
    for pod in await cluster.pods(untracked(2)):
        assert not pod["metadata"].get("ownerReferences")
        await cluster.client.delete(POD, pod["metadata"]["name"], NS)
    await cluster.until(POD, lambda pods: not pods)


async def test_a_pod_that_is_relabelled_is_let_go(cluster: Cluster) -> None:
    await cluster.create(JOB, batch())
    [pod] = await running(cluster, 1)
    name, label = pod["metadata"]["name"], "batch.kubernetes.io/controller-uid"
    await cluster.patch(POD, name, {"metadata": {"labels": {label: None}}})
    await cluster.one(POD, name, lambda one: not one["metadata"].get("finalizers"))
    assert len(await running(cluster, 2)) == 2, "and replaced"


async def test_a_job_takes_no_pod_of_another_of_its_name(cluster: Cluster) -> None:
    await cluster.create(JOB, batch())
    [old] = await running(cluster, 1)
    await cluster.client.delete(JOB, "batch", NS, propagation="Orphan")
    await cluster.gone(JOB, "batch")
    await cluster.create(JOB, batch())
    [new] = [pod for pod in await running(cluster, 2) if pod["metadata"]["uid"] != old["metadata"]["uid"]]
    await cluster.one(POD, old["metadata"]["name"], lambda one: not one["metadata"].get("finalizers"))
    await end(cluster, old, "Succeeded")
    await end(cluster, new, "Succeeded")
    job = await cluster.one(JOB, "batch", lambda job: "Complete" in conditions(job))
    assert job["status"]["succeeded"] == 1


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
async def test_a_pod_that_is_adopted_counts(cluster: Cluster, phase: str) -> None:
    labels = {"app": "by-hand"}
    spec = {"containers": [{"name": "main", "image": "i"}], "restartPolicy": "Never"}
    await cluster.create(POD, {"metadata": {"name": "mine", "labels": labels}, "spec": spec})
    [pod] = await running(cluster, 1)
    body = batch(manualSelector=True, selector={"matchLabels": labels}, backoffLimit=0)
    body["spec"]["template"]["metadata"] = {"labels": labels}
    await cluster.create(JOB, body)
    await cluster.one(POD, "mine", lambda one: TRACKING in (one["metadata"].get("finalizers") or ()))
    await end(cluster, pod, phase)
    job = await cluster.one(JOB, "batch", lambda job: {"Complete", "Failed"} & set(conditions(job)))
    assert job["status"].get(phase.lower()) == 1
    assert [one["metadata"]["name"] for one in await cluster.pods(untracked(1))] == ["mine"]


async def test_a_pod_that_was_never_scheduled_does_not_hold_up_its_job(cluster: Cluster) -> None:
    """It is deleted, but kept by its finalizer, and no kubelet will say that it has ended."""
    body = batch(podReplacementPolicy="Failed")
    body["spec"]["template"]["metadata"] = {"annotations": {"test/start": "never"}}
    await cluster.create(JOB, body)
    [pod] = await cluster.pods(lambda pods: len(pods) == 1)
    finalizers = [*pod["metadata"]["finalizers"], "example.com/hold"]  # or the test's kubelet would delete it at once
    await cluster.patch(POD, pod["metadata"]["name"], {"metadata": {"finalizers": finalizers}})
    await cluster.client.delete(POD, pod["metadata"]["name"], NS)
    await cluster.one(POD, pod["metadata"]["name"], lambda one: one["status"]["phase"] == "Failed")
    await cluster.pods(lambda pods: len(pods) == 1)
    job = await cluster.one(JOB, "batch", lambda job: job["status"].get("failed") == 1)
    assert conditions(job) == {}
