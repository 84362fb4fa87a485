"""What becomes of a claim whose pods come to their end. Pure; called by controller.py.

A claim that nobody uses any more loses its devices, so that the next pod may run elsewhere; one that was made for a pod
goes. Only what ceases to be used is deallocated: who allocates need not reserve at the same time.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sampan.kinds.resource.names import CLAIM_FINALIZER
from sampan.machinery.meta import Object, controller_of, is_deleting


@dataclass(frozen=True, slots=True)
class Release:
    """What to write, in this order."""

    status: Object | None = None  # the new status
    unprotect: bool = False  # take the finalizer away
    unused: bool = False  # it is reserved for nobody


def pods_of(claim: Object) -> list[Object]:
    """The pods that a claim is reserved for."""
    return [one for one in _reserved(claim) if not one.get("apiGroup") and one.get("resource") == "pods"]


def release(claim: Object, gone: Collection[str]) -> Release:
    """`gone` are the uids of pods that need it no more. Who else it is reserved for is not ours to judge."""
    status, pods = claim.get("status") or {}, {one["uid"] for one in pods_of(claim)}
    left = [one for one in _reserved(claim) if one["uid"] not in gone or one["uid"] not in pods]
    protected = CLAIM_FINALIZER in (claim["metadata"].get("finalizers") or ())
    if len(left) < len(_reserved(claim)):
        kept = _without(status, "allocation") if protected and not left else status
        unprotect = protected and kept.get("allocation") is None
        return Release({**kept, "reservedFor": left}, unprotect, unused=not left)
    if protected and is_deleting(claim) and not left:
        allocated = status.get("allocation") is not None
        return Release(_without(status, "allocation") if allocated else None, unprotect=True, unused=True)
    return Release(unused=not left)


def owner_of(claim: Object) -> tuple[str, str] | None:
    """Name and uid of the pod that a claim was made for."""
    owner = controller_of(claim)
    if owner is None or (owner.api_version, owner.kind) != ("v1", "Pod"):
        return None
    return owner.name, owner.uid


def _reserved(claim: Object) -> list[Object]:
    return (claim.get("status") or {}).get("reservedFor") or []


def _without(status: Object, field: str) -> Object:
    return {name: value for name, value in status.items() if name != field}
