"""A device as a driver offers it: attributes, capacities, counters that it uses up, and the nodes that reach it.

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation. Called by resource_slice.py.
"""

import re
from collections.abc import Mapping
from typing import Any

from sampan.kinds.checks import Errors, each
from sampan.kinds.core.scheduling_validation import validate_node_selector
from sampan.kinds.resource.bindings import validate_binding_conditions
from sampan.kinds.resource.capacity import validate_capacity
from sampan.kinds.resource.names import DOMAIN, device_name, qualified, shortened
from sampan.kinds.resource.requests import bounded
from sampan.kinds.resource.taints import TAINT_RULES, validate_taint
from sampan.machinery.meta import Object
from sampan.machinery.names import dns_label, dns_subdomain
from sampan.machinery.paths import too_many
from sampan.machinery.rules import FieldRules, Format, MaxItems, Required, Unique
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import Path, check, invalid, required, too_long

_MOST_NAMES, _MOST_TAINTS, _MOST_SETS, MOST_COUNTERS, _LONGEST_VALUE = 32, 16, 2, 32, 64
_VALUES = ("bool", "int", "string", "version")
_LISTS = ("bools", "ints", "strings", "versions")  # off by default (KEP-5491)
_NUMBER, _PRE, _BUILD = r"(0|[1-9]\d*)", r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)", r"[0-9a-zA-Z-]+"
_is_version = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRE}(\.{_PRE})*)?(\+{_BUILD}(\.{_BUILD})*)?", re.ASCII
).fullmatch
_NODES = (
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true "
    "in the ResourceSlice spec"
)
_NO_NODES = (
    "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true "
    "in the ResourceSlice spec"
)
_LABEL = (Required(), Format(dns_label))

RULES: FieldRules = {
    DOMAIN + "Device": {"consumesCounters": (MaxItems(_MOST_SETS), Unique("counterSet"))},
    DOMAIN + "DeviceCounterConsumption": {"counterSet": _LABEL, "counters": Required()},
    DOMAIN + "CounterSet": {"name": _LABEL, "counters": Required()},
    **TAINT_RULES,
}


def drop_ungated(device: Object) -> None:
    """What is off by default: lists of values, resources of nodes that a device uses up, groups of counters."""
    device.pop("nodeAllocatableResources", None)
    for consumption in device.get("consumesCounters") or ():
        consumption.pop("compatibilityGroups", None)
    for attribute in (device.get("attributes") or {}).values():
        for field in _LISTS:
            attribute.pop(field, None)


def is_advanced(device: Object) -> bool:
    """Whether it makes a slice so costly to allocate from that it may have fewer devices."""
    return bool(device.get("taints") or device.get("consumesCounters"))


def validate_device(device: Object, old: Object | None, path: Path, by_device: bool) -> Errors:
    """`old` is the device of that name in the slice before; `by_device`: whether each device has nodes of its own."""
    attributes, capacities = device.get("attributes") or {}, device.get("capacity") or {}
    yield from device_name(device.get("name") or "", path.child("name"))
    if (total := len(attributes) + len(capacities)) > _MOST_NAMES:
        yield invalid(path, total, f"the total number of attributes and capacities must not exceed {_MOST_NAMES}")
    yield from _named(attributes, path.child("attributes"), _attribute)
    shared = bool(device.get("allowMultipleAllocations"))
    if old is None or not semantic_equal(old.get("capacity"), capacities):
        yield from _named(capacities, path.child("capacity"), lambda item, at: validate_capacity(item, at, shared))
    taints, at = device.get("taints") or [], path.child("taints")
    if old is None or not semantic_equal(old.get("taints"), taints):
        if len(taints) > _MOST_TAINTS:
            yield too_many(at, len(taints), _MOST_TAINTS)
        yield from each(at, bounded(taints, _MOST_TAINTS), validate_taint)
    for index, used in enumerate(bounded(device.get("consumesCounters"), _MOST_SETS)):
        yield from validate_counters(used, path.child("consumesCounters").index(index))
    yield from _own_nodes(device, path) if by_device else _no_nodes(device, path)
    yield from validate_binding_conditions(device, path)


def _named(items: Mapping[str, Any], path: Path, one: Any) -> Errors:
    """Names are checked with the path of the map, as upstream does."""
    for name, item in items.items():
        yield from qualified(name, path)
        yield from one(item or {}, path.key(shortened(name)))


def _attribute(attribute: Object, path: Path) -> Errors:
    given = [field for field in _VALUES if attribute.get(field) is not None]
    for field in ("string", "version"):
        value = attribute.get(field)
        if field == "version" and value is not None and not _is_version(value):
            yield invalid(path.child(field), value, "must be a string compatible with semver.org spec 2.0.0")
        if value is not None and len(value.encode(errors="replace")) > _LONGEST_VALUE:
            yield too_long(path.child(field), _LONGEST_VALUE)
    if len(given) != 1:
        yield invalid(path, attribute if given else "", "exactly one value must be specified")


def validate_counters(counted: Object, path: Path) -> Errors:
    """The counters of a set, or those of one that a device uses up."""
    counters, at = counted.get("counters") or {}, path.child("counters")
    if len(counters) > MOST_COUNTERS:
        yield too_many(at, len(counters), MOST_COUNTERS)
        return
    for name in counters:
        yield from check(at, name, dns_label(name))


def _own_nodes(device: Object, path: Path) -> Errors:
    given = []
    if (name := device.get("nodeName")) is not None:
        if not name:
            yield invalid(path.child("nodeName"), name, "must not be empty")
        else:
            given.append("`nodeName`")
            yield from check(path.child("nodeName"), name, dns_subdomain(name))
    if (selector := device.get("nodeSelector")) is not None:
        given.append("`nodeSelector`")
        yield from validate_node_selector(selector, path.child("nodeSelector"))
    if device.get("allNodes") is False:
        yield invalid(path.child("allNodes"), False, "must be either unset or set to true")
    given += ["`allNodes`"] if device.get("allNodes") else []
    if not given:
        yield required(path, _NODES)
    elif len(given) > 1:
        yield invalid(path, f"{{{', '.join(given)}}}", _NODES)


def _no_nodes(device: Object, path: Path) -> Errors:
    if any(device.get(field) is not None for field in ("nodeName", "nodeSelector", "allNodes")):
        yield invalid(path, None, _NO_NODES)
