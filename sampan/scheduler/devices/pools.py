"""Pools of devices as ResourceSlices tell of them, and what of a pool a node reaches.

Of a pool only the slices of its newest generation count. One whose slices are not all there yet is incomplete, one that
contradicts itself is invalid: nothing of either is given away. Pure; store.py keeps pools up to date, allocator.py
picks from them. Upstream: dynamic-resource-allocation structured (GatherPools).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from sampan.kinds.core.node_selectors import any_term
from sampan.machinery import quantity
from sampan.machinery.meta import Object

Counters = Mapping[tuple[str, str], int]  # by counter set and name, in units of 10^-9
NodeFields = tuple[str, Mapping[str, str]]  # name and labels


class PoolId(NamedTuple):
    """The text is what messages have."""

    driver: str
    pool: str

    def __str__(self) -> str:
        return f"{self.driver}/{self.pool}"


class DeviceId(NamedTuple):
    """The text is what messages have."""

    driver: str
    pool: str
    device: str

    def __str__(self) -> str:
        return f"{self.driver}/{self.pool}/{self.device}"


class Device:
    """One device of a slice. `taints` has those of rules too."""

    __slots__ = ("__weakref__", "consumes", "id", "object", "slice", "taints")

    def __init__(self, slice_: Object, device: Object, taints: Iterable[Object] = ()) -> None:
        spec = slice_["spec"]
        self.id = DeviceId(spec["driver"], spec["pool"]["name"], device["name"])
        self.object = device
        self.slice = slice_
        self.taints = (*(device.get("taints") or ()), *taints)
        self.consumes = _counters(device.get("consumesCounters"), "counterSet")

    def __repr__(self) -> str:
        return f"Device({self.id})"

    @property
    def place(self) -> Object:
        """What says which nodes reach it: nodeName, nodeSelector, allNodes."""
        spec: Object = self.slice["spec"]
        return self.object if spec.get("perDeviceNodeSelection") else spec


class Slice:
    """A ResourceSlice and its devices."""

    __slots__ = ("counters", "devices", "object", "per_device")

    def __init__(self, slice_: Object, devices: Sequence[Device]) -> None:
        self.object = slice_
        self.devices = devices
        self.per_device = bool(slice_["spec"].get("perDeviceNodeSelection"))
        self.counters = _counters(slice_["spec"].get("sharedCounters"), "name")

    def reached(self, node: NodeFields) -> Sequence[Device]:
        """The devices that a node reaches."""
        if self.per_device:
            return [device for device in self.devices if reaches(device.object, node)]
        return self.devices if reaches(self.object["spec"], node) else ()


@dataclass(frozen=True)
class Pool:
    """The slices of its newest generation. `problem` is why nothing may be taken from it: "" for nothing."""

    id: PoolId
    slices: Sequence[Slice]
    problem: str = ""
    counters: Counters = field(default_factory=dict)

    @cached_property
    def devices(self) -> Sequence[Device]:
        """All of them, whichever node reaches them."""
        return [device for one in self.slices for device in one.devices]

    def reached(self, node: NodeFields) -> Sequence[Device]:
        """The devices that a node reaches, in upstream's order."""
        if len(self.slices) == 1:
            return self.slices[0].reached(node)
        return [device for one in self.slices for device in one.reached(node)]


INCOMPLETE, INVALID = "being updated", "invalid"


def pool_of(identity: PoolId, slices: Iterable[Slice]) -> Pool:
    """The pool that some slices make up, of which the old ones are left out."""
    found = list(slices)
    newest = max((_generation(one) for one in found), default=0)
    found = sorted((one for one in found if _generation(one) == newest), key=lambda one: one.object["metadata"]["name"])
    if not found or len(found) != found[0].object["spec"]["pool"].get("resourceSliceCount"):
        return Pool(identity, found, INCOMPLETE)
    counters = {name: amount for one in found for name, amount in one.counters.items()}
    return Pool(identity, found, INVALID if _contradicts_itself(found, counters) else "", counters)


def _generation(one: Slice) -> int:
    return one.object["spec"]["pool"].get("generation") or 0


def _contradicts_itself(slices: Sequence[Slice], counters: Counters) -> bool:
    """Names that are there twice, and counters that are not there."""
    names = [device.id for one in slices for device in one.devices]
    sets = [entry["name"] for one in slices for entry in one.object["spec"].get("sharedCounters") or ()]
    if len(set(names)) < len(names) or len(set(sets)) < len(sets):
        return True
    return any(device.consumes.keys() - counters.keys() for one in slices for device in one.devices)


def reaches(place: Object, node: NodeFields) -> bool:
    """Whether a node is one of those that a slice, or a device, names."""
    name, labels = node
    if place.get("nodeName"):
        return bool(place["nodeName"] == name)
    if place.get("allNodes"):
        return True
    selector = place.get("nodeSelector")
    return selector is not None and any_term(selector.get("nodeSelectorTerms") or (), labels, name)


def _counters(entries: Iterable[Mapping[str, Any]] | None, name: str) -> Counters:
    return {
        (entry[name], counter): quantity.parse(str(amount["value"])).nano
        for entry in entries or ()
        for counter, amount in (entry.get("counters") or {}).items()
    }
