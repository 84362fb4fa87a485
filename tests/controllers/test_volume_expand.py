"""Claims that want to grow: who is to let them."""

import pytest

from sampan.controllers.volume_expand import Plan, has_grown, plan
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.machinery.meta import Object, annotations_of
from tests.controllers.cluster import NS, Cluster
from tests.controllers.volumes import claim, ref, storage_class, volume

EXTERNAL = Plan("waiting for an external controller to expand this PVC")
OLD = {"gcePersistentDisk": {"pdName": "d"}}
NOT_YET = {"volume.alpha.kubernetes.io/pre-resize-capacity": "1Gi"}


def having(size: str, wanted: str) -> Object:
    return {**claim(size=wanted), "status": {"phase": "Bound", "capacity": {"storage": size}}}


@pytest.mark.parametrize(
    ("one", "has", "expected"),
    [
        (having("1Gi", "2Gi"), volume(claimRef=ref()), EXTERNAL),
        (having("2Gi", "2Gi"), volume(claimRef=ref()), None),
        (having("2Gi", "2Gi"), volume(claimRef=ref(), annotations=NOT_YET), EXTERNAL),
        (having("1Gi", "2Gi"), volume(claimRef=ref("b")), None),
        (having("1Gi", "2Gi"), volume(), None),
        (having("9223372036854775807", "8Ei"), volume(claimRef=ref()), None),
        (
            having("1Gi", "2Gi"),
            volume(claimRef=ref(), **OLD),
            Plan(
                "CSI migration enabled for kubernetes.io/gce-pd; waiting for external resizer to expand the pvc",
                "pd.csi.storage.gke.io",
            ),
        ),
    ],
)
def test_who_lets_it_grow(one: Object, has: Object, expected: Plan | None) -> None:
    assert plan(one, has) == expected


def test_only_growth_matters() -> None:
    assert has_grown(having("1Gi", "1Gi"), having("1Gi", "2Gi")) and has_grown(claim(), having("1Gi", "1Gi"))
    assert not has_grown(having("1Gi", "2Gi"), having("1Gi", "1Gi"))


async def test_a_claim_that_grows(cluster: Cluster) -> None:
    await cluster.create(STORAGE_CLASS, storage_class("fast", allowVolumeExpansion=True))
    old = volume(storageClassName="fast", **OLD)
    del old["spec"]["hostPath"]
    await cluster.create(VOLUME, {**old, "metadata": {"name": "disk"}})
    await cluster.create(CLAIM, {**claim(storageClassName="fast"), "metadata": {"name": "data"}})
    await cluster.one(CLAIM, "data", lambda one: one["status"]["phase"] == "Bound")
    await cluster.patch(CLAIM, "data", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
    resizer = "volume.kubernetes.io/storage-resizer"
    marked = await cluster.one(CLAIM, "data", lambda one: resizer in annotations_of(one), NS)
    assert annotations_of(marked)[resizer] == "pd.csi.storage.gke.io"
    events = await cluster.until(EVENT, lambda found: any(one["reason"] == "ExternalExpanding" for one in found))
    (event,) = [one for one in events if one["reason"] == "ExternalExpanding"]
    assert event["source"]["component"] == "volume_expand"
