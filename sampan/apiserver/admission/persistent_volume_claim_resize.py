"""PersistentVolumeClaimResize: a claim grows only where its class says that it can; validation, only if it is bound.

Rules and messages: docs, Persistent Volumes, "Expanding Persistent Volumes Claims"; upstream's
plugin/pkg/admission/storage/persistentvolume/resize.
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.machinery.meta import Object
from sampan.machinery.quantity import parse
from sampan.machinery.tree import get_path

_UNSUPPORTED = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


def validate(services: Services, admission: Admission) -> None:
    """Raises Forbidden for a claim that can't grow."""
    new, old = admission.new, admission.old
    if old is None or _size(new) <= _size(old):
        return
    name = class_of(new)
    found = services.find(STORAGE_CLASS, "", name) if name and name == class_of(old) else None
    if found is None or not found.get("allowVolumeExpansion"):
        raise forbidden(admission, _UNSUPPORTED)


def _size(claim: Object) -> int:
    return parse(str(get_path(claim, ("spec", "resources", "requests", "storage"), "0"))).nano
