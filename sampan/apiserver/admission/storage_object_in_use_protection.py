"""StorageObjectInUseProtection: volumes, claims and classes of attributes are made with what keeps them while in use.

That is a finalizer; the controllers pv_protection, pvc_protection and vac_protection take it off. Rule: docs,
Persistent Volumes, "Storage Object in Use Protection".
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.services import Services

_FINALIZERS = {
    "persistentvolumes": "kubernetes.io/pv-protection",
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "volumeattributesclasses": "kubernetes.io/vac-protection",
}


def mutate(services: Services, admission: Admission) -> None:
    """Put the finalizer on."""
    meta, finalizer = admission.new["metadata"], _FINALIZERS[admission.kind.plural]
    found = meta.get("finalizers") or []
    if finalizer not in found:
        meta["finalizers"] = [*found, finalizer]
