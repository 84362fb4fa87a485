"""The devices of a claim: what is requested, which constraints hold between requests, and how devices are configured.

ResourceClaim and ResourceClaimTemplate share it. Rules and texts: k8s.io/kubernetes/pkg/apis/resource/validation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sampan.kinds.checks import Errors, each
from sampan.kinds.resource.configuration import validate_configuration
from sampan.kinds.resource.names import DOMAIN, device_name, fully_qualified
from sampan.kinds.resource.selectors import MOST, validate_selectors
from sampan.kinds.resource.taints import TOLERATION_RULES, validate_toleration
from sampan.machinery.defaulting import DefaultFunction, FieldDefaults
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Format, MaxItems, Required, Unique
from sampan.machinery.validation import Path, check, dns_label, dns_subdomain, invalid, required

MOST_REQUESTS, MOST_CONFIGS = 32, 32
_MOST_CHOICES = 8
_MODES = ("All", "ExactCount")
_EXACTLY_ONE = "exactly one of `exactly` or `firstAvailable` is required"
_NO_ATTRIBUTE = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
_NO_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
_NAMED = (MaxItems(MOST_REQUESTS), Unique())

RULES: FieldRules = {
    DOMAIN + "DeviceClaim": {
        "requests": (MaxItems(MOST_REQUESTS), Unique("name")),
        "constraints": MaxItems(32),
        "config": MaxItems(MOST_CONFIGS),
    },
    DOMAIN + "DeviceRequest": {"firstAvailable": (MaxItems(_MOST_CHOICES), Unique("name"))},
    DOMAIN + "ExactDeviceRequest": {"selectors": MaxItems(MOST), "allocationMode": Enum(_MODES)},
    DOMAIN + "DeviceSubRequest": {
        "deviceClassName": (Required(), Format(dns_subdomain)),
        "selectors": MaxItems(MOST),
        "allocationMode": Enum(_MODES),
    },
    DOMAIN + "DeviceConstraint": {"requests": _NAMED},
    DOMAIN + "DeviceClaimConfiguration": {"requests": _NAMED},
    **TOLERATION_RULES,
}


def default_request(request: Object) -> None:
    """One device, unless something else is said."""
    mode = request["allocationMode"] = request.get("allocationMode") or "ExactCount"
    if mode == "ExactCount" and not request.get("count"):
        request["count"] = 1


DEFAULTS: FieldDefaults = {DOMAIN + "DeviceToleration": {"operator": "Equal"}}
DEFAULT_FUNCTIONS: Mapping[str, DefaultFunction] = {
    DOMAIN + "ExactDeviceRequest": default_request,
    DOMAIN + "DeviceSubRequest": default_request,
}


def drop_ungated(spec: Object) -> None:
    """Derived attributes are off by default (KEP-6080)."""
    for request in (spec.get("devices") or {}).get("requests") or ():
        for asked in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if asked:
                asked.pop("derivedAttributes", None)


def bounded(items: Sequence[Any] | None, most: int) -> Sequence[Any]:
    """The items, or none of them where there are so many that they are refused unseen."""
    return () if not items or len(items) > most else items


def validate_claim_spec(spec: Object, path: Path) -> Errors:
    """All that a claim says of devices."""
    devices, at = spec.get("devices") or {}, path.child("devices")
    requests = bounded(devices.get("requests"), MOST_REQUESTS)
    names = request_names(devices)

    def constraint(item: Object, path: Path) -> Errors:
        return _constraint(item, names, path)

    def config(item: Object, path: Path) -> Errors:
        yield from references(item.get("requests"), names, path.child("requests"))
        yield from validate_configuration(item, path)

    yield from each(at.child("requests"), requests, _request)
    yield from each(at.child("constraints"), bounded(devices.get("constraints"), 32), constraint)
    yield from each(at.child("config"), bounded(devices.get("config"), MOST_CONFIGS), config)


def request_names(devices: Object) -> frozenset[str]:
    """What constraints, configurations and results may refer to: requests, and choices within them."""
    names = set()
    for request in devices.get("requests") or ():
        name = request.get("name") or ""
        names.add(name)
        names |= {f"{name}/{choice.get('name') or ''}" for choice in request.get("firstAvailable") or ()}
    return frozenset(names)


def _request(request: Object, path: Path) -> Errors:
    yield from device_name(request.get("name") or "", path.child("name"))
    exactly, choices = request.get("exactly"), request.get("firstAvailable")
    if exactly is None and not choices:
        yield required(path, _EXACTLY_ONE)
    elif exactly is not None and choices:
        yield invalid(path, None, f"{_EXACTLY_ONE}, but multiple fields are set")
    elif exactly is not None:
        yield from _device_class(exactly.get("deviceClassName") or "", path.child("exactly", "deviceClassName"))
        yield from _asked(exactly, path.child("exactly"))
    else:
        yield from each(path.child("firstAvailable"), bounded(choices, _MOST_CHOICES), _choice)


def _choice(choice: Object, path: Path) -> Errors:
    yield from device_name(choice.get("name") or "", path.child("name"))
    yield from _asked(choice, path)


def _device_class(name: str, path: Path) -> Errors:
    if not name:
        yield required(path)
    else:
        yield from check(path, name, dns_subdomain(name))


def _asked(asked: Object, path: Path) -> Errors:
    """What exact requests and choices have in common."""
    yield from validate_selectors(bounded(asked.get("selectors"), MOST), path.child("selectors"))
    mode, count = asked.get("allocationMode") or "", asked.get("count") or 0
    if mode == "All" and count:
        yield invalid(path.child("count"), count, f"must not be specified when allocationMode is '{mode}'")
    elif mode == "ExactCount" and count <= 0:
        yield invalid(path.child("count"), count, "must be greater than zero")
    yield from each(path.child("tolerations"), asked.get("tolerations"), validate_toleration)


def _constraint(constraint: Object, names: frozenset[str], path: Path) -> Errors:
    yield from references(constraint.get("requests"), names, path.child("requests"))
    given = [field for field in ("matchAttribute", "distinctAttribute") if constraint.get(field) is not None]
    for field in given:
        yield from fully_qualified(constraint[field], path.child(field))
    if not given:
        yield required(path, _NO_ATTRIBUTE)


def references(given: Sequence[str] | None, names: frozenset[str], path: Path) -> Errors:
    """References to requests, each by its name."""
    for index, name in enumerate(bounded(given, MOST_REQUESTS)):
        yield from reference(name, names, path.index(index))


def reference(name: str, names: frozenset[str], path: Path) -> Errors:
    """A reference to a request, or to a choice within it."""
    parts = name.split("/")
    if len(parts) <= 2:
        for part in parts:
            yield from check(path, part, dns_label(part))
    if len(parts) > 2 or name not in names:
        yield invalid(path, name, _NO_REQUEST)
