"""The names of annotations and finalizers that volumes and claims carry. Pure.

Provisioners, resizers and this controller tell each other by them what has been done; those that the scheduler writes,
too, are in kinds/core/volume_matching.py.
"""

from collections.abc import Mapping

from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import REMOVED, with_changes

MIGRATED_TO = "pv.kubernetes.io/migrated-to"  # the CSI driver that has taken over
BETA_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"
RESIZER = "volume.kubernetes.io/storage-resizer"
PRE_RESIZE_CAPACITY = "volume.alpha.kubernetes.io/pre-resize-capacity"  # on volumes whose file system has yet to grow
YES = "yes"

IN_TREE_FINALIZER = "kubernetes.io/pv-controller"


def annotated(obj: Object, changes: Mapping[str, str | None]) -> Object:
    """The object with some annotations set, or (given None) taken away."""
    found = {**annotations_of(obj)}
    for name, value in changes.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return with_changes(obj, {("metadata", "annotations"): found or REMOVED})
