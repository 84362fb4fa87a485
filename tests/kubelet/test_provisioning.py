"""Directories of the node as volumes for claims."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sampan.apiserver.authentication.user import service_account
from sampan.client.api import Client
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.volume_matching import EXTERNAL_FINALIZER, PROVISIONED_BY, PROVISIONER, SELECTED_NODE
from sampan.kinds.rbac.cluster_role import KIND as CLUSTER_ROLE
from sampan.kinds.rbac.cluster_role_binding import KIND as CLUSTER_ROLE_BINDING
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.kubelet.provisioning.objects import ACCOUNT, CLASS, provisioner_objects
from sampan.kubelet.provisioning.plan import NAME, Fate, fate, is_asked, volume_for
from sampan.kubelet.provisioning.provisioner import provision
from sampan.machinery.meta import Object
from sampan.machinery.tree import REMOVED, with_changes
from sampan.reconcile.clock import SystemClock
from tests.apiserver.harness import running

NODE = "here"
WAITING: Object = {"metadata": {"name": "standard"}, "volumeBindingMode": "WaitForFirstConsumer"}
AT_ONCE: Object = {"metadata": {"name": "standard"}, "volumeBindingMode": "Immediate"}


def claim(node: str = NODE, **spec: Any) -> Object:
    marks = {PROVISIONER: NAME} | ({SELECTED_NODE: node} if node else {})
    meta = {"name": "c", "namespace": "default", "uid": "1", "resourceVersion": "1", "annotations": marks}
    size = {"requests": {"storage": "1Gi"}}
    return {"metadata": meta, "spec": {"accessModes": ["ReadWriteOnce"], "resources": size, **spec}}


@pytest.mark.parametrize(
    ("one", "storage_class", "asked"),
    [
        (claim(), WAITING, True),
        (claim("elsewhere"), WAITING, False),
        (claim(""), WAITING, False),
        (claim(""), AT_ONCE, True),
        (claim(volumeName="v"), WAITING, False),
        (with_changes(claim(), {("metadata", "annotations", PROVISIONER): "other"}), WAITING, False),
        (with_changes(claim(), {("metadata", "deletionTimestamp"): "2026-01-01T00:00:00Z"}), WAITING, False),
    ],
)
def test_which_claims_are_this_nodes(one: Object, storage_class: Object, asked: bool) -> None:
    assert is_asked(one, storage_class, NODE) is asked


def made(policy: str = "Delete", **changes: Any) -> Object:
    volume = volume_for(claim(), WAITING | {"reclaimPolicy": policy}, NODE, Path("/v"))
    return with_changes(volume, {tuple(path.split(".")): value for path, value in changes.items()})


RELEASED: Any = {"status.phase": "Released"}
GOING: Any = {"metadata.deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (made(), Fate.KEEP),
        (made(**RELEASED), Fate.DELETE),
        (made("Retain", **RELEASED), Fate.KEEP),
        (made(**GOING), Fate.REMOVE),
        (made("Retain", **GOING), Fate.LET_GO),
        (made(**GOING, **{"metadata.finalizers": ["kubernetes.io/pv-protection", EXTERNAL_FINALIZER]}), Fate.NOTHING),
        (made(**GOING, **{"spec.local": {"path": "/etc"}}), Fate.NOTHING),
        (made(**GOING, **{"metadata.name": "../etc"}), Fate.NOTHING),
        (made(**GOING, **{"spec.nodeAffinity": REMOVED}), Fate.NOTHING),
        (made(**GOING, **{"metadata.annotations": {PROVISIONED_BY: "other"}}), Fate.NOTHING),
    ],
)
def test_what_becomes_of_a_volume(volume: Object, expected: Fate) -> None:
    assert fate(volume, NODE, Path("/v")) is expected


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Of an administrator, while the provisioner works with its own rights."""
    async with running() as api, asyncio.TaskGroup() as group:
        client = api.server.local_client()
        for obj in provisioner_objects():
            kinds = {kind.name: kind for kind in (CLUSTER_ROLE, CLUSTER_ROLE_BINDING, STORAGE_CLASS)}
            if kind := kinds.get(obj["kind"]):
                await client.create(kind, obj)
        own = api.server.local_client(service_account("kube-system", ACCOUNT))
        task = group.create_task(provision(own, SystemClock(), NODE, tmp_path))
        yield client
        task.cancel()


def new(claim: Object) -> Object:
    """As a client would create it."""
    return with_changes(claim, {("metadata", field): REMOVED for field in ("uid", "resourceVersion")})


async def until(client: Client, kind: Any, wanted: Any) -> Object:
    async with asyncio.timeout(20), client.watch(kind, resource_version="0") as events:
        async for event in events:
            if wanted(event.type, event.object):
                return event.object
    raise AssertionError("the watch ended")


async def test_a_directory_comes_and_goes_with_its_claim(client: Client, tmp_path: Path) -> None:
    asking = claim(storageClassName=CLASS)
    asked = await client.create(
        CLAIM, with_changes(asking, {("metadata", "uid"): REMOVED, ("metadata", "resourceVersion"): REMOVED})
    )
    volume = await until(client, VOLUME, lambda type_, obj: True)
    name = f"pvc-{asked['metadata']['uid']}"
    assert (volume["metadata"]["name"], volume["spec"]["claimRef"]["uid"]) == (name, asked["metadata"]["uid"])
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o777
    await until(client, EVENT, lambda type_, obj: obj["reason"] == "ProvisioningSucceeded")
    (tmp_path / name / "file").touch()
    finalizers = {"metadata": {"finalizers": [EXTERNAL_FINALIZER]}}
    await client.patch(VOLUME, name, finalizers)  # what protects it is the business of others
    await client.patch(VOLUME, name, {"status": {"phase": "Released"}}, subresource="status")
    await until(client, VOLUME, lambda type_, obj: type_ == "DELETED")
    assert not (tmp_path / name).exists()


async def test_what_is_not_provided_is_said(client: Client) -> None:
    asking = claim(storageClassName=CLASS, volumeMode="Block")
    await client.create(
        CLAIM, with_changes(asking, {("metadata", "uid"): REMOVED, ("metadata", "resourceVersion"): REMOVED})
    )
    told = await until(client, EVENT, lambda type_, obj: obj["reason"] == "ProvisioningFailed")
    assert told["message"] == (
        'failed to provision volume with StorageClass "standard": block volumes are not provided'
    )
    assert not (await client.list(VOLUME)).items
