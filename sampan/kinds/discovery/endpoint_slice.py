"""EndpointSlice: some of the addresses behind a Service. v1beta1 kept node and zone in a topology map."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sampan.kinds.addresses import endpoint_ip, is_ipv4, is_ipv6
from sampan.kinds.checks import PROTOCOLS, Errors, each, optional_name, unique
from sampan.kinds.columns import AGE, NAME, some_of, text
from sampan.kinds.prepare import counting_metadata
from sampan.machinery.kind import Column, Conversion, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.names import Check
from sampan.machinery.rules import Enum, Immutable, MaxItems, Required
from sampan.machinery.schema import Schema, parse_type
from sampan.machinery.validation import (
    Path,
    check,
    dns_label,
    dns_subdomain,
    invalid,
    label_value,
    not_supported,
    qualified_name,
    required,
    too_many,
)

_V1, _V1BETA1 = "io.k8s.api.discovery.v1.", "io.k8s.api.discovery.v1beta1."
_TYPES = ("FQDN", "IPv4", "IPv6")
_MAX_ENDPOINTS, _MAX_PORTS, _MAX_HINTS = 1000, 20000, 8
_HOSTNAME, _ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"

_DEFAULTS = {_V1 + "EndpointPort": {"name": "", "protocol": "TCP"}}


def _define_v1beta1(known: Schema) -> None:
    known.derive(_V1BETA1 + "Endpoint", _V1 + "Endpoint", {"topology": "{}string"}, drop=["deprecatedTopology", "zone"])
    endpoints = known.definition(_V1 + "EndpointSlice").fields["endpoints"]
    items = parse_type(_V1BETA1 + "Endpoint")
    known.derive(_V1BETA1 + "EndpointSlice", _V1 + "EndpointSlice", {"endpoints": replace(endpoints, items=items)})


def _endpoints_by(convert: Callable[[Object], Object]) -> Callable[[Object], Object]:
    def convert_slice(obj: Object) -> Object:
        return {**obj, "endpoints": [convert(endpoint) for endpoint in obj.get("endpoints") or ()]}

    return convert_slice


def _from_v1beta1(endpoint: Object) -> Object:
    """The zone moves to its own field; the hostname is dropped where it only repeats nodeName."""
    made = {field: value for field, value in endpoint.items() if field != "topology"}
    rest = dict(endpoint.get("topology") or {})
    if zone := rest.pop(_ZONE, ""):
        made["zone"] = zone
    if endpoint.get("nodeName") and rest.get(_HOSTNAME) == endpoint["nodeName"]:
        del rest[_HOSTNAME]
    if rest:
        made["deprecatedTopology"] = rest
    return made


def _to_v1beta1(endpoint: Object) -> Object:
    made = {field: value for field, value in endpoint.items() if field not in ("deprecatedTopology", "zone")}
    topology = dict(endpoint.get("deprecatedTopology") or {})
    if zone := endpoint.get("zone"):
        topology[_ZONE] = zone
    if node := endpoint.get("nodeName"):
        topology[_HOSTNAME] = node
    if topology:
        made["topology"] = topology
    return made


def _validate(obj: Object) -> Errors:
    endpoints, ports = obj.get("endpoints") or [], obj.get("ports") or []
    if len(endpoints) > _MAX_ENDPOINTS:
        yield too_many("endpoints", len(endpoints), _MAX_ENDPOINTS)
    else:
        yield from each(Path("endpoints"), endpoints, lambda item, path: _endpoint(item, path, obj.get("addressType")))
    if len(ports) > _MAX_PORTS:
        yield too_many("ports", len(ports), _MAX_PORTS)
    else:
        yield from _ports(ports)


def _endpoint(endpoint: Object, path: Path, address_type: str | None) -> Errors:
    for index, address in enumerate(endpoint.get("addresses") or ()):
        yield from _address(address, path.child("addresses").index(index), address_type)
    yield from optional_name(path.child("nodeName"), endpoint.get("nodeName"), dns_subdomain)
    yield from optional_name(path.child("hostname"), endpoint.get("hostname"), dns_label)
    hints = endpoint.get("hints") or {}
    yield from _hints(path.child("hints", "forZones"), hints.get("forZones") or [], label_value)
    yield from _hints(path.child("hints", "forNodes"), hints.get("forNodes") or [], dns_subdomain)


def _hints(path: Path, hints: list[Object], rule: Check) -> Errors:
    if len(hints) > _MAX_HINTS:
        yield too_many(path, len(hints), _MAX_HINTS)
        return
    names = [hint.get("name") or "" for hint in hints]
    yield from unique(names, lambda index: path.index(index).child("name"))
    for index, name in enumerate(names):
        yield from check(path.index(index).child("name"), name, rule(name))


def _address(address: str, path: Path, address_type: str | None) -> Errors:
    if address_type == "FQDN":
        yield from check(path, address, dns_subdomain(address))
    elif address_type == "IPv4" and not is_ipv4(address):
        yield invalid(path, address, "must be an IPv4 address")
    elif address_type == "IPv6" and not is_ipv6(address):
        yield invalid(path, address, "must be an IPv6 address")
    elif address_type in _TYPES:
        yield from endpoint_ip(path, address)


def _ports(ports: list[Object]) -> Errors:
    yield from unique((port.get("name") for port in ports), lambda index: f"ports[{index}].name")
    for index, port in enumerate(ports):
        path, protocol = Path("ports").index(index), port.get("protocol")
        yield from optional_name(path.child("name"), port.get("name"), dns_label)
        if not protocol:
            yield required(path.child("protocol"))
        elif protocol not in PROTOCOLS:
            yield not_supported(path.child("protocol"), protocol, PROTOCOLS)
        yield from optional_name(path.child("appProtocol"), port.get("appProtocol"), qualified_name)


def _ports_cell(obj: Object, now: datetime) -> str:
    return some_of(str(port.get("port") or port.get("name") or "*") for port in obj.get("ports") or ()) or "<unset>"


def _endpoints_cell(obj: Object, now: datetime) -> str:
    endpoints = obj.get("endpoints") or ()
    return some_of(address for endpoint in endpoints for address in endpoint.get("addresses") or ()) or "<unset>"


KIND = Kind(
    name="EndpointSlice",
    plural="endpointslices",
    versions=(
        ServedVersion("discovery.k8s.io", "v1", _V1 + "EndpointSlice"),
        ServedVersion(
            "discovery.k8s.io",
            "v1beta1",
            _V1BETA1 + "EndpointSlice",
            convert=Conversion(_endpoints_by(_from_v1beta1), _endpoints_by(_to_v1beta1)),
            deprecated="1.21",
            removed="1.25",
            replacement="discovery.k8s.io/v1 EndpointSlice",
        ),
    ),
    columns=(
        NAME,
        Column("AddressType", text("addressType"), description="IPv4, IPv6 or FQDN."),
        Column("Ports", _ports_cell, description="Ports of every endpoint."),
        Column("Endpoints", _endpoints_cell, description="Addresses, ready or not."),
        AGE,
    ),
    counted=counting_metadata("labels", "annotations", "ownerReferences"),
    validate=_validate,
    rules={
        _V1 + "EndpointSlice": {"addressType": (Required(), Enum(_TYPES), Immutable())},
        _V1 + "Endpoint": {"addresses": (Required("must contain at least 1 address"), MaxItems(100))},
        _V1 + "ForZone": {"name": Required()},
    },
    has_status=False,
    definitions=_define_v1beta1,
    defaults=_DEFAULTS,
)
