"""DefaultStorageClass: a claim that says nothing of a class gets the default one.

Rule: docs, Storage Classes, "Default StorageClass".
"""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.services import Services
from sampan.kinds.core.volume_claims import CLASS_ANNOTATION
from sampan.kinds.default_class import default_class
from sampan.kinds.storage.storage_class import DEFAULT_MARKS
from sampan.kinds.storage.storage_class import KIND as STORAGE_CLASS
from sampan.machinery.meta import annotations_of


def mutate(services: Services, admission: Admission) -> None:
    """Set storageClassName; an empty name is a wish for none."""
    claim = admission.new
    spec = claim.setdefault("spec", {})
    if spec.get("storageClassName") is not None or CLASS_ANNOTATION in annotations_of(claim):
        return
    if name := default_class(services.all(STORAGE_CLASS), DEFAULT_MARKS):
        spec["storageClassName"] = name
