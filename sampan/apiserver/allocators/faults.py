"""What is wrong between a Service and the claims of its addresses and ports, as far as can be seen. Pure.

repair.py asks, and carries out. Reasons and messages: k8s.io/kubernetes/pkg/registry/core/service, controllers of
ipallocator and portallocator.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from ipaddress import ip_address
from typing import NamedTuple

from sampan.apiserver.allocators.claims import (
    PORTS,
    address_key,
    addresses_of,
    is_claim_of,
    is_young,
    port_key,
    ports_of,
)
from sampan.kinds.networking.service_ranges import Address, family_of, is_allocators, labels_for
from sampan.machinery.meta import Object, labels_of
from sampan.storage.cached import Cached


class Fault(NamedTuple):
    """One thing that is wrong, and what puts it right: the claim `wrong` goes, one for `key` is made."""

    reason: str = ""  # of the event; "" where nobody need be told
    message: str = ""
    key: str = ""  # to be claimed for the Service
    wrong: Cached | None = None


class Known(NamedTuple):
    """What the checks look things up in."""

    claim: Callable[[str], Cached | None]
    service: Callable[[str, str], Object | None]  # by namespace and name
    is_in_range: Callable[[Address], bool]
    ports: range


def of_service(service: Object, known: Known) -> Iterator[Fault]:
    """Everything that a Service has must be in range, and be claimed by it."""
    for address in addresses_of(service):
        yield from _of_address(service, address, known)
    for port in ports_of(service):
        yield from _of_port(service, port, known)


def _of_address(service: Object, address: Address, known: Known) -> Iterator[Fault]:
    key, shown = address_key(address), f"[{family_of(address)}]: {address}"
    claim = known.claim(key)
    if not known.is_in_range(address):
        yield Fault(
            "ClusterIPOutOfRange",
            f"Cluster IP {shown} is not within any configured Service CIDR; please recreate service",
        )
    elif claim is None:
        yield Fault("ClusterIPNotAllocated", f"Cluster IP {shown} is not allocated; repairing", key)
    elif not is_claim_of(claim, service):
        if _is_used(claim, known):
            text = f"Cluster IP [{family_of(address)}]:{address} was assigned to multiple services"
            yield Fault("ClusterIPAlreadyAllocated", f"{text}; please recreate service")
            return
        meta = service["metadata"]
        where = f"{meta['namespace']}/{meta['name']}"
        text = f"the ClusterIP {shown} for Service {where} has a wrong reference; repairing"
        yield Fault("ClusterIPNotAllocated", text, key, claim)
    elif not labels_for(address).items() <= labels_of(claim.object).items():
        yield Fault(key=key, wrong=claim)


def _of_port(service: Object, port: int, known: Known) -> Iterator[Fault]:
    key, ports = port_key(port), known.ports
    claim = known.claim(key)
    if port not in ports:
        valid = f"{ports.start}-{ports.stop - 1}"
        text = f"Port {port} is not within the port range {valid}; please recreate service"
        yield Fault("PortOutOfRange", text)
    elif claim is None:
        yield Fault("PortNotAllocated", f"Port {port} is not allocated; repairing", key)
    elif not is_claim_of(claim, service):
        if _is_used(claim, known):
            text = f"Port {port} was assigned to multiple services; please recreate service"
            yield Fault("PortAlreadyAllocated", text)
        else:
            yield Fault("PortNotAllocated", f"Port {port} is not allocated; repairing", key, claim)


def _parent(claim: Cached, known: Known) -> Object | None:
    """The Service that a claim names."""
    parent = claim.object["spec"].get("parentRef") or {}
    service = known.service(parent.get("namespace") or "", parent.get("name") or "")
    return service if service is not None and is_claim_of(claim, service) else None


def _is_used(claim: Cached, known: Known) -> bool:
    """Whether the Service that a claim names has what is claimed."""
    service, name = _parent(claim, known), claim.key.rpartition("/")[2]
    if service is None:
        return False
    if claim.key.startswith(PORTS):
        return int(name) in ports_of(service)
    return ip_address(name) in addresses_of(service)


def of_claim(claim: Cached, known: Known, now: datetime) -> Fault | None:
    """A claim must be of a Service that has what is claimed; one that is new may be of a Service yet to come."""
    is_port, obj = claim.key.startswith(PORTS), claim.object
    if not is_port and not is_allocators(obj):
        return None
    if _is_used(claim, known) or is_young(claim, now):
        return None
    if is_port:
        return Fault(wrong=claim)
    return Fault(*_leak(claim, known), wrong=claim)


def _leak(claim: Cached, known: Known) -> tuple[str, str]:
    name, parent = claim.object["metadata"]["name"], claim.object["spec"].get("parentRef") or {}
    if parent.get("group") or parent.get("resource") != "services":
        text = f"IPAddress {name} appears to have been modified, not referencing a Service"
        return "IPAddressNotAllocated", f"{text} {parent.get('resource')}/{parent.get('name')}: cleaning up"
    where = f"IPAddress: {name} for Service {parent.get('namespace')}/{parent.get('name')}"
    if _parent(claim, known) is None:
        return "IPAddressNotAllocated", f"{where} appears to have leaked: cleaning up"
    return "IPAddressWrongReference", f"{where} has a wrong reference; cleaning up"
