"""Which endpoints a Service port's packets may go to: from EndpointSlices, for one node. Pure.

Ready endpoints; where there are none, those that still serve while they terminate (KEP-1669). Hints narrow the choice
to this node or zone only where every ready endpoint has them and some match (KEP-2433, KEP-4444), and never for traffic
that must stay on the node. Called by services.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from sampan.kinds.addresses import is_ipv4
from sampan.machinery.meta import Object


class Endpoint(NamedTuple):
    """Where packets go; sorts by address."""

    ip: str
    port: int


class Candidate(NamedTuple):
    """An endpoint and what the choice depends on."""

    endpoint: Endpoint
    local: bool  # on this node
    ready: bool
    serving: bool
    node_hints: frozenset[str]
    zone_hints: frozenset[str]


class Choice(NamedTuple):
    """The endpoints for traffic that may go anywhere, and for traffic that must stay on the node."""

    cluster: tuple[Endpoint, ...]  # empty only where the Service has no usable endpoint at all
    local: tuple[Endpoint, ...]


def choose(slices: Iterable[Object], port_name: str, protocol: str, node: str, zone: str) -> Choice:
    """The endpoints of one Service port, in a stable order."""
    candidates = list(_candidates(slices, port_name, protocol, node))
    usable = _usable(candidates)
    local = _usable([candidate for candidate in candidates if candidate.local])
    return Choice(_endpoints(_hinted(usable, node, zone)), _endpoints(local))


def _candidates(slices: Iterable[Object], port_name: str, protocol: str, node: str) -> Iterator[Candidate]:
    for found in slices:
        if found.get("addressType") != "IPv4":
            continue
        numbers = [
            port["port"]
            for port in found.get("ports") or ()
            if port.get("port") and (port.get("name") or "") == port_name and port.get("protocol", "TCP") == protocol
        ]
        for endpoint in found.get("endpoints") or ():
            for number in numbers:
                if candidate := _candidate(endpoint, number, node):
                    yield candidate


def _candidate(endpoint: Mapping[str, Any], port: int, node: str) -> Candidate | None:
    address = next(iter(endpoint.get("addresses") or ()), "")
    if not is_ipv4(address):
        return None
    conditions, hints = endpoint.get("conditions") or {}, endpoint.get("hints") or {}
    ready = conditions.get("ready") is not False  # unknown means ready, as the API says
    serving = conditions.get("serving")
    return Candidate(
        Endpoint(address, port),
        endpoint.get("nodeName") == node,
        ready,
        (ready if serving is None else serving) and bool(ready or conditions.get("terminating")),
        frozenset(hint["name"] for hint in hints.get("forNodes") or ()),
        frozenset(hint["name"] for hint in hints.get("forZones") or ()),
    )


def _usable(candidates: list[Candidate]) -> list[Candidate]:
    return [c for c in candidates if c.ready] or [c for c in candidates if c.serving]


def _hinted(candidates: list[Candidate], node: str, zone: str) -> list[Candidate]:
    if not all(c.ready for c in candidates):  # a last resort is not chosen among
        return candidates
    for hints_of, here in ((_nodes, node), (_zones, zone)):
        matching = [c for c in candidates if here in hints_of(c)]
        if matching and all(hints_of(c) for c in candidates):
            return matching
    return candidates


def _nodes(candidate: Candidate) -> frozenset[str]:
    return candidate.node_hints


def _zones(candidate: Candidate) -> frozenset[str]:
    return candidate.zone_hints


def _endpoints(candidates: Iterable[Candidate]) -> tuple[Endpoint, ...]:
    return tuple(sorted({c.endpoint for c in candidates}, key=lambda e: (IPv4Address(e.ip), e.port)))


# As they stand in objects and, in small letters, in scripts; everything else must stay out of those.
PROTOCOLS = frozenset(("TCP", "UDP", "SCTP"))
