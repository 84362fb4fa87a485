"""A slow informer never makes a controller do a thing twice."""

from typing import Any

from sampan.controllers.own_writes import OwnWrites
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.replication_controller import KIND as RC
from sampan.machinery.meta import Key, Object
from tests.controllers.cluster import Cluster
from tests.controllers.test_replication_controller import kubia

OWNER = Key("ns", "owner")


class Shown:
    """Stands in for an informer at a revision."""

    def __init__(self) -> None:
        self.revision = 0
        self.objects: dict[Key, Object] = {}

    def has_seen(self, obj: Object) -> bool:
        return int(obj["metadata"]["resourceVersion"]) <= self.revision

    def get(self, key: Key) -> Object | None:
        return self.objects.get(key)


def pod(revision: int, uid: str = "u", **meta: Any) -> Object:
    return {"metadata": {"name": "p", "namespace": "ns", "uid": uid, "resourceVersion": str(revision), **meta}}


def test_creations_are_seen_when_the_informer_is_as_new() -> None:
    shown = Shown()
    writes = OwnWrites(shown)  # type: ignore[arg-type]
    assert writes.seen(OWNER)
    writes.created(OWNER, pod(9))
    writes.created(OWNER, pod(7))
    shown.revision = 8
    assert not writes.seen(OWNER)
    assert writes.seen(Key("ns", "another"))
    shown.revision = 9
    assert writes.seen(OWNER)


def test_deletions_are_seen_when_the_object_is_gone_going_or_another() -> None:
    shown, key = Shown(), Key("ns", "p")
    writes = OwnWrites(shown)  # type: ignore[arg-type]
    for form in ({}, {key: pod(2, deletionTimestamp="x")}, {key: pod(3, uid="other")}):
        shown.objects = {key: pod(1)}
        writes.deleted(OWNER, pod(1))
        assert not writes.seen(OWNER)
        shown.objects = form
        assert writes.seen(OWNER)
    writes.deleted(OWNER, pod(1))
    writes.forget(OWNER)
    shown.objects = {key: pod(1)}
    assert writes.seen(OWNER)


async def test_poking_a_controller_while_it_works_creates_no_pod_too_many(cluster: Cluster) -> None:
    await cluster.create(RC, kubia(20))
    for turn in range(30):
        await cluster.patch(RC, "kubia", {"metadata": {"annotations": {"turn": str(turn)}}})
    await cluster.one(RC, "kubia", lambda rc: rc["status"].get("availableReplicas") == 20)
    await cluster.clock.advance(5)
    events = await cluster.until(EVENT, lambda found: True)
    counts = [event["count"] for event in events if event["reason"] == "SuccessfulCreate"]
    assert sum(counts) == 20
    assert not [event for event in events if event["reason"] == "SuccessfulDelete"]
