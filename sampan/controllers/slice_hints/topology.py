"""Hints by the annotation service.kubernetes.io/topology-mode: each zone gets as many endpoints as it has CPUs.

Where that can't be done, there are no hints at all, and an event says why. Rules: KEP-2433; docs, "Topology Aware
Routing".
"""

from collections.abc import Mapping
from dataclasses import replace

from sampan.controllers.slice_hints.allocation import Impossible, Room, counted, rooms, zones_for
from sampan.controllers.slice_hints.family import Family, is_ready
from sampan.controllers.slice_hints.traffic import no_hints
from sampan.machinery.meta import Object, annotations_of
from sampan.reconcile.events import NORMAL, WARNING, PlannedEvent

MODE, DEPRECATED = "service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints"
ENABLED, DISABLED = "TopologyAwareHintsEnabled", "TopologyAwareHintsDisabled"
_NO_ZONE = "One or more endpoints do not have a zone specified"


def is_wanted(service: Object) -> bool:
    """Whether a Service is annotated so; the older name has precedence."""
    notes = annotations_of(service)
    return notes.get(DEPRECATED, notes.get(MODE)) in ("Auto", "auto")


def hint(family: Family, shares: Mapping[str, float], *, shared: bool) -> tuple[Family, list[PlannedEvent], bool]:
    """The family with hints, events, and whether it worked out; `shared` says that it did before."""
    try:
        made = _shared_out(family, shares)
    except Impossible as error:
        return family.hinted(no_hints), [PlannedEvent(WARNING, DISABLED, family.told(str(error)))], False
    enabled = PlannedEvent(NORMAL, ENABLED, family.told("Topology Aware Hints has been enabled"))
    return made, [] if shared else [enabled], True


def _shared_out(family: Family, shares: Mapping[str, float]) -> Family:
    """Raises Impossible."""
    slices = (*family.create, *family.update, *family.unchanged)
    room = rooms(shares, sum(len(_ready(one)) for one in slices))
    kept, taken = _kept(family, room)
    changing = [one for one in slices if one not in kept]
    endpoints = [endpoint for one in changing for endpoint in _ready(one)]
    if not all(endpoint.get("zone") for endpoint in endpoints):
        raise Impossible(_NO_ZONE)
    zones = zones_for([endpoint["zone"] for endpoint in endpoints], taken, room)
    hints = {id(endpoint): {"forZones": [{"name": zone}]} for endpoint, zone in zip(endpoints, zones, strict=True)}
    rest = [one for one in family.unchanged if one not in kept]
    made = replace(family, unchanged=rest).hinted(lambda endpoint: hints.get(id(endpoint), {}))
    return replace(made, unchanged=kept + made.unchanged)


def _kept(family: Family, room: Mapping[str, Room]) -> tuple[list[Object], dict[str, int]]:
    """The slices that can stay as they are, and how many endpoints they give each zone."""
    kept, taken = [], dict[str, int]()
    for one in family.unchanged:
        zones = counted(_ready(one), taken, room)
        if zones is not None:
            kept.append(one)
            taken |= {zone: taken.get(zone, 0) + number for zone, number in zones.items()}
    return kept, taken


def _ready(one: Object) -> list[Object]:
    return [endpoint for endpoint in one.get("endpoints") or () if is_ready(endpoint)]
