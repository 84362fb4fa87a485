"""Which volume fits a claim. Pure; called by claim.py, and by whoever asks whether a new volume matters to a claim.

A volume with fewer access modes goes first, then one that is kept for the claim, then the smallest. (So a volume that
is kept for the claim loses to one with fewer access modes that is not; that is upstream's order.)
Rules: docs, Persistent Volumes, "Binding", "Selector", "Volume Mode"; component-helpers' FindMatchingVolume.
"""

from collections.abc import Callable, Iterable

from sampan.kinds.core.volume_claims import class_of
from sampan.machinery.meta import Object, is_deleting, labels_of
from sampan.machinery.quantity import parse
from sampan.machinery.selectors import from_label_selector
from sampan.machinery.tree import get_path

_VOLUME_ATTRIBUTES = ("spec", "volumeAttributesClassName")


def best_match(claim: Object, volumes: Iterable[Object], *, only_kept: bool) -> Object | None:
    """The volume that a claim shall have; with `only_kept` (the scheduler decides) only one that is kept for it."""
    is_free = _free_for(claim)
    found = [
        volume
        for volume in volumes
        if _suits(volume, claim) and (is_kept_for(volume, claim) or (not only_kept and is_free(volume)))
    ]
    return min(found, key=lambda volume: _order(volume, claim), default=None)


def fits(volume: Object, claim: Object) -> bool:
    """Whether a claim could get a volume."""
    return best_match(claim, [volume], only_kept=False) is not None


def is_kept_for(volume: Object, claim: Object) -> bool:
    """Whether the volume names the claim: by its name, and by its uid where that is given."""
    ref, meta = get_path(volume, ("spec", "claimRef")), claim["metadata"]
    if ref is None or (ref.get("namespace"), ref.get("name")) != (meta["namespace"], meta["name"]):
        return False
    return not ref.get("uid") or ref["uid"] == meta["uid"]


def mismatch(volume: Object, claim: Object) -> str:
    """Why a claim can't have the volume that it names; empty where it can."""
    if is_deleting(volume):
        return f'the volume is marked for deletion "{volume["metadata"]["name"]}"'
    if parse(_size(volume)).value() < parse(_wanted(claim)).value():
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if _attributes(volume) != _attributes(claim):
        return "volumeAttributesClassName does not match"
    if not same_mode(volume, claim):
        return "incompatible volumeMode"
    return "" if _modes(claim) <= _modes(volume) else "incompatible accessMode"


def same_mode(volume: Object, claim: Object) -> bool:
    """Whether both are files, or both are blocks."""
    return _volume_mode(volume) == _volume_mode(claim)


def _suits(volume: Object, claim: Object) -> bool:
    """What even a volume has to be that is kept for the claim; its class need not be the claim's."""
    return (
        not is_deleting(volume)
        and _modes(claim) <= _modes(volume)
        and parse(_size(volume)).nano >= parse(_wanted(claim)).nano
        and same_mode(volume, claim)
        and _attributes(volume) == _attributes(claim)
    )


def _free_for(claim: Object) -> Callable[[Object], bool]:
    wanted, selector = class_of(claim), claim["spec"].get("selector")
    matches = from_label_selector(selector).matches if selector is not None else None

    def is_free(volume: Object) -> bool:
        return (
            get_path(volume, ("spec", "claimRef")) is None
            and get_path(volume, ("status", "phase")) == "Available"
            and class_of(volume) == wanted
            and (matches is None or matches(labels_of(volume)))
        )

    return is_free


def _order(volume: Object, claim: Object) -> tuple[int, bool, int, str]:
    size = parse(_size(volume)).nano
    return len(_modes(volume)), not is_kept_for(volume, claim), size, volume["metadata"]["name"]


def _modes(obj: Object) -> set[str]:
    return set(obj["spec"].get("accessModes") or ())


def _size(volume: Object) -> str:
    return str(get_path(volume, ("spec", "capacity", "storage"), "0"))


def _wanted(claim: Object) -> str:
    return str(get_path(claim, ("spec", "resources", "requests", "storage"), "0"))


def _volume_mode(obj: Object) -> str:
    return str(obj["spec"].get("volumeMode") or "Filesystem")


def _attributes(obj: Object) -> str:
    return str(get_path(obj, _VOLUME_ATTRIBUTES, ""))
