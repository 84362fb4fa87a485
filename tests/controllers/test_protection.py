"""Claims and volumes stay while they are in use."""

from typing import Any

import pytest

from sampan.controllers.pv_protection import FINALIZER as OF_VOLUMES
from sampan.controllers.pvc_protection import FINALIZER as OF_CLAIMS
from sampan.controllers.pvc_protection import uses
from sampan.controllers.vac_protection import FINALIZER as OF_ATTRIBUTES
from sampan.controllers.vac_protection import classes_of
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.storage.volume_attributes_class import KIND as ATTRIBUTES
from sampan.machinery.meta import Object, is_deleting
from tests.controllers.cluster import NS, Cluster

CLAIMED = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
STORED = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/data"}}


def pod(name: str, claim: str, **meta: Any) -> Object:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]
    return {
        "metadata": {"name": name, **meta},
        "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": volumes},
    }


async def test_a_claim_goes_when_its_last_pod_is_gone(cluster: Cluster) -> None:
    made = await cluster.create(CLAIM, {"metadata": {"name": "data"}, "spec": CLAIMED})
    assert made["metadata"]["finalizers"] == [OF_CLAIMS]
    await cluster.create(POD, pod("p", "data", finalizers=["example.com/hold"]))
    await cluster.one(POD, "p", lambda one: bool(one["spec"].get("nodeName")))
    await cluster.client.delete(CLAIM, "data", NS)
    await cluster.client.delete(POD, "p", NS)
    await cluster.one(CLAIM, "data", is_deleting)
    await cluster.patch(POD, "p", {"metadata": {"finalizers": None}})
    await cluster.gone(CLAIM, "data")


async def test_a_claim_that_nobody_uses_goes_at_once(cluster: Cluster) -> None:
    await cluster.create(CLAIM, {"metadata": {"name": "data"}, "spec": CLAIMED})
    await cluster.create(POD, pod("waiting", "data", annotations={"test/start": "never"}))
    await cluster.client.delete(CLAIM, "data", NS)
    await cluster.gone(CLAIM, "data")


async def test_a_volume_goes_when_it_is_bound_no_more(cluster: Cluster) -> None:
    made = await cluster.create(VOLUME, {"metadata": {"name": "disk"}, "spec": STORED})
    assert made["metadata"]["finalizers"] == [OF_VOLUMES]
    await cluster.create(CLAIM, {"metadata": {"name": "data"}, "spec": CLAIMED})
    await cluster.one(VOLUME, "disk", lambda one: one["status"]["phase"] == "Bound")
    await cluster.client.delete(VOLUME, "disk")
    await cluster.one(VOLUME, "disk", is_deleting)
    await cluster.client.delete(CLAIM, "data", NS)
    await cluster.gone(VOLUME, "disk")


async def test_a_class_of_attributes_goes_when_nobody_names_it(cluster: Cluster) -> None:
    made = await cluster.create(
        ATTRIBUTES, {"metadata": {"name": "gold"}, "driverName": "example.com", "parameters": {"speed": "9"}}
    )
    assert made["metadata"]["finalizers"] == [OF_ATTRIBUTES]
    await cluster.create(CLAIM, {"metadata": {"name": "data"}, "spec": CLAIMED | {"volumeAttributesClassName": "gold"}})
    await cluster.one(CLAIM, "data", lambda one: True)
    await cluster.client.delete(ATTRIBUTES, "gold")
    await cluster.one(ATTRIBUTES, "gold", is_deleting)
    await cluster.clock.advance(60)
    await cluster.one(ATTRIBUTES, "gold", is_deleting)
    await cluster.client.delete(CLAIM, "data", NS)
    await cluster.gone(ATTRIBUTES, "gold")


def test_what_names_a_class_of_attributes() -> None:
    status = {"currentVolumeAttributesClassName": "b", "modifyVolumeStatus": {"targetVolumeAttributesClassName": "c"}}
    assert set(classes_of({"spec": {"volumeAttributesClassName": "a"}, "status": status})) == {"a", "b", "c"}
    assert not set(classes_of({"spec": {"volumeAttributesClassName": ""}}))


async def test_protection_that_was_taken_off_comes_back(cluster: Cluster) -> None:
    await cluster.create(CLAIM, {"metadata": {"name": "data"}, "spec": CLAIMED})
    await cluster.create(VOLUME, {"metadata": {"name": "disk"}, "spec": STORED})
    await cluster.patch(CLAIM, "data", {"metadata": {"finalizers": None}})
    await cluster.client.patch(VOLUME, "disk", {"metadata": {"finalizers": None}})
    await cluster.one(CLAIM, "data", lambda one: one["metadata"].get("finalizers") == [OF_CLAIMS])
    await cluster.one(VOLUME, "disk", lambda one: one["metadata"].get("finalizers") == [OF_VOLUMES])


def claim_of(uid: str = "u") -> Object:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid, "controller": True}
    return {"metadata": {"name": "p-v", "namespace": NS, "ownerReferences": [owner]}}


@pytest.mark.parametrize(
    ("meta", "spec", "claim", "expected"),
    [
        ({}, {}, claim_of(), True),
        ({}, {"nodeName": ""}, claim_of(), False),
        ({}, {}, claim_of("other"), False),
        ({"name": "q"}, {}, claim_of(), False),
        ({"deletionTimestamp": "2030-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}, {}, claim_of(), True),
        ({"deletionTimestamp": "2030-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}, {}, claim_of(), False),
    ],
)
def test_claims_of_ephemeral_volumes(meta: Object, spec: Object, claim: Object, expected: bool) -> None:
    own = {"metadata": {"name": "p", "uid": "u", **meta}, "spec": {"nodeName": "n", "volumes": [EPHEMERAL], **spec}}
    assert uses(own, claim) is expected


EPHEMERAL = {"name": "v", "ephemeral": {}}
