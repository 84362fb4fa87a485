"""The form of EndpointSlices, and spreading endpoints over them with as few writes as possible. Pure.

Used by endpoint_slice.py and endpoint_slice_mirroring.py. Rules: docs, EndpointSlices, "Distribution of
EndpointSlices": slices that have to change anyway are filled first; others are touched only for what is left, and
never rebalanced.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sampan.controllers.service_pods import TRIGGER_TIME
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.meta import Object, annotations_of, controller_ref, labels_of

MAX_ENDPOINTS = 100  # per slice, as --max-endpoints-per-slice

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"


Place = tuple[str, tuple[tuple[str, Any, str, str], ...]]  # address type and ports: what a slice is for


@dataclass(frozen=True, slots=True)
class Plan:
    """Whole slices to write."""

    create: list[Object] = field(default_factory=list)
    update: list[Object] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)


def port_key(ports: Iterable[Object]) -> tuple[tuple[str, Any, str, str], ...]:
    """The ports of a slice in an order of their own, as part of a Place."""
    found = ((p.get("name") or "", p.get("port"), p.get("protocol", "TCP"), p.get("appProtocol") or "") for p in ports)
    return tuple(sorted(found, key=str))


def place_of(one: Object) -> Place:
    """What a slice is for."""
    return one["addressType"], port_key(one.get("ports") or ())


@dataclass(frozen=True, slots=True)
class Form:
    """What the slices of one owner look like, whatever is in them."""

    owner: Object  # Service or Endpoints
    labels: Mapping[str, str]
    annotations: dict[str, str]

    def make(self, place: Place, endpoints: list[Object]) -> Object:
        """A new slice, to be named by the API server."""
        family, ports = place
        meta = self.owner["metadata"]
        return {
            "apiVersion": ENDPOINT_SLICE.api_version,
            "kind": ENDPOINT_SLICE.name,
            "metadata": {
                "generateName": f"{meta['name']}-",
                "namespace": meta["namespace"],
                "labels": self.labels,
                "annotations": self.annotations,
                "ownerReferences": [controller_ref(self.owner)],
            },
            "addressType": family,
            "endpoints": endpoints,
            "ports": [_port(*port) for port in ports],
        }

    def remake(self, one: Object, endpoints: list[Object]) -> Object:
        """A slice that is there with other endpoints, and with annotations of others left alone."""
        notes = {name: value for name, value in annotations_of(one).items() if name != TRIGGER_TIME}
        meta = {**one["metadata"], "labels": self.labels, "annotations": notes | self.annotations}
        return {**one, "metadata": meta, "endpoints": endpoints}

    def fits(self, one: Object) -> bool:
        """Whether a slice has this form; when its endpoints changed does not matter."""
        notes = annotations_of(one)
        same = all(notes.get(name) == value for name, value in self.annotations.items() if name != TRIGGER_TIME)
        return same and labels_of(one) == self.labels


def _port(name: str, number: Any, protocol: str, application: str) -> Object:
    port = {"name": name, "port": number, "protocol": protocol}  # an unnamed port is written as ""
    return port | ({"appProtocol": application} if application else {})


def plan_place(made: Plan, form: Form, place: Place, there: Sequence[Object], wanted: Sequence[Object]) -> None:
    """Add to a plan what gives one place the wanted endpoints; nothing wanted takes all its slices away."""
    spreading = spread(there, wanted)
    made.delete.extend(spreading.delete)
    made.create.extend(form.make(place, endpoints) for endpoints in spreading.create)
    made.update.extend(form.remake(one, endpoints) for one, endpoints in spreading.update)
    made.update.extend(form.remake(one, one["endpoints"]) for one in spreading.keep if not form.fits(one))


@dataclass(slots=True)
class Spread:
    """How endpoints are spread over the slices of one place."""

    create: list[list[Object]] = field(default_factory=list)  # endpoints of each new slice
    update: list[tuple[Object, list[Object]]] = field(default_factory=list)  # a slice and its new endpoints
    delete: list[Object] = field(default_factory=list)
    keep: list[Object] = field(default_factory=list)


def identity(endpoint: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two endpoints the same one, whose conditions may change."""
    target = endpoint.get("targetRef") or {}
    return (tuple(endpoint["addresses"]), endpoint.get("hostname"), target.get("uid"), target.get("name"))


def spread(existing: Sequence[Object], wanted: Sequence[Object], limit: int = MAX_ENDPOINTS) -> Spread:
    """Spread the wanted endpoints over the slices of one place, and new ones."""
    left = {identity(endpoint): endpoint for endpoint in wanted}
    plan = Spread()
    for one in existing:
        old = one.get("endpoints") or []
        new = [left.pop(name) for name in map(identity, old) if name in left]
        if new and (new == old or new == list(map(_unhinted, old))):
            plan.keep.append(one)
        elif new or (left and not plan.update):
            plan.update.append((one, new))
        else:
            plan.delete.append(one)
    _place(plan, list(left.values()), limit)
    return plan


def _unhinted(endpoint: Object) -> Object:
    """Hints come later: by how many endpoints there are, not by what this one is (slice_hints/)."""
    return {name: value for name, value in endpoint.items() if name != "hints"}


def _place(plan: Spread, new: list[Object], limit: int) -> None:
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


def _place_rest(plan: Spread, new: list[Object], limit: int) -> None:
    fitting = [one for one in plan.keep if len(one["endpoints"]) + len(new) <= limit]
    if not fitting:
        plan.create.append(new)
        return
    fullest = max(fitting, key=lambda one: len(one["endpoints"]))
    plan.keep.remove(fullest)
    plan.update.append((fullest, [*fullest["endpoints"], *new]))
