"""Where the claims of a pod lead, and local volumes."""

import os
from pathlib import Path
from typing import Any

import pytest

from sampan.kinds.core.volume_matching import claim_ref
from sampan.kubelet.volumes.claims import Claims, is_read_only
from sampan.kubelet.volumes.content import VolumeError
from sampan.kubelet.volumes.local import prepare_local
from sampan.machinery.errors import NotFound
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.tree import deep_copy
from tests.kubelet.pods import pod

USING: Object = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}


def claim(name: str = "c", **changes: Any) -> Object:
    meta = {"name": name, "namespace": "default", "uid": "1", "resourceVersion": "1", **changes.pop("metadata", {})}
    return {"metadata": meta, "spec": {"volumeName": "pv"}, "status": {"phase": "Bound"}, **changes}


def volume(of: Object, **source: Any) -> Object:
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "claimRef": claim_ref(of), **source}
    return {"metadata": {"name": "pv"}, "spec": spec}


class Known:
    """A client that knows some objects."""

    def __init__(self, *objects: Object) -> None:
        self._objects = {obj["metadata"]["name"]: obj for obj in objects}
        self.asked = 0

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object:
        self.asked += 1
        if name not in self._objects:
            raise NotFound.of(kind.plural, kind.group, name)
        return self._objects[name]


def claims(*objects: Object) -> tuple[Claims, Known]:
    known = Known(*objects)
    return Claims(known), known  # type: ignore[arg-type]


async def test_a_claim_leads_to_the_source_of_its_volume() -> None:
    found, known = claims(claim(), volume(claim(), local={"path": "/x"}, mountOptions=["ro"]))
    user = pod(volumes=[USING, {"name": "w", "emptyDir": {}}])
    await found.resolve(user)
    assert found.resolved(user, USING) == {"name": "v", "local": {"path": "/x"}}
    assert found.resolved(user, user["spec"]["volumes"][1]) == {"name": "w", "emptyDir": {}}
    await found.resolve(user)
    assert known.asked == 2  # it leads to the same for as long as the pod is there
    found.forget(user["metadata"]["uid"])
    with pytest.raises(VolumeError):
        found.resolved(user, USING)


@pytest.mark.parametrize(
    ("objects", "problem"),
    [
        ([], 'failed to fetch PVC from API server: persistentvolumeclaims "c" not found'),
        ([claim(status={"phase": "Pending"})], "PVC is not bound"),
        ([claim(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})], "PVC is being deleted"),
        ([claim()], 'failed to fetch PV from API server: persistentvolumes "pv" not found'),
        ([claim(), volume(claim(metadata={"uid": "2"}), local={"path": "/etc"})], "PVC is not bound"),
    ],
)
async def test_what_is_not_bound_both_ways_is_not_mounted(objects: list[Object], problem: str) -> None:
    found, _ = claims(*objects)
    with pytest.raises(VolumeError) as error:
        await found.resolve(pod(volumes=[USING]))
    assert str(error.value) == f"error processing PVC default/c: {problem}"


async def test_an_ephemeral_claim_has_to_be_the_pods_own() -> None:
    user = pod(volumes=[{"name": "v", "ephemeral": {"volumeClaimTemplate": {}}}])
    name = f"{user['metadata']['name']}-v"
    found, _ = claims(claim(name), volume(claim(name), local={"path": "/x"}))
    with pytest.raises(VolumeError, match="pod is not owner"):
        await found.resolve(user)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": user["metadata"]["uid"], "controller": True}
    owned = claim(name, metadata={"ownerReferences": [owner]})
    found, _ = claims(owned, volume(owned, local={"path": "/x"}))
    await found.resolve(user)


def test_a_pod_may_want_to_read_only() -> None:
    reading = deep_copy(USING)
    reading["persistentVolumeClaim"]["readOnly"] = True
    assert is_read_only(reading) and not is_read_only(USING) and not is_read_only({"name": "v", "emptyDir": {}})


def test_a_local_volume_is_given_to_the_group_and_links_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "below").mkdir(parents=True)
    for file in (root / "below" / "file", outside):
        file.touch(mode=0o600)
    (root / "link").symlink_to(outside)
    prepare_local(root, os.getgid(), "Always")
    assert (root / "below").stat().st_mode & 0o2770 == 0o2770
    assert (root / "below" / "file").stat().st_mode & 0o777 == 0o660
    assert outside.stat().st_mode & 0o777 == 0o600


def test_by_policy_what_is_right_at_the_root_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o600)
    prepare_local(tmp_path, os.getgid(), "OnRootMismatch")
    file.chmod(0o600)
    prepare_local(tmp_path, os.getgid(), "OnRootMismatch")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_local_volume_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="does not exist"):
        prepare_local(tmp_path / "x", None, "Always")
    (tmp_path / "file").touch()
    with pytest.raises(VolumeError, match="is not a directory"):
        prepare_local(tmp_path / "file", None, "Always")
