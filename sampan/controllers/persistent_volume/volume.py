"""What is next for a volume. Pure; called by controller.py.

Rules: docs, Persistent Volumes, "Reclaiming"; upstream's syncVolume.
"""

from sampan.controllers.persistent_volume.binding import unbind, with_phase
from sampan.controllers.persistent_volume.marks import MIGRATED_TO
from sampan.controllers.persistent_volume.migration import marked_volume
from sampan.controllers.persistent_volume.step import NOTHING, Step, Told, Write, tell
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.volume_matching import PROVISIONED_BY, same_volume_mode
from sampan.machinery.meta import Key, Object, annotations_of
from sampan.machinery.tree import get_path
from sampan.reconcile.events import WARNING

RETAIN, RECYCLE, DELETE = "Retain", "Recycle", "Delete"
_OVER = ("Released", "Failed")


def claim_key(volume: Object) -> Key | None:
    """The claim that a volume names."""
    ref = get_path(volume, ("spec", "claimRef"))
    return None if ref is None else Key(ref.get("namespace") or "", ref.get("name") or "")


def is_bound_to(volume: Object, claim: Object | None) -> bool:
    """Whether this claim, and not another one of its name, is the one that the volume names by its uid."""
    return claim is not None and bool(uid := claim_uid(volume)) and uid == claim["metadata"]["uid"]


def claim_uid(volume: Object) -> str:
    """The uid of the claim that a volume is bound to; empty where it is only kept for one."""
    return str(get_path(volume, ("spec", "claimRef", "uid"), ""))


def is_over(volume: Object) -> bool:
    """Whether it is known that the claim of a volume is gone."""
    return get_path(volume, ("status", "phase")) in _OVER


def policy_of(volume: Object) -> str:
    """What becomes of the volume once its claim is gone."""
    return str(volume["spec"].get("persistentVolumeReclaimPolicy") or "")


def is_released(volume: Object, claim: Object | None) -> bool:
    """Whether a volume that was bound is so no longer: its claim is gone, or has another volume."""
    if not claim_uid(volume):
        return False
    if claim is None or not is_bound_to(volume, claim):
        return True
    return claim["spec"].get("volumeName") not in (None, "", volume["metadata"]["name"])


def plan_volume(volume: Object, claim: Object | None) -> Step:
    """The next step for a volume, given the claim that it names, if there is one of that name."""
    if (marked := marked_volume(volume)) is not volume:
        return Step(Write(VOLUME, marked), again=True)
    if not claim_uid(volume):
        return Step(with_phase(volume, "Available"))
    if claim is None or not is_bound_to(volume, claim):
        return _release(volume)
    name = claim["spec"].get("volumeName")
    if not name:
        return _unfinished(volume, claim)
    if name == volume["metadata"]["name"]:
        return Step(with_phase(volume, "Bound"))
    if PROVISIONED_BY in annotations_of(volume) and policy_of(volume) == DELETE:
        return _release(volume)  # it was made for this claim, which doesn't need it
    return unbind(volume)


def _release(volume: Object) -> Step:
    """What has failed goes on to say so, while it is tried again."""
    if not is_over(volume):
        return Step(with_phase(volume, "Released"), again=True)
    if annotations_of(volume).get(MIGRATED_TO) or policy_of(volume) == RETAIN:
        return NOTHING
    if policy_of(volume) in (RECYCLE, DELETE):
        return Step(reclaim=True)
    return failed(volume, "VolumeUnknownReclaimPolicy", "Volume has unrecognized PersistentVolumeReclaimPolicy")


def failed(volume: Object, reason: str, message: str) -> Step:
    """The volume is Failed; told once, when the phase changes."""
    write = with_phase(volume, "Failed", message)
    return NOTHING if write is None else Step(write, (tell(volume, WARNING, reason, message),))


def _unfinished(volume: Object, claim: Object) -> Step:
    """The claim's turn, unless it never takes this volume."""
    if same_volume_mode(volume, claim):
        return NOTHING
    return Step(told=tuple(_mismatch(volume, claim)))


def _mismatch(volume: Object, claim: Object) -> tuple[Told, Told]:
    of_claim, of_volume = claim["metadata"]["name"], volume["metadata"]["name"]
    why = "due to incompatible volumeMode."
    to_volume = f'Cannot bind PersistentVolume to requested PersistentVolumeClaim "{of_claim}" {why}'
    to_claim = f'Cannot bind PersistentVolume "{of_volume}" to requested PersistentVolumeClaim {why}'
    return tell(volume, WARNING, "VolumeMismatch", to_volume), tell(claim, WARNING, "VolumeMismatch", to_claim)
