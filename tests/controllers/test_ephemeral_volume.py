"""Claims that come and go with their pods."""

from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Object
from tests.controllers.cluster import NS, Cluster

SPEC: Object = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def pod() -> Object:
    template = {"metadata": {"labels": {"kind": "scratch"}}, "spec": SPEC}
    volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}, {"name": "other", "emptyDir": {}}]
    return {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "main", "image": "i"}], "volumes": volumes}}


async def test_a_claim_comes_and_goes_with_its_pod(cluster: Cluster) -> None:
    made = await cluster.create(POD, pod())
    (claim,) = await cluster.until(CLAIM, lambda found: len(found) == 1)
    meta = claim["metadata"]
    assert (meta["name"], meta["labels"]) == ("a-scratch", {"kind": "scratch"})
    assert meta["ownerReferences"] == [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": "a",
            "uid": made["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert claim["spec"]["resources"] == SPEC["resources"]
    await cluster.client.delete(POD, "a", NS)
    await cluster.gone(CLAIM, "a-scratch")


async def test_a_claim_of_somebody_else_is_in_the_way(cluster: Cluster) -> None:
    await cluster.create(CLAIM, {"metadata": {"name": "a-scratch"}, "spec": SPEC})
    await cluster.create(POD, pod())

    def is_ours(event: Object) -> bool:
        return bool(event["reason"] == "FailedBinding" and event["involvedObject"]["kind"] == "Pod")

    (event,) = filter(is_ours, await cluster.until(EVENT, lambda events: any(map(is_ours, events))))
    assert event["message"] == (
        f"ephemeral volume scratch: PVC {NS}/a-scratch was not created for pod {NS}/a (pod is not owner)"
    )
    assert event["source"]["component"] == "ephemeral_volume"
    await cluster.client.delete(CLAIM, "a-scratch", NS)
    await cluster.one(CLAIM, "a-scratch", lambda claim: bool(claim["metadata"].get("ownerReferences")))
