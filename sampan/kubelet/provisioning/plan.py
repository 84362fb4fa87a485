"""Which volume a claim gets here, and what is to become of a volume. Pure.

The annotations are those by which provisioners, binder and scheduler know of each other. Rules: docs, Dynamic Volume
Provisioning; sigs.k8s.io/sig-storage-lib-external-provisioner.
"""

from enum import Enum
from pathlib import Path

from sampan.kinds.core.volume_matching import (
    EXTERNAL_FINALIZER,
    PROVISIONED_BY,
    PROVISIONER,
    SELECTED_NODE,
    claim_ref,
    waits_for_consumer,
)
from sampan.machinery.meta import Object, annotations_of, is_deleting
from sampan.machinery.tree import get_path

NAME = "sampan.io/local-path"  # of the provisioner, in StorageClasses
_HOSTNAME = "kubernetes.io/hostname"


class Fate(Enum):
    """What is to be done about a volume."""

    NOTHING = "nothing"
    KEEP = "see that the directory is there"
    DELETE = "delete the object: nobody claims it any more"
    REMOVE = "remove the directory and let the object go"
    LET_GO = "let the object go, and leave the directory to its owner"


def names_us(claim: Object) -> bool:
    """Whether a claim wants a volume of this provisioner, and has none."""
    asks = annotations_of(claim).get(PROVISIONER) == NAME
    return asks and not claim["spec"].get("volumeName") and not is_deleting(claim)


def is_asked(claim: Object, storage_class: Object | None, node: str) -> bool:
    """Whether a claim wants it on this node: selected for a pod, or, of a class that waits for none, on any node."""
    at_once = storage_class is not None and not waits_for_consumer(storage_class)
    return names_us(claim) and (annotations_of(claim).get(SELECTED_NODE) == node or at_once)


def problem(claim: Object, storage_class: Object | None) -> str:
    """Why a claim can't be served."""
    if storage_class is None:
        return "the StorageClass is gone"
    if claim["spec"].get("volumeMode") == "Block":
        return "block volumes are not provided"
    if claim["spec"].get("dataSource") or claim["spec"].get("dataSourceRef"):
        return "volumes with content are not provided"
    return "claim Selector is not supported" if claim["spec"].get("selector") else ""


def volume_for(claim: Object, storage_class: Object, node: str, directory: Path) -> Object:
    """The PersistentVolume for a claim: `directory`/pvc-UID on a node."""
    name, spec = f"pvc-{claim['metadata']['uid']}", claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: NAME}, "finalizers": [EXTERNAL_FINALIZER]},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy") or "Delete",
            "storageClassName": storage_class["metadata"]["name"],
            "volumeMode": "Filesystem",
            "claimRef": claim_ref(claim),
            "local": {"path": str(directory / name)},
            "nodeAffinity": _only_on(node),
        },
    }


def fate(volume: Object, node: str, directory: Path) -> Fate:
    """What a volume means to this node; anything that is not exactly what was made here is left alone."""
    name, spec = volume["metadata"]["name"], volume["spec"]
    own = get_path(spec, ("local", "path")) == str(directory / name) and spec.get("nodeAffinity") == _only_on(node)
    if annotations_of(volume).get(PROVISIONED_BY) != NAME or not own:
        return Fate.NOTHING
    goes = spec.get("persistentVolumeReclaimPolicy") == "Delete"
    if not is_deleting(volume):
        released = get_path(volume, ("status", "phase")) == "Released"
        return Fate.DELETE if released and goes else Fate.KEEP
    if volume["metadata"].get("finalizers") != [EXTERNAL_FINALIZER]:
        return Fate.NOTHING  # others still need it, or we have done our part
    return Fate.REMOVE if goes else Fate.LET_GO


def _only_on(node: str) -> Object:
    expression = {"key": _HOSTNAME, "operator": "In", "values": [node]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
