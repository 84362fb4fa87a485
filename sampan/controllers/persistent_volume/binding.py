"""The four writes of a binding: the volume, its phase, the claim, its status; and taking a binding back. Pure.

Called by claim.py and volume.py. What is written already is not written again, so each call gives the first write that
is missing. Rules: upstream's bind and unbindVolume.
"""

from collections.abc import Iterator

from sampan.controllers.persistent_volume.marks import PRE_RESIZE_CAPACITY, YES, annotated
from sampan.controllers.persistent_volume.step import NOTHING, Step, Write
from sampan.kinds.core.persistent_volume import KIND as VOLUME
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.volume_matching import BIND_COMPLETED, BOUND_BY_CONTROLLER, claim_ref, is_volume_of
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.quantity import QuantityError, compare, parse
from sampan.machinery.tree import REMOVED, get_path, semantic_equal, with_changes


def bind(volume: Object, claim: Object) -> Step:
    """The next write that binds these two; nothing where they are bound."""
    write = next(_writes(volume, claim), None)
    return NOTHING if write is None else Step(write, again=True)


def _writes(volume: Object, claim: Object) -> Iterator[Write]:
    if (bound := _bound_volume(volume, claim)) is not volume:
        yield Write(VOLUME, bound)
    if write := with_phase(volume, "Bound"):
        yield write
    if (has := _bound_claim(claim, volume["metadata"]["name"])) is not claim:
        yield Write(CLAIM, has)
    if write := with_status(claim, "Bound", volume):
        yield write


def _bound_volume(volume: Object, claim: Object) -> Object:
    ref, meta = get_path(volume, ("spec", "claimRef"), {}), claim["metadata"]
    place = (ref.get("namespace"), ref.get("name"), ref.get("uid"))
    changed = volume
    if place != (meta["namespace"], meta["name"], meta["uid"]):
        changed = with_changes(changed, {("spec", "claimRef"): claim_ref(claim)})
    if not is_volume_of(volume, claim) and BOUND_BY_CONTROLLER not in annotations_of(volume):
        changed = annotated(changed, {BOUND_BY_CONTROLLER: YES})
    return changed


def _bound_claim(claim: Object, name: str) -> Object:
    marks, changed = annotations_of(claim), claim
    if claim["spec"].get("volumeName") != name:
        changed = with_changes(changed, {("spec", "volumeName"): name})
        if BOUND_BY_CONTROLLER not in marks:
            changed = annotated(changed, {BOUND_BY_CONTROLLER: YES})
    if BIND_COMPLETED not in marks:
        changed = annotated(changed, {BIND_COMPLETED: YES})
    return changed


def unbind(volume: Object) -> Step:
    """Take back a binding that came to nothing; a volume that its maker has kept for a claim stays kept for it."""
    if BOUND_BY_CONTROLLER in annotations_of(volume):
        free = annotated(with_changes(volume, {("spec", "claimRef"): REMOVED}), {BOUND_BY_CONTROLLER: None})
    else:
        free = with_changes(volume, {("spec", "claimRef", "uid"): REMOVED})
    return Step(Write(VOLUME, free), again=True)


def with_phase(volume: Object, phase: str, message: str = "") -> Write | None:
    """The write that brings a volume into a phase it is not in; the server says since when."""
    if get_path(volume, ("status", "phase")) == phase:
        return None
    changed = with_changes(volume, {("status", "phase"): phase, ("status", "message"): message or REMOVED})
    return Write(VOLUME, changed, "status")


def with_status(claim: Object, phase: str, volume: Object | None) -> Write | None:
    """The write of a claim's status, if it is not so: what it has is what its volume has."""
    before = claim.get("status") or {}
    status = {**before, "phase": phase}
    if volume is None:
        for field in ("accessModes", "capacity", "currentVolumeAttributesClassName"):
            status.pop(field, None)
    else:
        status["accessModes"] = volume["spec"].get("accessModes")
        # Of a claim that is bound already, what it has may differ: a file system grows after its device.
        if before.get("phase") != phase:
            status["capacity"] = _capacity(before, volume)
        if before.get("phase") == "Pending" and phase == "Bound":  # later the resizer says it
            status["currentVolumeAttributesClassName"] = volume["spec"].get("volumeAttributesClassName")
    if semantic_equal(status, before):
        return None
    said = {field: value for field, value in status.items() if value is not None}
    return Write(CLAIM, {**claim, "status": said}, "status")


def _capacity(before: Object, volume: Object) -> Object:
    capacity: Object = volume["spec"].get("capacity") or {}
    known: Object = before.get("capacity") or {}
    if PRE_RESIZE_CAPACITY in annotations_of(volume):
        return {**known, "storage": _readable(annotations_of(volume)[PRE_RESIZE_CAPACITY], capacity)}
    size = get_path(known, ("storage",))
    return known if size is not None and compare(size, capacity.get("storage", "0")) == 0 else capacity


def _readable(text: str, capacity: Object) -> str:
    """A size that somebody has written into an annotation, or that of the volume where it is none."""
    try:
        return str(parse(text))
    except QuantityError:
        return str(capacity.get("storage", "0"))
