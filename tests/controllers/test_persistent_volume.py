"""Volumes and claims against the API server: bound, kept, released, emptied, deleted, provided by others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sampan.apiserver.authentication.user import service_account
from sampan.apiserver.local import LocalTransport
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.controllers.config import ControllerContext
from sampan.controllers.persistent_volume import VolumeBinder
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.machinery.meta import Object, annotations_of, is_deleting
from sampan.reconcile.discovery import Discovery
from sampan.storage.memory import MemoryStore
from sampan.testing.clock import VirtualClock, settle
from tests.controllers import volumes
from tests.controllers.cluster import NS, Cluster, signing_key
from tests.controllers.volumes import BY_US, COMPLETED, RWO, storage_class


def volume(name: str = "disk", size: str = "1Gi", **spec: Any) -> Object:
    made = volumes.volume(name, size, **spec)
    return {**made, "metadata": {**made["metadata"], "uid": "", "resourceVersion": ""}}


def claim(name: str = "data", size: str = "1Gi", **spec: Any) -> Object:
    made = volumes.claim(name, size, **spec)
    return {**made, "metadata": {**made["metadata"], "uid": "", "resourceVersion": ""}}


def is_in(phase: str) -> Callable[[Object], bool]:
    return lambda found: bool(found["status"].get("phase") == phase)


async def told(cluster: Cluster, reason: str, namespace: str = NS) -> str:
    events = await cluster.until(EVENT, lambda found: any(one["reason"] == reason for one in found), namespace)
    return next(str(one["message"]) for one in events if one["reason"] == reason)


async def test_a_claim_gets_a_volume_and_leaves_it(cluster: Cluster) -> None:
    made = await cluster.create(VOLUME, volume("disk", "2Gi"))
    await cluster.create(VOLUME, volume("big", "9Gi"))
    before = await cluster.one(VOLUME, "disk", is_in("Available"))
    await cluster.clock.advance(5)
    await cluster.create(CLAIM, claim())
    has = await cluster.one(CLAIM, "data", is_in("Bound"))
    assert has["spec"]["volumeName"] == "disk"
    assert has["status"] == {"phase": "Bound", "accessModes": [RWO], "capacity": {"storage": "2Gi"}}
    assert annotations_of(has) == {BY_US: "yes", COMPLETED: "yes"}
    bound = await cluster.one(VOLUME, "disk", is_in("Bound"))
    assert bound["spec"]["claimRef"]["uid"] == has["metadata"]["uid"]
    since = [one["status"]["lastPhaseTransitionTime"] for one in (made, before, bound)]
    assert since[0] <= since[1] < since[2]
    await cluster.client.delete(VOLUME, "disk")
    await cluster.one(VOLUME, "disk", is_deleting)
    await cluster.client.delete(CLAIM, "data", NS)
    await cluster.gone(VOLUME, "disk")


async def test_a_released_volume_is_retained_and_nobody_gets_it(cluster: Cluster) -> None:
    await cluster.create(CLAIM, claim())
    assert (await told(cluster, "FailedBinding")).startswith("no persistent volumes available for this claim")
    await cluster.create(VOLUME, volume())
    await cluster.one(CLAIM, "data", is_in("Bound"))
    await cluster.client.delete(CLAIM, "data", NS)
    released = await cluster.one(VOLUME, "disk", is_in("Released"))
    assert released["spec"]["claimRef"]["name"] == "data"
    await cluster.create(CLAIM, claim())
    await cluster.clock.advance(60)
    assert (await cluster.client.get(CLAIM, "data", NS))["status"] == {"phase": "Pending"}
    await cluster.client.patch(VOLUME, "disk", {"spec": {"claimRef": None}})
    await cluster.one(CLAIM, "data", is_in("Bound"))


@pytest.mark.parametrize("ref", [{}, {"namespace": NS}, {"name": "data"}, {"namespace": "../..", "name": "a/b?c=d"}])
async def test_a_volume_that_names_what_is_no_claim(cluster: Cluster, ref: Object) -> None:
    await cluster.create(VOLUME, volume("kept", claimRef=ref))
    await cluster.create(VOLUME, volume("bound", claimRef={**ref, "uid": "x"}))
    await cluster.one(VOLUME, "kept", is_in("Available"))
    await cluster.one(VOLUME, "bound", is_in("Released"))


async def test_two_claims_for_one_volume(cluster: Cluster) -> None:
    await asyncio.gather(*(cluster.create(CLAIM, claim(name)) for name in ("a", "b")))
    await cluster.create(VOLUME, volume())
    found = await cluster.until(CLAIM, lambda found: sum(map(is_in("Bound"), found)) == 1)
    await cluster.clock.advance(60)
    found = await cluster.until(CLAIM, bool)
    assert sorted(one["status"]["phase"] for one in found) == ["Bound", "Pending"]
    await cluster.client.delete(CLAIM, next(one for one in found if is_in("Bound")(one))["metadata"]["name"], NS)
    await cluster.one(VOLUME, "disk", is_in("Released"))


async def test_a_claim_that_has_lost_its_volume(cluster: Cluster) -> None:
    await cluster.create(VOLUME, volume())
    await cluster.create(CLAIM, claim())
    await cluster.one(CLAIM, "data", is_in("Bound"))
    await cluster.client.delete(VOLUME, "disk")
    await cluster.client.patch(VOLUME, "disk", {"metadata": {"finalizers": None}})
    lost = await cluster.one(CLAIM, "data", is_in("Lost"))
    assert "capacity" not in lost["status"]
    assert "has lost its PersistentVolume" in await told(cluster, "ClaimLost")


async def test_an_external_provisioner(cluster: Cluster) -> None:
    """It waits for its name, makes a volume that names the claim, and deletes it when that is released."""
    await cluster.create(STORAGE_CLASS, storage_class("standard"))
    await cluster.create(CLAIM, claim(storageClassName="standard"))
    named = "volume.kubernetes.io/storage-provisioner"
    asking = await cluster.one(CLAIM, "data", lambda one: named in annotations_of(one))
    assert set(annotations_of(asking).values()) == {"example.com/disks"}
    assert "external provisioner 'example.com/disks'" in await told(cluster, "ExternalProvisioning")
    ref = {"namespace": NS, "name": "data", "uid": asking["metadata"]["uid"]}
    mark, policy = {"pv.kubernetes.io/provisioned-by": "example.com/disks"}, {"persistentVolumeReclaimPolicy": "Delete"}
    await cluster.create(VOLUME, volume("pvc-1", storageClassName="standard", claimRef=ref, annotations=mark, **policy))
    await cluster.one(CLAIM, "data", is_in("Bound"))
    await cluster.client.delete(CLAIM, "data", NS)
    await cluster.one(VOLUME, "pvc-1", is_in("Released"))
    await cluster.clock.advance(60)
    assert is_in("Released")(await cluster.client.get(VOLUME, "pvc-1"))


async def test_a_class_that_waits_for_the_first_consumer(cluster: Cluster) -> None:
    await cluster.create(STORAGE_CLASS, storage_class("late", volumeBindingMode="WaitForFirstConsumer"))
    await cluster.create(VOLUME, volume(storageClassName="late"))
    await cluster.create(CLAIM, claim(storageClassName="late"))
    assert "first consumer" in await told(cluster, "WaitForFirstConsumer")
    await cluster.clock.advance(60)
    bound = await cluster.one(VOLUME, "disk", is_in("Available"))
    uid = (await cluster.client.get(CLAIM, "data", NS))["metadata"]["uid"]
    ref = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": NS, "name": "data", "uid": uid}
    chosen = {"spec": {"claimRef": ref}, "metadata": {"annotations": {BY_US: "yes"}}}  # as the scheduler has it
    await cluster.client.patch(VOLUME, bound["metadata"]["name"], chosen)
    await cluster.one(CLAIM, "data", is_in("Bound"))


async def test_the_default_class_comes_to_claims_that_wait(cluster: Cluster) -> None:
    await cluster.create(CLAIM, claim())
    await cluster.create(CLAIM, claim("none", storageClassName=""))
    await told(cluster, "FailedBinding")
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    await cluster.create(STORAGE_CLASS, {**storage_class(), "metadata": {"name": "fast", "annotations": default}})
    await cluster.one(CLAIM, "data", lambda one: one["spec"].get("storageClassName") == "fast")
    assert (await cluster.client.get(CLAIM, "none", NS))["spec"]["storageClassName"] == ""


async def test_a_recycled_volume(cluster: Cluster) -> None:
    await cluster.create(VOLUME, volume(persistentVolumeReclaimPolicy="Recycle"))
    await cluster.create(CLAIM, claim())
    await cluster.one(CLAIM, "data", is_in("Bound"))
    await cluster.client.delete(CLAIM, "data", NS)
    pod = await cluster.one(POD, "recycler-for-disk", is_in("Running"), "default")
    assert pod["spec"]["activeDeadlineSeconds"] == 60
    said = {"name": "e", "namespace": "default"}
    about = {"kind": "Pod", "namespace": "default", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
    event = {"metadata": said, "involvedObject": about, "type": "Normal", "reason": "Pulled", "message": "Pulled it"}
    await cluster.create(EVENT, event)
    assert await told(cluster, "RecyclerPod", "default") == "Recycler pod: Pulled it"
    await cluster.client.patch(
        POD, pod["metadata"]["name"], {"status": {"phase": "Succeeded"}}, "default", subresource="status"
    )
    available = await cluster.one(VOLUME, "disk", is_in("Available"))
    assert "claimRef" not in available["spec"] and annotations_of(available) == {}
    await cluster.gone(POD, "recycler-for-disk", "default")
    assert await told(cluster, "VolumeRecycled", "default") == "Volume recycled"


async def test_a_forged_recycler_is_not_believed(cluster: Cluster) -> None:
    forged = {"name": "recycler-for-disk", "namespace": "default", "annotations": {"test/start": "never"}}
    spec = {"containers": [{"name": "c", "image": "i"}]}
    await cluster.create(POD, {"metadata": forged, "spec": spec})
    await cluster.client.patch(POD, forged["name"], {"status": {"phase": "Succeeded"}}, "default", subresource="status")
    await cluster.create(VOLUME, volume(persistentVolumeReclaimPolicy="Recycle"))
    await cluster.create(CLAIM, claim())
    await cluster.one(CLAIM, "data", is_in("Bound"))
    await cluster.client.delete(CLAIM, "data", NS)
    failed = await cluster.one(VOLUME, "disk", is_in("Failed"))
    assert failed["status"]["message"] == "Recycle failed: old recycler pod found, will retry later"
    await cluster.one(POD, "recycler-for-disk", is_in("Running"), "default")
    failure = {"status": {"phase": "Failed", "message": "DeadlineExceeded"}}
    await cluster.client.patch(POD, "recycler-for-disk", failure, "default", subresource="status")
    await cluster.gone(POD, "recycler-for-disk", "default")
    assert is_in("Failed")(await cluster.client.get(VOLUME, "disk"))


async def test_a_deleted_volume_takes_its_directory_along(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "pv" / "sub").mkdir(parents=True)
    delete: Object = {"persistentVolumeReclaimPolicy": "Delete"}
    await cluster.create(
        VOLUME, {**volume(), "spec": {**volume(**delete)["spec"], "hostPath": {"path": f"{tmp_path}/pv"}}}
    )
    await cluster.create(VOLUME, volume("elsewhere", storageClassName="other", **delete))
    for name, of_class in (("data", ""), ("other", "other")):
        await cluster.create(CLAIM, claim(name, storageClassName=of_class))
        await cluster.one(CLAIM, name, is_in("Bound"))
        await cluster.client.delete(CLAIM, name, NS)
    await cluster.gone(VOLUME, "disk")
    assert not (tmp_path / "pv").exists()
    failed = await cluster.one(VOLUME, "elsewhere", is_in("Failed"))
    assert failed["status"]["message"].startswith("host_path deleter only supports /tmp/.+")


class Killed(BaseException):
    """What no code of the controller catches."""


class Mortal(LocalTransport):
    """A transport that lets some writes of volumes and claims through, and none after them."""

    writes = 0

    async def request(self, method: str, path: str, **options: Any) -> Object:
        if method == "PUT":
            if not self.writes:
                raise Killed
            self.writes -= 1
        return await super().request(method, path, **options)


@asynccontextmanager
async def binder(server: APIServer, clock: VirtualClock, writes: int) -> AsyncIterator[asyncio.Task[None]]:
    """A binder of its own, which dies with its first write too many."""
    client = Client(Mortal(server.app, service_account("kube-system", "persistent-volume-binder")))
    client.transport.writes = writes  # type: ignore[attr-defined]
    informers = Informers(server.local_client(), sleep=clock.sleep)
    context = ControllerContext(client, informers, clock, discovery=Discovery(client, informers, clock))

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            informers.run(group)
            group.create_task(VolumeBinder(context).run())

    task = asyncio.create_task(run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, BaseExceptionGroup):
            await task


@pytest.mark.parametrize("writes", range(5))
async def test_a_binding_goes_on_where_it_was_killed(writes: int) -> None:
    clock = VirtualClock()
    server = APIServer(APIServerConfig(store=MemoryStore(), service_account_key=signing_key(), now=clock.now))
    await server.start()
    try:
        client = server.local_client()
        await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})
        await client.create(VOLUME, volume())
        await client.patch(VOLUME, "disk", {"status": {"phase": "Available"}}, subresource="status")
        await client.create(CLAIM, claim())
        async with binder(server, clock, writes):
            await settle(1000)
        has = await client.get(CLAIM, "data", NS)
        assert is_in("Bound")(has) == (writes >= 4)
        async with binder(server, clock, 4 - min(writes, 4)):
            await settle(1000)
        has, bound = await client.get(CLAIM, "data", NS), await client.get(VOLUME, "disk")
        assert (has["status"]["phase"], bound["status"]["phase"]) == ("Bound", "Bound")
        assert bound["spec"]["claimRef"]["uid"] == has["metadata"]["uid"]
    finally:
        await server.stop(0)
