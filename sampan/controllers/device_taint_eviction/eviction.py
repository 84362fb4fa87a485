"""When a pod is to be evicted, and by which rules. Pure; called by controller.py."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from sampan.controllers.device_taint_eviction.taints import Taint, leaves_at
from sampan.controllers.resource_claim.pods import ClaimOf, is_reserved, named, owns
from sampan.machinery.meta import Object

TaintsOf = Callable[[Object], Iterable[Taint]]  # of an allocated device


class Eviction(NamedTuple):
    """Since or from when, and the uids of the rules that are a reason."""

    when: datetime
    rules: frozenset[str]


def devices(claim: Object) -> list[Object]:
    """The devices that a claim has been given."""
    allocation = (claim.get("status") or {}).get("allocation") or {}
    return (allocation.get("devices") or {}).get("results") or []


def pod_eviction(pod: Object, claim_of: ClaimOf, taints_of: TaintsOf) -> Eviction | None:
    """The eviction of a pod; None where it may stay."""
    if not pod["spec"].get("nodeName"):
        return None
    found = [one for claim in _used(pod, claim_of) for one in _evictions(claim, taints_of)]
    rules = frozenset(one.rule for _, one in found if one.rule)
    return Eviction(min(when for when, _ in found), rules) if found else None


def _used(pod: Object, claim_of: ClaimOf) -> Iterable[Object]:
    """The claims that are reserved for the pod, and its own where they have to be."""
    for name, own in named(pod):
        claim = claim_of(name)
        if claim is not None and is_reserved(pod, claim) and (owns(pod, claim) or not own):
            yield claim


def _evictions(claim: Object, taints_of: TaintsOf) -> Iterable[tuple[datetime, Taint]]:
    for device in devices(claim):
        for one in taints_of(device):
            when = leaves_at(device, one.taint)
            if when is not None:
                yield when, one
