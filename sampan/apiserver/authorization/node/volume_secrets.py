"""The Secrets that a PersistentVolume names and that its node needs to mount it.

Rules: k8s.io/kubernetes/pkg/api/v1/persistentvolume (VisitPVSecretNames); what only the controllers of a CSI driver
need is not among them.
"""

from collections.abc import Iterator
from typing import Any

from sampan.machinery.meta import Object

_OF_THE_CLAIM = ("cephfs", "flexVolume", "rbd", "scaleIO", "iscsi")  # where no namespace means the claim's
_OF_THEIR_OWN = ("cinder", "storageos")
_OF_NODES = ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef")


def secrets_of_volume(volume: Object) -> Iterator[tuple[str, str]]:
    """(namespace, name) of each."""
    return ((namespace, name) for namespace, name in _named(volume["spec"]) if name)


def _named(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    claimed = (spec.get("claimRef") or {}).get("namespace") or ""
    if azure := spec.get("azureFile"):
        yield azure.get("secretNamespace") or claimed, azure.get("secretName") or ""
    for source in (*_OF_THE_CLAIM, *_OF_THEIR_OWN):
        if ref := (spec.get(source) or {}).get("secretRef"):
            yield ref.get("namespace") or (claimed if source in _OF_THE_CLAIM else ""), ref.get("name") or ""
    for field in _OF_NODES:
        if ref := (spec.get("csi") or {}).get(field):
            yield ref.get("namespace") or "", ref.get("name") or ""
