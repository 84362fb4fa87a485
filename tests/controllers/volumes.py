"""Volumes, claims and classes for tests of the controllers of storage, and a world of them without a server."""

from collections.abc import Sequence
from typing import Any

from sampan.controllers.persistent_volume.claim import View, plan_claim
from sampan.controllers.persistent_volume.step import Step, Write
from sampan.controllers.persistent_volume.volume import claim_key, plan_volume
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.machinery.errors import Conflict
from sampan.machinery.meta import Key, Object, key_of
from tests.controllers.cluster import NS

RWO, ROX, RWX = "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"
BY_US, COMPLETED = "pv.kubernetes.io/bound-by-controller", "pv.kubernetes.io/bind-completed"


def volume(name: str = "disk", size: str = "1Gi", *, phase: str = "Available", **spec: Any) -> Object:
    """A hostPath volume, not yet known to a server."""
    annotations = spec.pop("annotations", None)
    source = {} if any(one in spec for one in ("csi", "nfs", "local", "iscsi")) else {"hostPath": {"path": "/data"}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "1"}
        | ({"annotations": annotations} if annotations else {}),
        "spec": {
            "accessModes": [RWO],
            "capacity": {"storage": size},
            "persistentVolumeReclaimPolicy": "Retain",
            **source,
            **spec,
        },
        "status": {"phase": phase},
    }


def claim(name: str = "data", size: str = "1Gi", *, phase: str = "Pending", **spec: Any) -> Object:
    """A claim, not yet known to a server."""
    annotations = spec.pop("annotations", None)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NS, "uid": f"uid-{name}", "resourceVersion": "1"}
        | ({"annotations": annotations} if annotations else {}),
        "spec": {"accessModes": [RWO], "resources": {"requests": {"storage": size}}, **spec},
        "status": {"phase": phase},
    }


def ref(name: str = "data", *, uid: str | None = None) -> Object:
    """A claimRef to a claim; with `uid` "" it is only kept for it."""
    found = {"namespace": NS, "name": name, "uid": f"uid-{name}" if uid is None else uid}
    return {field: value for field, value in found.items() if value}


def storage_class(name: str = "fast", **fields: Any) -> Object:
    """A class of an external provisioner."""
    return {"metadata": {"name": name}, "provisioner": "example.com/disks", "volumeBindingMode": "Immediate", **fields}


def view(*volumes: Object, classes: Sequence[Object] = (), default: str = "", waiting_pods: Sequence[str] = ()) -> View:
    """What a plan for a claim sees."""
    by_name = {one["metadata"]["name"]: one for one in (*volumes, *classes)}
    return View(by_name.get, lambda claim: volumes, by_name.get, lambda: default, lambda claim: waiting_pods)


class World:
    """What a server stores, with its compare-and-swap; `copy` is what somebody sees who is then not told anything."""

    def __init__(self, *objects: Object) -> None:
        self.revision = 0
        self.volumes: dict[str, Object] = {}
        self.claims: dict[Key, Object] = {}
        for one in objects:
            self.put(one)

    def put(self, obj: Object) -> None:
        """Store without a condition."""
        self.revision += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        if obj["kind"] == "PersistentVolume":
            self.volumes[obj["metadata"]["name"]] = stored
        else:
            self.claims[key_of(obj)] = stored

    def copy(self) -> "World":
        """The same objects, which are never changed in place."""
        seen = World()
        seen.volumes, seen.claims = dict(self.volumes), dict(self.claims)
        return seen

    def take(self, write: Write) -> None:
        """As a server takes an update of the object or of its status; raises Conflict."""
        known = (
            self.volumes.get(write.obj["metadata"]["name"])
            if write.kind is VOLUME
            else self.claims.get(key_of(write.obj))
        )
        if known is None or known["metadata"]["resourceVersion"] != write.obj["metadata"]["resourceVersion"]:
            raise Conflict("somebody was faster")
        kept = ("spec", "metadata") if write.subresource else ("status",)
        self.put({**write.obj, **{field: known[field] for field in kept if field in known}})

    def places(self) -> list[Key]:
        """Of all that is there."""
        return [*self.claims, *(Key("", name) for name in self.volumes)]

    def plan(self, key: Key) -> Step:
        """The next step for an object."""
        if key.namespace:
            found = self.claims.get(key)
            return plan_claim(found, view(*self.volumes.values())) if found else Step()
        one = self.volumes.get(key.name)
        if one is None:
            return Step()
        names = claim_key(one)
        return plan_volume(one, self.claims.get(names) if names else None)
