"""What is next for a claim. Pure; called by controller.py.

Rules: upstream's syncClaim, syncUnboundClaim and syncBoundClaim, with their events; KEP-3333 (the default class comes
to claims that are there already).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sampan.controllers.persistent_volume.binding import bind, with_status
from sampan.controllers.persistent_volume.matching import best_match, mismatch
from sampan.controllers.persistent_volume.migration import marked_claim
from sampan.controllers.persistent_volume.provisioning import provision
from sampan.controllers.persistent_volume.step import NOTHING, Step, Told, Write, tell
from sampan.kinds.core.persistent_volume_claim import KIND as CLAIM
from sampan.kinds.core.volume_claims import CLASS_ANNOTATION, class_of
from sampan.kinds.core.volume_matching import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    SELECTED_NODE,
    is_volume_of,
    waits_for_consumer,
)
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import get_path, with_changes
from sampan.reconcile.events import NORMAL, WARNING


@dataclass(frozen=True, slots=True)
class View:
    """What there is besides the claim."""

    volume: Callable[[str], Object | None]  # by name
    candidates: Callable[[Object], Iterable[Object]]  # the volumes among which there may be one for the claim
    storage_class: Callable[[str], Object | None]
    default_class: Callable[[], str]  # "" where there is none
    waiting_pods: Callable[[Object], Sequence[str]]  # the names of pods with the claim that are on no node yet


def plan_claim(claim: Object, view: View) -> Step:
    """The next step for a claim, however far it has come."""
    if (marked := marked_claim(claim)) is not claim:
        return Step(Write(CLAIM, marked), again=True)
    if BIND_COMPLETED in annotations_of(claim):
        return _bound(claim, view)
    if name := claim["spec"].get("volumeName"):
        return _asking_for(claim, view.volume(name))
    return _unbound(claim, view)


def is_delayed(claim: Object, view: View) -> bool:
    """Whether the scheduler decides which volume it is, once there is a pod: WaitForFirstConsumer."""
    name = class_of(claim)
    return waits_for_consumer(view.storage_class(name)) if name else False


def is_pending(claim: Object) -> bool:
    """Whether a claim has no volume, and names none."""
    return BIND_COMPLETED not in annotations_of(claim) and not claim["spec"].get("volumeName")


def _unbound(claim: Object, view: View) -> Step:
    delayed = is_delayed(claim, view)
    volume = best_match(claim, view.candidates(claim), only_kept=delayed)
    if volume is not None:
        return bind(volume, claim)
    if not _has_class(claim) and (name := view.default_class()):
        return Step(Write(CLAIM, with_changes(claim, {("spec", "storageClassName"): name})), again=True)
    if delayed and SELECTED_NODE not in annotations_of(claim):
        return _pending(claim, _waits(claim, view.waiting_pods(claim)))
    if name := class_of(claim):
        return provision(claim, name, view.storage_class(name))
    told = "no persistent volumes available for this claim and no storage class is set"
    return _pending(claim, tell(claim, NORMAL, "FailedBinding", told))


def _has_class(claim: Object) -> bool:
    """Whether a class was asked for, be it none ("")."""
    return CLASS_ANNOTATION in annotations_of(claim) or claim["spec"].get("storageClassName") is not None


def _waits(claim: Object, pods: Sequence[str]) -> Told:
    if not pods:
        told = "waiting for first consumer to be created before binding"
        return tell(claim, NORMAL, "WaitForFirstConsumer", told)
    noun = "pods" if len(pods) > 1 else "pod"
    return tell(claim, NORMAL, "WaitForPodScheduled", f"waiting for {noun} {','.join(pods)} to be scheduled")


def _asking_for(claim: Object, volume: Object | None) -> Step:
    """For a claim that names the volume it wants."""
    if volume is None:
        return _pending(claim)
    name = volume["metadata"]["name"]
    if get_path(volume, ("spec", "claimRef")) is None:
        if wrong := mismatch(volume, claim):
            why = f'Cannot bind to requested volume "{name}": {wrong}'
            return _pending(claim, tell(claim, WARNING, "VolumeMismatch", why))
        return bind(volume, claim)
    if is_volume_of(volume, claim):
        return bind(volume, claim)
    told = tell(claim, WARNING, "FailedBinding", f'volume "{name}" already bound to a different claim.')
    # Where we named the volume, somebody has taken off the mark of the binding: nothing is touched.
    return Step(told=(told,)) if BOUND_BY_CONTROLLER in annotations_of(claim) else _pending(claim, told)


def _bound(claim: Object, view: View) -> Step:
    """For a claim that had its volume before."""
    name = claim["spec"].get("volumeName")
    if not name:
        told = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
        return _lost(claim, "ClaimLost", told)
    volume = view.volume(name)
    if volume is None:
        return _lost(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
    ref = get_path(volume, ("spec", "claimRef"))
    if ref is None or ref.get("uid") == claim["metadata"]["uid"]:
        return bind(volume, claim)
    told = "Two claims are bound to the same volume, this one is bound incorrectly"
    return _lost(claim, "ClaimMisbound", told)


def _pending(claim: Object, *told: Told) -> Step:
    return Step(with_status(claim, "Pending", None), told)


def _lost(claim: Object, reason: str, message: str) -> Step:
    """Said once: when the phase changes."""
    if get_path(claim, ("status", "phase")) == "Lost":
        return NOTHING
    return Step(with_status(claim, "Lost", None), (tell(claim, WARNING, reason, message),))
