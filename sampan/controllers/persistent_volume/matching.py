"""Which volume the binder gives a claim. Pure; called by claim.py and free_volumes.py.

What fits is in kinds/core/volume_matching.py, for the scheduler goes by it, too. Here alone, volumes with fewer access
modes go first, even before one with more that is kept for the claim: that is the order of upstream's
persistentVolumeOrderedIndex.
"""

from collections.abc import Iterable
from itertools import groupby

from sampan.kinds.core.claim_validation import ATTRIBUTES, STORAGE
from sampan.kinds.core.volume_claims import class_of
from sampan.kinds.core.volume_matching import has_modes, matching_volume, same_volume_mode
from sampan.machinery import quantity
from sampan.machinery.meta import Object, is_deleting
from sampan.machinery.tree import get_path


def best_match(claim: Object, volumes: Iterable[Object], *, only_kept: bool) -> Object | None:
    """The volume that a claim shall have; with `only_kept` (the scheduler decides) only one that is kept for it."""
    order = sorted(
        (one for one in volumes if has_modes(one, claim)), key=lambda one: (_modes(one), one["metadata"]["name"])
    )
    groups = (matching_volume(claim, list(group), only_reserved=only_kept) for _, group in groupby(order, _modes))
    return next((found for found in groups if found is not None), None)


def fits(volume: Object, claim: Object) -> bool:
    """Whether a claim could get a volume."""
    return best_match(claim, [volume], only_kept=False) is not None


def mismatch(volume: Object, claim: Object) -> str:
    """Why a claim can't have the volume that it names; empty where it can."""
    if is_deleting(volume):
        return f'the volume is marked for deletion "{volume["metadata"]["name"]}"'
    if _bytes(volume, ("spec", "capacity", "storage")) < _bytes(claim, ("spec", *STORAGE)):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if (volume["spec"].get(ATTRIBUTES) or "") != (claim["spec"].get(ATTRIBUTES) or ""):
        return "volumeAttributesClassName does not match"
    if not same_volume_mode(volume, claim):
        return "incompatible volumeMode"
    return "" if has_modes(volume, claim) else "incompatible accessMode"


def _modes(volume: Object) -> int:
    return len(set(volume["spec"].get("accessModes") or ()))


def _bytes(obj: Object, path: tuple[str, ...]) -> int:
    return quantity.value(get_path(obj, path, "0"))
