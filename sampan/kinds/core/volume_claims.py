"""What PersistentVolumes and the claims on them share: access modes, classes, sizes.

Rules and texts: k8s.io/kubernetes/pkg/apis/core/validation and pkg/apis/core/helper.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sampan.kinds.checks import Errors
from sampan.machinery import quantity
from sampan.machinery.meta import Object, annotations_of, is_deleting
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, forbidden, invalid, not_supported

CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"  # before 1.6; what counts where both are given
CLASS_WARNING = 'deprecated since v1.8; use "storageClassName" attribute instead'
VOLUME_MODES = ("Block", "Filesystem")
UNSET = "<unset>"
_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_ALONE = "ReadWriteOncePod"


def validate_access_modes(modes: Sequence[str], path: Path) -> Errors:
    """Known modes; that of a single pod excludes the others."""
    for mode in modes:
        if mode not in _MODES:
            yield not_supported(path, mode, sorted(_MODES))
    if _ALONE in modes and set(modes) & set(_MODES) - {_ALONE}:
        yield forbidden(path, "may not use ReadWriteOncePod with other access modes")


def positive_amount(amount: str, path: Path) -> Errors:
    """A size above zero."""
    if quantity.compare(amount, "0") <= 0:
        yield invalid(path, amount, "must be greater than zero")


def basic_amount(amount: str, path: Path) -> Errors:
    """A size of at least zero."""
    if (value := quantity.value(amount)) < 0:
        yield invalid(path, value, "must be a valid resource quantity")


def short_modes(modes: Iterable[str] | None) -> str:
    """Access modes as kubectl prints them: RWO,ROX."""
    given = set(modes or ())
    return ",".join(short for mode, short in _MODES.items() if mode in given)


def class_of(obj: Object) -> str:
    """The StorageClass of a volume or claim, "" for none."""
    annotations = annotations_of(obj)
    if CLASS_ANNOTATION in annotations:
        return annotations[CLASS_ANNOTATION]
    return str(get_path(obj, ("spec", "storageClassName"), ""))


def phase(obj: Object, now: datetime) -> str:
    """The phase of a volume or claim as it is printed."""
    return "Terminating" if is_deleting(obj) else str(get_path(obj, ("status", "phase"), ""))


def spec_cell(field: str, obj: Object) -> str:
    """A field of the spec that may be missing."""
    found = get_path(obj, ("spec", field))
    return UNSET if found is None else str(found)
