"""ReplicationControllers against a control plane: the books' first chapters."""

import pytest

from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.replication_controller import KIND as RC
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.meta import Object, controller_of, labels_of
from tests.controllers.cluster import NS, Cluster

TEMPLATE = {
    "metadata": {"labels": {"app": "kubia"}},
    "spec": {"containers": [{"name": "kubia", "image": "luksa/kubia"}]},
}


def kubia(replicas: int) -> Object:
    spec = {"replicas": replicas, "selector": {"app": "kubia"}, "template": TEMPLATE}
    return {"metadata": {"name": "kubia"}, "spec": spec}


async def test_creates_names_and_counts(cluster: Cluster) -> None:
    rc = await cluster.create(RC, kubia(3))
    pods = await cluster.pods(lambda found: len(found) == 3)
    for pod in pods:
        owner = controller_of(pod)
        assert owner is not None
        assert (owner.kind, owner.uid) == ("ReplicationController", rc["metadata"]["uid"])
        assert pod["metadata"]["name"].startswith("kubia-")
    status = (await cluster.one(RC, "kubia", lambda found: found["status"].get("availableReplicas") == 3))["status"]
    assert status == {
        "replicas": 3,
        "fullyLabeledReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "observedGeneration": 1,
    }
    events = await cluster.until(EVENT, lambda found: sum(e["reason"] == "SuccessfulCreate" for e in found) == 3)
    assert {e["message"] for e in events if e["reason"] == "SuccessfulCreate"} == {
        f"Created pod: {pod['metadata']['name']}" for pod in pods
    }


async def test_a_pod_moved_out_of_scope_is_released_and_replaced(cluster: Cluster) -> None:
    await cluster.create(RC, kubia(2))
    [moved, _] = await cluster.pods(lambda found: len(found) == 2)
    await cluster.patch(POD, moved["metadata"]["name"], {"metadata": {"labels": {"app": "foo"}}})
    pods = await cluster.pods(
        lambda found: len(found) == 3 and sum(controller_of(pod) is not None for pod in found) == 2
    )
    free = [pod for pod in pods if controller_of(pod) is None]
    assert [labels_of(pod)["app"] for pod in free] == ["foo"]


async def test_an_orphan_is_adopted_and_counted(cluster: Cluster) -> None:
    await cluster.create(POD, {"metadata": {"name": "lonely", "labels": {"app": "kubia"}}, "spec": TEMPLATE["spec"]})
    rc = await cluster.create(RC, kubia(2))
    pods = await cluster.pods(lambda found: len(found) == 2 and all(controller_of(pod) for pod in found))
    assert "lonely" in {pod["metadata"]["name"] for pod in pods}
    assert {ref["uid"] for pod in pods for ref in pod["metadata"]["ownerReferences"]} == {rc["metadata"]["uid"]}


async def test_scales_down_and_replaces_what_is_deleted(cluster: Cluster) -> None:
    await cluster.create(RC, kubia(3))
    [first, *_] = await cluster.pods(lambda found: len(found) == 3)
    await cluster.client.delete(POD, first["metadata"]["name"], first["metadata"]["namespace"])
    await cluster.gone(POD, first["metadata"]["name"])
    await cluster.pods(lambda found: len(found) == 3)
    await cluster.patch(RC, "kubia", {"spec": {"replicas": 1}})
    await cluster.pods(lambda found: len(found) == 1)
    await cluster.one(RC, "kubia", lambda found: found["status"]["replicas"] == 1)


async def test_a_namespace_that_goes_is_no_failure(cluster: Cluster) -> None:
    await cluster.create(RC, kubia(2))
    [held, _] = await cluster.pods(lambda found: len(found) == 2)
    await cluster.patch(POD, held["metadata"]["name"], {"metadata": {"finalizers": ["example.com/hold"]}})
    await cluster.client.delete(NAMESPACE, NS)
    found = await cluster.one(RC, "kubia", lambda rc: rc["status"]["replicas"] == 0)
    assert "conditions" not in found["status"]


async def test_orphaning_deletion_leaves_the_pods(cluster: Cluster) -> None:
    await cluster.create(RC, kubia(2))
    before = await cluster.pods(lambda found: len(found) == 2)
    await cluster.client.delete(RC, "kubia", "shop", propagation="Orphan")
    await cluster.gone(RC, "kubia")
    after = await cluster.pods(lambda found: all(controller_of(pod) is None for pod in found))
    assert {pod["metadata"]["uid"] for pod in after} == {pod["metadata"]["uid"] for pod in before}


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_deletion_takes_the_pods_along(cluster: Cluster, policy: str) -> None:
    await cluster.create(RC, kubia(2))
    await cluster.pods(lambda found: len(found) == 2)
    await cluster.client.delete(RC, "kubia", "shop", propagation=policy)
    await cluster.pods(lambda found: not found)
    await cluster.gone(RC, "kubia")


async def test_what_the_api_refuses_shows_as_a_condition_and_passes(cluster: Cluster) -> None:
    body = kubia(2)
    body["spec"]["template"] = {
        **TEMPLATE,
        "spec": {**TEMPLATE["spec"], "serviceAccountName": "absent"},  # type: ignore[dict-item]
    }
    await cluster.create(RC, body)
    failed = await cluster.one(RC, "kubia", lambda found: bool(found["status"].get("conditions")))
    [condition] = failed["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("ReplicaFailure", "True", "FailedCreate")
    await cluster.create(SERVICE_ACCOUNT, {"metadata": {"name": "absent"}})
    await cluster.pods(lambda found: len(found) == 2)
    await cluster.one(RC, "kubia", lambda found: not found["status"].get("conditions"))
