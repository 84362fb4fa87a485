"""Hints in EndpointSlices: which zones or nodes had best use an endpoint. Pure; endpoint_slice.py calls `add_hints`.

Either by `spec.trafficDistribution` of the Service (traffic.py) or, where it is annotated so, in proportion to the CPUs
of each zone (topology.py). What becomes of hints is the proxies' business. Rules: KEP-2433, KEP-3015, KEP-4444; docs,
Service, "Traffic distribution", and "Topology Aware Routing".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sampan.controllers.slice_hints import topology, traffic
from sampan.controllers.slice_hints.family import Family
from sampan.controllers.slices import Plan
from sampan.machinery.meta import Object
from sampan.reconcile.events import WARNING, PlannedEvent

wants_topology = topology.is_wanted


@dataclass(frozen=True, slots=True)
class Hinted:
    """A plan with hints, what to tell of it, and whether zones have their share of the endpoints now."""

    plan: Plan
    events: tuple[PlannedEvent, ...]
    shared: bool


def add_hints(
    service: Object, made: Plan, existing: Iterable[Object], shares: Mapping[str, float], *, shared: bool
) -> Hinted:
    """Give the slices of a plan, and of `existing` those that need it, their hints.

    `shares` are those of zones.py; `shared` is what was answered for this Service before.
    """
    events: list[PlannedEvent] = []
    hinted = Plan(delete=made.delete)
    for family in _families(made, existing):
        told: list[PlannedEvent] = []
        if topology.is_wanted(service):
            family, told, shared = topology.hint(family, shares, shared=shared)
        else:
            told = [_given_up(family)] if shared else []
            family, shared = traffic.hint(family, service["spec"].get("trafficDistribution") or ""), False
        hinted.create.extend(family.create)
        hinted.update.extend(family.update)
        events += told
    return Hinted(hinted, tuple(events), shared)


def _families(made: Plan, existing: Iterable[Object]) -> Iterable[Family]:
    touched = {one["metadata"]["name"] for one in (*made.update, *made.delete)}
    left = [one for one in existing if one["metadata"]["name"] not in touched]
    for name in sorted({one["addressType"] for one in (*made.create, *made.update, *left)}):
        groups = ([one for one in group if one["addressType"] == name] for group in (made.create, made.update, left))
        yield Family(name, *groups)


def _given_up(family: Family) -> PlannedEvent:
    return PlannedEvent(WARNING, topology.DISABLED, family.told("Topology Aware Hints has been disabled"))
