"""ResourceSlice: devices that a driver offers, part of a pool, and the nodes that reach them.

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation, registry/resource/resourceslice.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.core.persistent_volume_sources import validate_driver_name
from sampan.kinds.core.scheduling_validation import validate_node_selector
from sampan.kinds.resource import devices, v1beta1
from sampan.kinds.resource.names import DOMAIN, pool_name
from sampan.kinds.resource.requests import bounded
from sampan.kinds.resource.taints import default_time
from sampan.kinds.resource.versions import converted_versions
from sampan.machinery.kind import Column, Kind
from sampan.machinery.meta import Object
from sampan.machinery.names import dns_subdomain
from sampan.machinery.paths import too_many
from sampan.machinery.rules import Immutable, MaxItems, Unique, together
from sampan.machinery.tree import get_path
from sampan.machinery.validation import check, duplicate, invalid, required

_DEVICES, _SELECTOR = SPEC.child("devices"), SPEC.child("nodeSelector")
_MOST_DEVICES, _MOST_ADVANCED, _MOST_SETS = 128, 64, 8
_NODES = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"


def _prepare(resource_slice: Object) -> None:
    """Without the fields of features that are off by default."""
    for field in ("partitionTypeAttribute", "skipNodeOperations"):
        resource_slice["spec"].pop(field, None)
    for device in resource_slice["spec"].get("devices") or ():
        devices.drop_ungated(device)


def _stamp(new: Object, old: Object | None, now: datetime) -> None:
    for device in new["spec"].get("devices") or ():
        for taint in device.get("taints") or ():
            default_time(taint, now)


def _validate(resource_slice: Object, old: Object | None = None) -> Errors:
    spec = resource_slice["spec"]
    yield from validate_driver_name(spec.get("driver") or "", SPEC.child("driver"))
    yield from _pool(spec.get("pool") or {})
    yield from _nodes(spec)
    if spec.get("sharedCounters") is not None and spec.get("devices") is not None:
        yield invalid(SPEC, "", "only one of `sharedCounters` or `devices` is allowed")
    yield from _devices(spec, old["spec"] if old else {})
    for index, counters in enumerate(bounded(spec.get("sharedCounters"), _MOST_SETS)):
        yield from devices.validate_counters(counters, SPEC.child("sharedCounters").index(index))


def _pool(pool: Object) -> Errors:
    path, count, generation = SPEC.child("pool"), pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    yield from pool_name(pool.get("name") or "", path.child("name"))
    if count <= 0:
        yield invalid(path.child("resourceSliceCount"), count, "must be greater than zero")
    if generation < 0:
        yield invalid(path.child("generation"), generation, "must be greater than or equal to zero")


def _nodes(spec: Object) -> Errors:
    given = [f"`{field}`" for field in ("nodeName", "nodeSelector") if spec.get(field) not in (None, "")]
    if (name := spec.get("nodeName")) is not None:
        detail = "must be either unset or set to a non-empty string"
        path = SPEC.child("nodeName")
        yield from check(path, name, dns_subdomain(name)) if name else [invalid(path, name, detail)]
    if (selector := spec.get("nodeSelector")) is not None:
        yield from validate_node_selector(selector, _SELECTOR)
        if len(terms := selector.get("nodeSelectorTerms") or []) != 1:
            yield invalid(_SELECTOR.child("nodeSelectorTerms"), terms, "must have exactly one node selector term")
    for field in ("allNodes", "perDeviceNodeSelection"):
        if spec.get(field) is False:
            yield invalid(SPEC.child(field), False, "must be either unset or set to true")
        given += [f"`{field}`"] if spec.get(field) else []
    if not given:
        yield required(SPEC, _NODES)
    elif len(given) > 1:
        yield invalid(SPEC, f"{{{', '.join(given)}}}", f"{_NODES}, but multiple fields are set")


def _devices(spec: Object, old: Object) -> Errors:
    offered: list[Object] = spec.get("devices") or []
    most = _MOST_ADVANCED if any(map(devices.is_advanced, offered)) else _MOST_DEVICES
    if len(offered) > most:
        yield too_many(_DEVICES, len(offered), most)
        return
    before = {device.get("name"): device for device in reversed(old.get("devices") or ())}
    by_device, seen = bool(spec.get("perDeviceNodeSelection")), set()
    for index, device in enumerate(offered):
        name, path = device.get("name") or "", _DEVICES.index(index)
        yield from devices.validate_device(device, before.get(name), path, by_device)
        if name in seen:
            yield duplicate(path, name)
        seen.add(name)


def _warnings(resource_slice: Object) -> Iterator[str]:
    driver = resource_slice["spec"].get("driver") or ""
    if driver != driver.lower():
        yield f'spec.driver: driver names should be lowercase; "{driver}" contains uppercase characters'


def _field(*path: str) -> Callable[[Object], str]:
    return lambda resource_slice: str(get_path(resource_slice, ("spec", *path)) or "")


KIND = Kind(
    name="ResourceSlice",
    plural="resourceslices",
    versions=converted_versions("ResourceSlice", v1beta1.SLICE, v1beta1.ALPHA_SLICE_DEFINITION, v1beta1.ALPHA_SLICE),
    namespaced=False,
    columns=(
        NAME,
        Column("Node", text("spec", "nodeName"), description="The node that reaches the devices."),
        Column("Driver", text("spec", "driver"), description="Who offers them."),
        Column("Pool", text("spec", "pool", "name"), description="What they are part of."),
        AGE,
    ),
    prepare_create=_prepare,
    prepare_update=lambda new, old: _prepare(new),
    stamp=_stamp,
    rules=together(
        devices.RULES,
        {
            DOMAIN + "ResourceSliceSpec": {
                "driver": Immutable(),
                "nodeName": Immutable(),
                "sharedCounters": (MaxItems(_MOST_SETS), Unique("name")),
            },
            DOMAIN + "ResourcePool": {"name": Immutable()},
        },
    ),
    validate_create=_validate,
    validate_update=_validate,
    warnings=_warnings,
    selectable_fields={
        "spec.nodeName": _field("nodeName"),
        "spec.driver": _field("driver"),
        "spec.pool.name": _field("pool", "name"),
    },
    has_status=False,
    returns_deleted=True,
    definitions=v1beta1.define,
)
