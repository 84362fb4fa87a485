"""The status of a claim: which devices it got, who has reserved it, and what drivers tell of the devices.

Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from sampan.kinds.checks import Errors, each, repeated, supported
from sampan.kinds.cidrs import parse_cidr
from sampan.kinds.conditions import validate_conditions
from sampan.kinds.core.persistent_volume_sources import validate_driver_name
from sampan.kinds.core.scheduling_validation import validate_node_selector
from sampan.kinds.resource.bindings import validate_binding_conditions
from sampan.kinds.resource.configuration import validate_configuration, validate_json_object
from sampan.kinds.resource.names import device_name, pool_name, share_id
from sampan.kinds.resource.requests import MOST_CONFIGS, MOST_REQUESTS, reference, references, request_names
from sampan.kinds.resource.taints import validate_toleration
from sampan.machinery.meta import Object, is_deleting
from sampan.machinery.paths import too_many
from sampan.machinery.tree import get_path, semantic_equal
from sampan.machinery.validation import Path, duplicate, forbidden, invalid, required, too_long

_STATUS = Path("status")
_RESERVED = _STATUS.child("reservedFor")
_MOST_CONSUMERS, _MOST_CONDITIONS, _MOST_DATA = 256, 8, 10 * 1024
_MOST_ADDRESSES, _LONGEST_INTERFACE, _LONGEST_HARDWARE = 16, 256, 128
_SOURCES = ("FromClaim", "FromClass")


def device_id(device: Object) -> tuple[str, ...]:
    """What a device is known by in a claim: driver, pool, name, and the share of it if there are several."""
    return tuple(device.get(field) or "" for field in ("driver", "pool", "device", "shareID"))


def _results(claim: Object) -> list[Object]:
    return get_path(claim, ("status", "allocation", "devices", "results")) or []


def drop_deallocated(new: Object, old: Object) -> None:
    """What was told of devices that the claim has no longer goes with them."""
    gone = {device_id(result) for result in _results(old)} - {device_id(result) for result in _results(new)}
    status = new.get("status") or {}
    if devices := status.get("devices"):
        kept = [device for device in devices if device_id(device) not in gone]
        new["status"] = {**status, "devices": kept}
        if not kept:
            del new["status"]["devices"]


def validate_status(new: Object, old: Object) -> Errors:
    """A change of the status."""
    status, before = new.get("status") or {}, old.get("status") or {}
    names = request_names(new["spec"].get("devices") or {})
    yield from _consumers(status.get("reservedFor") or [], before.get("reservedFor") or [], new)
    allocated = {device_id(result) for result in _results(new)}
    yield from _devices(status.get("devices") or [], allocated)
    allocation, at = status.get("allocation"), _STATUS.child("allocation")
    if allocation is None:
        return
    if (known := before.get("allocation")) is not None:
        if not semantic_equal(allocation, known):
            yield invalid(at, allocation, "field is immutable")
        return
    yield from _allocation(allocation, names, at)


def _limited(items: Sequence[Any], most: int, path: Path) -> Errors:
    if len(items) > most:
        yield too_many(path, len(items), most)


def _repeated(keys: Iterable[Any], path: Path) -> Errors:
    for index, key in repeated(keys):
        yield duplicate(path.index(index), key if isinstance(key, str) else "/".join(filter(None, key)))


def _consumers(consumers: list[Object], before: list[Object], claim: Object) -> Errors:
    wrong = list(_limited(consumers, _MOST_CONSUMERS, _RESERVED))
    yield from wrong
    for index, consumer in enumerate(() if wrong else consumers):
        for field in ("resource", "name", "uid"):
            if not consumer.get(field):
                yield required(_RESERVED.index(index).child(field))
    yield from _repeated([consumer.get("uid") or "" for consumer in consumers], _RESERVED)
    if consumers and get_path(claim, ("status", "allocation")) is None:
        yield forbidden(_RESERVED, "may not be specified when `allocated` is not set")
    elif is_deleting(claim) and any(consumer not in before for consumer in consumers):
        detail = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
        yield forbidden(_RESERVED, detail)


def _devices(devices: list[Object], allocated: set[tuple[str, ...]]) -> Errors:
    path = _STATUS.child("devices")
    for index, device in enumerate(devices):
        yield from _device(device, allocated, path.index(index))
    yield from _repeated(map(device_id, devices), path)


def _device(device: Object, allocated: set[tuple[str, ...]], path: Path) -> Errors:
    yield from _identity(device, path)
    if device_id(device) not in allocated:
        yield invalid(path, "/".join(filter(None, device_id(device))), "must be an allocated device in the claim")
    conditions = device.get("conditions") or []
    yield from _limited(conditions, _MOST_CONDITIONS, path.child("conditions"))
    yield from validate_conditions(conditions, path.child("conditions"))
    if (data := device.get("data")) is not None:
        yield from validate_json_object(data, path.child("data"), _MOST_DATA)
    yield from _network(device.get("networkData") or {}, path.child("networkData"))


def _identity(device: Object, path: Path) -> Errors:
    yield from validate_driver_name(device.get("driver") or "", path.child("driver"))
    yield from pool_name(device.get("pool") or "", path.child("pool"))
    yield from device_name(device.get("device") or "", path.child("device"))
    yield from share_id(device.get("shareID"), path.child("shareID"))


def _network(data: Object, path: Path) -> Errors:
    for field, most in (("interfaceName", _LONGEST_INTERFACE), ("hardwareAddress", _LONGEST_HARDWARE)):
        if len((data.get(field) or "").encode(errors="replace")) > most:
            yield too_long(path.child(field), most)
    addresses, at = data.get("ips") or [], path.child("ips")
    wrong = list(_limited(addresses, _MOST_ADDRESSES, at))
    yield from wrong or each(at, addresses, _interface_address)
    yield from _repeated(addresses, at)


def _interface_address(text: str, path: Path) -> Errors:
    """An address with the length of its network, in its only form."""
    if (network := parse_cidr(text)) is None:
        yield invalid(path, text, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")
        return
    address = text.partition("/")[0]
    plain = address if ":" in address else ".".join(str(int(part)) for part in address.split("."))
    canonical = f"{ip_address(plain)}/{network.prefixlen}"
    if text != canonical:
        yield invalid(path, text, f'must be in canonical form ("{canonical}")')


def _allocation(allocation: Object, names: frozenset[str], path: Path) -> Errors:
    devices, at = allocation.get("devices") or {}, path.child("devices")

    def result(item: Object, path: Path) -> Errors:
        return _result(item, names, path)

    def config(item: Object, path: Path) -> Errors:
        return _config(item, names, path)

    for field, most, one in (("results", MOST_REQUESTS, result), ("config", 2 * MOST_CONFIGS, config)):
        items = devices.get(field) or []
        yield from list(_limited(items, most, at.child(field))) or each(at.child(field), items, one)
    if (selector := allocation.get("nodeSelector")) is not None:
        yield from validate_node_selector(selector, path.child("nodeSelector"))


def _result(result: Object, names: frozenset[str], path: Path) -> Iterator[Any]:
    yield from reference(result.get("request") or "", names, path.child("request"))
    yield from _identity(result, path)
    yield from validate_binding_conditions(result, path)
    yield from each(path.child("tolerations"), result.get("tolerations"), validate_toleration)


def _config(config: Object, names: frozenset[str], path: Path) -> Errors:
    if not (source := config.get("source")):
        yield required(path.child("source"))
    else:
        yield from supported(path.child("source"), source, _SOURCES)
    yield from references(config.get("requests"), names, path.child("requests"))
    yield from validate_configuration(config, path)
