"""What v1beta1 and v1alpha3 had otherwise: requests had no `exactly`, devices were `basic`, capacities plain numbers.

Upstream: k8s.io/kubernetes/pkg/apis/resource/v1beta1 (conversion, defaults); k8s.io/api/resource/v1alpha3 before 1.34.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sampan.kinds.resource.requests import default_request
from sampan.machinery.defaulting import DefaultFunction, FieldDefaults
from sampan.machinery.kind import Conversion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Schema

_OLD, _ALPHA = "io.k8s.api.resource.v1beta1.", "io.k8s.api.resource.v1alpha3."
ALPHA_SLICE_DEFINITION = _ALPHA + "ResourceSlice"
_OWN = ("name", "firstAvailable")  # of a request, beside what moved into `exactly`
_POINTERS = ("nodeName", "allNodes")  # of a slice: once plain values, so that empty ones were none

_Change = Callable[[Object], Object]


def define(known: Schema) -> None:
    """Add the types of v1alpha3, whose capacities were quantities."""
    known.derive(_ALPHA + "BasicDevice", _OLD + "BasicDevice", {"capacity": "{}quantity"})
    known.derive(_ALPHA + "Device", _OLD + "Device", {"basic": _ALPHA + "BasicDevice"})
    devices = known.definition(_OLD + "ResourceSliceSpec").fields["devices"]
    assert devices.items
    fields = {"devices": replace(devices, items=replace(devices.items, ref=_ALPHA + "Device"))}
    known.derive(_ALPHA + "ResourceSliceSpec", _OLD + "ResourceSliceSpec", fields)
    known.derive(ALPHA_SLICE_DEFINITION, _OLD + "ResourceSlice", {"spec": _ALPHA + "ResourceSliceSpec"})


def _default_request(request: Object) -> None:
    """A request that names no class has choices instead, which have defaults of their own."""
    if request.get("deviceClassName"):
        default_request(request)


DEFAULTS: FieldDefaults = {_OLD + "DeviceToleration": {"operator": "Equal"}}
DEFAULT_FUNCTIONS: Mapping[str, DefaultFunction] = {
    _OLD + "DeviceRequest": _default_request,
    _OLD + "DeviceSubRequest": default_request,
}


def claim_spec_to_v1(spec: Object) -> Object:
    """The spec of a claim with what is asked for in `exactly`."""
    return _requests(spec, _nested)


def claim_spec_from_v1(spec: Object) -> Object:
    """The other way round."""
    return _requests(spec, _flat)


def _requests(spec: Object, change: _Change) -> Object:
    devices = spec.get("devices") or {}
    if not (requests := devices.get("requests")):
        return spec
    return {**spec, "devices": {**devices, "requests": list(map(change, requests))}}


def _nested(request: Object) -> Object:
    """Whatever is set besides the choices makes it an exact request; validation judges it."""
    asked = {field: value for field, value in request.items() if field not in _OWN}
    own = {field: value for field, value in request.items() if field in _OWN}
    said = any(value is not None if field in _KEPT_EMPTY else value for field, value in asked.items())
    return {**own, "exactly": asked} if said else own


_KEPT_EMPTY = ("adminAccess", "selectors", "tolerations", "capacity", "derivedAttributes")  # of which none differs


def _flat(request: Object) -> Object:
    own = {field: value for field, value in request.items() if field != "exactly"}
    return {**own, "deviceClassName": "", **(request.get("exactly") or {})}


def _slice(device: _Change, *, to_v1: bool) -> _Change:
    def convert(resource_slice: Object) -> Object:
        spec = resource_slice.get("spec") or {}
        made = {field: value for field, value in spec.items() if not (to_v1 and field in _POINTERS and not value)}
        if spec.get("devices"):
            made["devices"] = list(map(device, spec["devices"]))
        return {**resource_slice, "spec": made}

    return convert


def _without_basic(device: Object) -> Object:
    return {"name": device.get("name") or "", **(device.get("basic") or {})}


def _with_basic(device: Object) -> Object:
    return {"name": device["name"], "basic": {field: value for field, value in device.items() if field != "name"}}


def _capacities(device: Object, change: Callable[[Any], Any]) -> Object:
    if not (capacities := device.get("capacity")):
        return device
    return {**device, "capacity": {name: change(capacity) for name, capacity in capacities.items()}}


def _from_alpha(device: Object) -> Object:
    return _capacities(_without_basic(device), lambda amount: {"value": amount})


def _to_alpha(device: Object) -> Object:
    return _with_basic(_capacities(device, lambda capacity: capacity["value"]))


SLICE = Conversion(_slice(_without_basic, to_v1=True), _slice(_with_basic, to_v1=False))
ALPHA_SLICE = Conversion(_slice(_from_alpha, to_v1=True), _slice(_to_alpha, to_v1=False))
