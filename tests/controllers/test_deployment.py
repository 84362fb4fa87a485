"""Deployments against a control plane: rolling out, back, paused, recreated."""

from typing import Any

from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.apps.replica_set import KIND as REPLICA_SET
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Object, annotations_of, labels_of
from tests.controllers.cluster import NS, Cluster

REVISION = "deployment.kubernetes.io/revision"


def kubia(image: str = "kubia:v1", replicas: int = 3, **spec: Any) -> Object:
    template = {
        "metadata": {"labels": {"app": "kubia"}},
        "spec": {"containers": [{"name": "kubia", "image": image}]},
    }
    selector = {"matchLabels": {"app": "kubia"}}
    spec = {"replicas": replicas, "selector": selector, "template": template, **spec}
    return {"metadata": {"name": "kubia"}, "spec": spec}


def image(name: str) -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "kubia", "image": name}]}}}}


def image_of(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def is_complete(deployment: Object) -> bool:
    status, wanted = deployment["status"], deployment["spec"]["replicas"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return counts == [wanted] * 3 and status["observedGeneration"] == deployment["metadata"]["generation"]


def conditions(deployment: Object) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in deployment["status"].get("conditions", ())}


async def test_rolls_out(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENT, kubia())
    done = await cluster.one(DEPLOYMENT, "kubia", is_complete)
    assert annotations_of(done)[REVISION] == "1"
    assert conditions(done) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    [rs] = await cluster.until(REPLICA_SET, lambda found: len(found) == 1)
    name, hash_label = rs["metadata"]["name"], labels_of(rs)["pod-template-hash"]
    assert name == f"kubia-{hash_label}"
    assert rs["spec"]["selector"]["matchLabels"] == {"app": "kubia", "pod-template-hash": hash_label}
    assert annotations_of(rs) == {
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
    }
    pods = await cluster.pods(lambda found: len(found) == 3)
    assert all(pod["metadata"]["name"].startswith(f"{name}-") for pod in pods)
    events = await cluster.until(EVENT, lambda found: any(e["reason"] == "ScalingReplicaSet" for e in found))
    [event] = [e for e in events if e["reason"] == "ScalingReplicaSet"]
    assert event["message"] == f"Scaled up replica set {name} from 0 to 3"
    assert event["source"]["component"] == "deployment-controller"


async def test_updates_back_and_forth(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENT, kubia())
    await cluster.one(DEPLOYMENT, "kubia", is_complete)
    await cluster.patch(DEPLOYMENT, "kubia", image("kubia:v2"))
    second = await cluster.one(DEPLOYMENT, "kubia", lambda d: annotations_of(d)[REVISION] == "2" and is_complete(d))
    pods = await cluster.pods(lambda found: len(found) == 3 and {image_of(pod) for pod in found} == {"kubia:v2"})
    assert len(pods) == 3
    assert conditions(second)["Progressing"] == ("True", "NewReplicaSetAvailable")
    await cluster.patch(DEPLOYMENT, "kubia", image("kubia:v1"))
    await cluster.one(DEPLOYMENT, "kubia", lambda d: annotations_of(d)[REVISION] == "3" and is_complete(d))
    sets = await cluster.until(REPLICA_SET, lambda found: sorted(rs["spec"]["replicas"] for rs in found) == [0, 3])
    by_revision = {annotations_of(rs)[REVISION]: rs for rs in sets}
    assert annotations_of(by_revision["3"])["deployment.kubernetes.io/revision-history"] == "1"


async def test_rolls_back_by_the_old_annotation(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENT, kubia())
    await cluster.one(DEPLOYMENT, "kubia", is_complete)
    await cluster.patch(DEPLOYMENT, "kubia", image("kubia:v2"))
    await cluster.one(DEPLOYMENT, "kubia", lambda d: annotations_of(d)[REVISION] == "2" and is_complete(d))
    note = {"metadata": {"annotations": {"deprecated.deployment.rollback.to": "0"}}}
    await cluster.patch(DEPLOYMENT, "kubia", note)
    back = await cluster.one(DEPLOYMENT, "kubia", lambda d: annotations_of(d)[REVISION] == "3" and is_complete(d))
    assert back["spec"]["template"]["spec"]["containers"][0]["image"] == "kubia:v1"
    assert "pod-template-hash" not in back["spec"]["template"]["metadata"]["labels"]
    assert "deprecated.deployment.rollback.to" not in annotations_of(back)
    events = await cluster.until(EVENT, lambda found: any(e["reason"] == "DeploymentRollback" for e in found))
    assert 'Rolled back deployment "kubia" to revision 1' in {e["message"] for e in events}


async def test_a_paused_one_scales_but_does_not_roll(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENT, kubia())
    await cluster.one(DEPLOYMENT, "kubia", is_complete)
    await cluster.patch(DEPLOYMENT, "kubia", {"spec": {"paused": True}})
    await cluster.one(DEPLOYMENT, "kubia", lambda d: conditions(d)["Progressing"] == ("Unknown", "DeploymentPaused"))
    await cluster.patch(DEPLOYMENT, "kubia", {"spec": {"replicas": 5, **image("kubia:v2")["spec"]}})
    pods = await cluster.pods(lambda found: len(found) == 5)
    assert {image_of(pod) for pod in pods} == {"kubia:v1"}
    await cluster.patch(DEPLOYMENT, "kubia", {"spec": {"paused": False}})
    await cluster.pods(lambda found: len(found) == 5 and {image_of(pod) for pod in found} == {"kubia:v2"})
    await cluster.one(DEPLOYMENT, "kubia", is_complete)


async def test_recreate_ends_the_old_before_it_starts_the_new(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENT, kubia(strategy={"type": "Recreate"}))
    await cluster.one(DEPLOYMENT, "kubia", is_complete)
    together: list[set[str]] = []
    pods: dict[str, str] = {}

    def watch(old: Object | None, new: Object | None) -> None:
        if new is None and old is not None:
            pods.pop(old["metadata"]["name"], None)
        elif new is not None:
            pods[new["metadata"]["name"]] = image_of(new)
        together.append(set(pods.values()))

    cluster.informer(POD).on_change(watch)
    await cluster.patch(DEPLOYMENT, "kubia", image("kubia:v2"))
    await cluster.pods(lambda found: len(found) == 3 and {image_of(pod) for pod in found} == {"kubia:v2"})
    assert {"kubia:v1", "kubia:v2"} not in together


async def test_a_stuck_rollout_exceeds_its_deadline_and_keeps_what_runs(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENT, kubia(progressDeadlineSeconds=10))
    await cluster.one(DEPLOYMENT, "kubia", is_complete)
    stuck = image("kubia:broken")
    stuck["spec"]["template"]["metadata"] = {"annotations": {"test/start": "never"}}
    await cluster.patch(DEPLOYMENT, "kubia", stuck)
    failed = await cluster.one(
        DEPLOYMENT, "kubia", lambda d: conditions(d)["Progressing"] == ("False", "ProgressDeadlineExceeded")
    )
    assert conditions(failed)["Available"] == ("True", "MinimumReplicasAvailable")
    assert failed["status"]["availableReplicas"] == 3


async def test_old_replica_sets_are_cleaned_up(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENT, kubia(replicas=1, revisionHistoryLimit=1))
    await cluster.one(DEPLOYMENT, "kubia", is_complete)
    for version in ("2", "3", "4"):
        await cluster.patch(DEPLOYMENT, "kubia", image(f"kubia:v{version}"))
        await cluster.one(DEPLOYMENT, "kubia", lambda d, v=version: annotations_of(d)[REVISION] == v and is_complete(d))
    sets = await cluster.until(REPLICA_SET, lambda found: len(found) == 2)
    assert sorted(annotations_of(rs)[REVISION] for rs in sets) == ["3", "4"]


async def test_deleting_takes_replica_sets_and_pods_along(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENT, kubia())
    await cluster.one(DEPLOYMENT, "kubia", is_complete)
    await cluster.client.delete(DEPLOYMENT, "kubia", NS, propagation="Foreground")
    await cluster.gone(DEPLOYMENT, "kubia")
    assert await cluster.until(REPLICA_SET, lambda found: True) == []
    assert await cluster.pods(lambda found: True) == []
