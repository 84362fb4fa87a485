"""Endpoints: the addresses behind a Service, in the older form that EndpointSlices replace."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sampan.kinds.addresses import endpoint_ip, host_port
from sampan.kinds.checks import Errors, each
from sampan.kinds.columns import AGE, NAME, NONE, some_of
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Format, Required
from sampan.machinery.validation import Path, dns_label, dns_subdomain, port, required

_PORT = "io.k8s.api.core.v1.EndpointPort"
_RULES: FieldRules = {
    "io.k8s.api.core.v1.EndpointAddress": {"hostname": Format(dns_label), "nodeName": Format(dns_subdomain)},
    _PORT: {"name": Format(dns_label), "protocol": (Required(), Enum())},
}


def _validate(endpoints: Object) -> Errors:
    return each(Path("subsets"), endpoints.get("subsets"), _subset)


def _subset(subset: Object, path: Path) -> Errors:
    ports = subset.get("ports") or []
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        yield required(path, "must specify `addresses` or `notReadyAddresses`")
    yield from each(path.child("addresses"), subset.get("addresses"), _address)
    yield from each(path.child("notReadyAddresses"), subset.get("notReadyAddresses"), _address)
    for index, item in enumerate(ports):
        yield from _port(item, path.child("ports").index(index), named=len(ports) > 1)


def _address(address: Object, path: Path) -> Errors:
    yield from endpoint_ip(path.child("ip"), address.get("ip") or "")


def _port(item: Object, path: Path, *, named: bool) -> Errors:
    if named and not item.get("name"):
        yield required(path.child("name"))
    yield from port(path.child("port"), item.get("port") or 0)


def _ready(subsets: Iterable[Object]) -> Iterator[str]:
    for subset in subsets:
        addresses = [address["ip"] for address in subset.get("addresses") or ()]
        if not subset.get("ports"):  # a headless service need not have ports
            yield from addresses
        for item in subset.get("ports") or ():
            yield from (host_port(address, item["port"]) for address in addresses)


def _cell(endpoints: Object, now: datetime) -> str:
    subsets = endpoints.get("subsets")
    return some_of(_ready(subsets)) if subsets else NONE


KIND = Kind(
    name="Endpoints",
    plural="endpoints",
    versions=(
        ServedVersion(
            "",
            "v1",
            "io.k8s.api.core.v1.Endpoints",
            deprecated="1.33",
            replacement="discovery.k8s.io/v1 EndpointSlice",  # KEP-4974
        ),
    ),
    short_names=("ep",),
    columns=(NAME, Column("Endpoints", _cell, description="Ready addresses and their ports."), AGE),
    rules=_RULES,
    validate=_validate,
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    defaults={_PORT: {"protocol": "TCP"}},
)
