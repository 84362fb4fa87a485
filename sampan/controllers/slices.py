"""Spreading endpoints over EndpointSlices with as few writes as possible. Pure.

Used by endpoint_slice.py and endpoint_slice_mirroring.py. Rules: docs, EndpointSlices, "Distribution of
EndpointSlices": slices that have to change anyway are filled first; others are touched only for what is left, and
never rebalanced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sampan.machinery.meta import Object

MAX_ENDPOINTS = 100  # per slice, as --max-endpoints-per-slice

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"


@dataclass(slots=True)
class SlicePlan:
    """What to write."""

    create: list[list[Object]] = field(default_factory=list)  # endpoints of each new slice
    update: list[tuple[Object, list[Object]]] = field(default_factory=list)  # a slice and its new endpoints
    delete: list[Object] = field(default_factory=list)
    keep: list[Object] = field(default_factory=list)


def identity(endpoint: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two endpoints the same one, whose conditions may change."""
    target = endpoint.get("targetRef") or {}
    return (tuple(endpoint["addresses"]), endpoint.get("hostname"), target.get("uid"), target.get("name"))


def spread(existing: Sequence[Object], wanted: Sequence[Object], limit: int = MAX_ENDPOINTS) -> SlicePlan:
    """Slices of one address type and one set of ports, so that together they hold the wanted endpoints."""
    left = {identity(endpoint): endpoint for endpoint in wanted}
    plan = SlicePlan()
    for one in existing:
        old = one.get("endpoints") or []
        new = [left.pop(name) for name in map(identity, old) if name in left]
        if new == old and new:
            plan.keep.append(one)
        elif new or (left and not plan.update):
            plan.update.append((one, new))
        else:
            plan.delete.append(one)
    _place(plan, list(left.values()), limit)
    return plan


def _place(plan: SlicePlan, new: list[Object], limit: int) -> None:
    """First where there is a write anyway, then whole slices, then where the rest fits best."""
    for _, endpoints in plan.update:
        room = max(0, limit - len(endpoints))
        endpoints += new[:room]
        del new[:room]
    plan.delete += [one for one, endpoints in plan.update if not endpoints]
    plan.update = [(one, endpoints) for one, endpoints in plan.update if endpoints]
    while len(new) >= limit:
        plan.create.append(new[:limit])
        del new[:limit]
    if new:
        _place_rest(plan, new, limit)


def _place_rest(plan: SlicePlan, new: list[Object], limit: int) -> None:
    fitting = [one for one in plan.keep if len(one["endpoints"]) + len(new) <= limit]
    if not fitting:
        plan.create.append(new)
        return
    fullest = max(fitting, key=lambda one: len(one["endpoints"]))
    plan.keep.remove(fullest)
    plan.update.append((fullest, [*fullest["endpoints"], *new]))
