"""Which names and records an object stands for: the Kubernetes DNS specification 1.1.0, as functions. Pure.

Names are lower case without the final dot. Where the specification leaves a choice, it is CoreDNS's. Called by
follow.py; what a query is answered with is zone.py's.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from sampan.kinds.addresses import is_ipv4
from sampan.machinery.meta import Object, key_of

SPECIFICATION = "1.1.0"


class Srv(NamedTuple):
    """The data of an SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


class Record(NamedTuple):
    """One record: its type's name, and an address, a name, a text or an Srv."""

    type: str
    data: str | Srv


# name -> records; an empty tuple is a name that exists and has no data of its own
Records = dict[str, tuple[Record, ...]]


class _Endpoint(NamedTuple):
    label: str  # its name below the Service's
    address: str


def reverse_name(address: str) -> str:
    """10.96.0.10 -> 10.0.96.10.in-addr.arpa"""
    return IPv4Address(address).reverse_pointer


def domain_records(domain: str, dns_ip: str) -> Records:
    """What the zone has without any object: its version, and the server by name."""
    server = f"ns.dns.{domain}"
    return {
        f"dns-version.{domain}": (Record("TXT", SPECIFICATION),),
        domain: (Record("NS", server),),
        server: (Record("A", dns_ip),),
        f"svc.{domain}": (),
        f"pod.{domain}": (),
    }


def namespace_records(namespace: Object, domain: str) -> Records:
    """A namespace has no data, but what is below it exists only if it does."""
    name = namespace["metadata"]["name"]
    return {f"{name}.svc.{domain}": (), f"{name}.pod.{domain}": ()}


def service_records(service: Object, slices: Iterable[Object], domain: str) -> Records:
    """All records of a Service and its ready endpoints."""
    key, spec = key_of(service), service["spec"]
    name = f"{key.name}.{key.namespace}.svc.{domain}"
    if spec.get("type") == "ExternalName":
        return _external_name(name, spec.get("externalName") or "")
    slices = [found for found in slices if found.get("addressType") == "IPv4"]
    endpoints = _unique(endpoint for found in slices for endpoint in _ready(found))
    records = _endpoint_records(name, endpoints)
    cluster_ip = spec.get("clusterIP") or "None"
    if cluster_ip == "None":
        return records | _headless_records(name, endpoints, slices)
    if not is_ipv4(cluster_ip):
        return records
    return records | _cluster_ip_records(name, cluster_ip, spec.get("ports") or ())


def pod_address(label: str) -> str | None:
    """The address in a pod's name, 10-244-0-5 -> 10.244.0.5; None if there is none."""
    address = label.replace("-", ".")
    return address if is_ipv4(address) else None


def _external_name(name: str, target: str) -> Records:
    target = target.rstrip(".").lower()
    # An address is not a name; the API lets it in, but no resolver could follow it.
    return {name: (Record("CNAME", target),)} if target and not is_ipv4(target) else {}


def _cluster_ip_records(name: str, address: str, ports: Iterable[Mapping[str, Any]]) -> Records:
    ports = list(ports)
    services = [_srv(port["port"], name, len(ports)) for port in ports]
    records: Records = {name: (Record("A", address), *services), reverse_name(address): (Record("PTR", name),)}
    for port in ports:
        if port.get("name"):
            records[_port_name(port, name)] = (_srv(port["port"], name, 1),)
    return records


def _headless_records(name: str, endpoints: list[_Endpoint], slices: list[Object]) -> Records:
    """No record at all without a ready endpoint: the specification wants NXDOMAIN then."""
    if not endpoints:
        return {}
    services = list(dict.fromkeys(_slice_ports(slices)))
    everything = [_srv(port, f"{label}.{name}", len(services)) for _, port, label in services]
    addresses = dict.fromkeys(endpoint.address for endpoint in endpoints)
    records: Records = {name: (*(Record("A", address) for address in addresses), *everything)}
    by_port: dict[str, list[tuple[int, str]]] = {}
    for prefix, port, label in services:
        if prefix:
            by_port.setdefault(prefix, []).append((port, label))
    for prefix, targets in by_port.items():
        records[f"{prefix}.{name}"] = tuple(_srv(port, f"{label}.{name}", len(targets)) for port, label in targets)
    return records


def _endpoint_records(name: str, endpoints: Iterable[_Endpoint]) -> Records:
    """A name for every endpoint, and the way back from its address."""
    records: Records = {}
    for label, address in endpoints:
        own = f"{label}.{name}"
        records[own] = (*records.get(own, ()), Record("A", address))
        reverse = reverse_name(address)
        records[reverse] = (*records.get(reverse, ()), Record("PTR", own))
    return records


def _ready(endpoint_slice: Object) -> Iterator[_Endpoint]:
    for endpoint in endpoint_slice.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready") is False:
            continue
        for address in endpoint.get("addresses") or ():
            if is_ipv4(address):
                yield _Endpoint((endpoint.get("hostname") or address.replace(".", "-")).lower(), address)


def _slice_ports(slices: Iterable[Object]) -> Iterator[tuple[str, int, str]]:
    """(_port._protocol or "", number, endpoint's label) of every endpoint and port."""
    for found in slices:
        for label, _ in _ready(found):
            for port in found.get("ports") or ():
                if port.get("port"):
                    yield _port_prefix(port) if port.get("name") else "", port["port"], label


def _port_prefix(port: Mapping[str, Any]) -> str:
    return f"_{port['name']}._{port.get('protocol', 'TCP').lower()}"


def _port_name(port: Mapping[str, Any], name: str) -> str:
    return f"{_port_prefix(port)}.{name}"


def _srv(port: int, target: str, shares: int) -> Record:
    return Record("SRV", Srv(0, max(1, 100 // shares), port, target))


def _unique(endpoints: Iterable[_Endpoint]) -> list[_Endpoint]:
    return list(dict.fromkeys(endpoints))  # one may be in two slices while it moves between them
