"""What may change in a pod once it exists: images, deadlines, more tolerations, fewer gates; the rest is fixed.

Rules: ValidatePodUpdate, and of ValidatePodStatusUpdate what is about nominated nodes. Resources change by the resize
subresource, ephemeral containers by theirs.
"""

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.core.scheduling_validation import validate_added_tolerations
from sampan.kinds.differences import differences
from sampan.machinery.meta import Object
from sampan.machinery.names import dns_subdomain
from sampan.machinery.tree import get_path, semantic_equal
from sampan.machinery.validation import Path, check, forbidden, invalid, required

_CHANGEABLE = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )
)
_NOMINATED = "nominatedNodeName"
_DEADLINE, _GRACE = "activeDeadlineSeconds", "terminationGracePeriodSeconds"


def validate_pod_update(new: Object, old: Object) -> Errors:
    """Everything about the spec; metadata has its own rules."""
    after, before = new["spec"], old["spec"]
    resized = [field for field in ("containers", "initContainers") if _count(after, field) != _count(before, field)]
    for field in resized:
        yield forbidden(SPEC.child(field), "pod updates may not add or remove containers")
    if resized:
        return
    yield from _images(after)
    deadline_errors = list(_deadline(after.get(_DEADLINE), before.get(_DEADLINE)))
    yield from deadline_errors
    if deadline_errors:
        return
    tolerations = SPEC.child("tolerations")
    yield from validate_added_tolerations(after.get("tolerations") or (), before.get("tolerations") or (), tolerations)
    yield from _gates(after, before)
    munged = _munged(after, before)
    if not semantic_equal(munged, before):
        changes = "\n".join(differences(before, munged))
        yield forbidden(SPEC, f"pod updates may not change fields other than {_CHANGEABLE}\n{changes}\n")


def validate_pod_status_update(new: Object, old: Object) -> Errors:
    """A node that a pod is nominated for can't be just anything, and a pod that has a node needs none."""
    nominated, before = (get_path(pod, ("status", _NOMINATED)) or "" for pod in (new, old))
    if not nominated or nominated == before:
        return
    path = Path("status").child(_NOMINATED)
    yield from check(path, nominated, dns_subdomain(nominated))
    if old["spec"].get("nodeName"):
        yield forbidden(path, "may not be set on pods that are already bound to a node")


def _count(spec: Object, field: str) -> int:
    return len(spec.get(field) or ())


def _images(spec: Object) -> Errors:
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            if not container.get("image"):
                yield required(SPEC.child(field).index(index).child("image"))


def _deadline(new: int | None, old: int | None) -> Errors:
    """May be set, and then only come nearer."""
    path = SPEC.child(_DEADLINE)
    if new is None:
        if old is not None:
            yield invalid(path, None, "must not update from a positive integer to nil value")
    elif not 0 <= new <= 2**31 - 1:
        yield invalid(path, new, "must be between 0 and 2147483647, inclusive")
    elif old is not None and old < new:
        yield invalid(path, new, "must be less than or equal to previous value")


def _gates(after: Object, before: Object) -> Errors:
    known = {gate.get("name") for gate in before.get("schedulingGates") or ()}
    for index, gate in enumerate(after.get("schedulingGates") or ()):
        if gate.get("name") not in known:
            detail = f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'"
            yield forbidden(SPEC.child("schedulingGates").index(index).child("name"), detail)


def _munged(after: Object, before: Object) -> Object:
    """The new spec with everything that may change as it was."""
    munged = {**after}
    for field in ("containers", "initContainers"):
        if after.get(field):
            pairs = zip(after[field], before[field], strict=True)
            munged[field] = [{**container, "image": old.get("image")} for container, old in pairs]
    gated = bool(before.get("schedulingGates"))
    for field in (_DEADLINE, "tolerations", "schedulingGates", *(("nodeSelector", "affinity") if gated else ())):
        _restore(munged, before, field)
    if before.get(_GRACE, 0) < 0 and after.get(_GRACE) == 1:
        _restore(munged, before, _GRACE)
    return munged


def _restore(munged: Object, before: Object, field: str) -> None:
    munged[field] = before.get(field)
