"""Keeping an object that is in use: a finalizer that stays until nobody uses it. Pure.

Called by pvc_protection.py, pv_protection.py and vac_protection.py; admission (StorageObjectInUseProtection) puts the
finalizer on.
"""

from sampan.machinery.meta import Object, is_deleting
from sampan.machinery.tree import REMOVED, with_changes


def wants_decision(obj: Object, finalizer: str) -> bool:
    """Whether the object is on its way out and only kept, or not protected though it should be."""
    return is_deleting(obj) == (finalizer in _finalizers(obj))


def protected(obj: Object, finalizer: str) -> Object:
    """The object with the finalizer."""
    return with_changes(obj, {("metadata", "finalizers"): [*_finalizers(obj), finalizer]})


def released(obj: Object, finalizer: str) -> Object:
    """The object without the finalizer."""
    left = [name for name in _finalizers(obj) if name != finalizer]
    return with_changes(obj, {("metadata", "finalizers"): left or REMOVED})


def _finalizers(obj: Object) -> list[str]:
    return list(obj["metadata"].get("finalizers") or ())
