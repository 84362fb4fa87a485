"""StorageObjectInUseProtection: volumes and claims are made with the finalizer that keeps them while they are used.

The controllers pv_protection and pvc_protection take it off. Rule: docs, Persistent Volumes, "Storage Object in Use
Protection".
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.services import Services

_FINALIZERS = {
    "persistentvolumes": "kubernetes.io/pv-protection",
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
}


def mutate(services: Services, admission: Admission) -> None:
    """Put the finalizer on."""
    meta, finalizer = admission.new["metadata"], _FINALIZERS[admission.kind.plural]
    found = meta.get("finalizers") or []
    if finalizer not in found:
        meta["finalizers"] = [*found, finalizer]
