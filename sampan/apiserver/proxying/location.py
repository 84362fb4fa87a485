"""Where a proxied request goes: scheme, address and port, decided from the objects that the request names. Pure.

Rules and texts: k8s.io/kubernetes/pkg/registry/core/{pod,service,node} (ResourceLocation), k8s.io/apiserver/pkg/util/
proxy (RandomEndpoint). Pods are dialled by the address in their status, which somebody may have written there: what is
local to this machine or its links is refused.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

from sampan.machinery.errors import BadRequest, NotFound, ServiceUnavailable
from sampan.machinery.meta import Object

_SCHEMES = frozenset({"", "http", "https"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BROADCAST = IPv4Address("255.255.255.255")


class Wanted(NamedTuple):
    """What stands in the place of the name: [scheme:]name[:port]."""

    scheme: str
    name: str
    port: str


class Location(NamedTuple):
    """Where to dial, and how."""

    scheme: str  # http or https
    host: str  # an IP address
    port: int


def wanted_of(text: str, what: str) -> Wanted:
    """The parts of [scheme:]name[:port]; raises BadRequest. `what`: pod, service, node."""
    parts = text.split(":")
    scheme, name, port = parts if len(parts) == 3 else ("", *parts, "")[:3]
    if len(parts) > 3 or not name or scheme not in _SCHEMES:
        raise BadRequest(f'invalid {what} request "{text}"')
    return Wanted(scheme, name, port)


def pod_location(wanted: Wanted, pod: Object) -> Location:
    """A pod's port: the one that is named, else the first that a container declares. Raises BadRequest."""
    scheme = wanted.scheme or "http"
    port = wanted.port or next(_declared(pod), "") or _DEFAULT_PORTS[scheme]
    return Location(scheme, allowed(next(iter(pod_addresses(pod)), "")), number_of(port))


def _declared(pod: Object) -> Iterator[int]:
    for container in pod["spec"]["containers"]:
        for port in (container.get("ports") or ())[:1]:
            yield port["containerPort"]


def pod_addresses(pod: Object) -> list[str]:
    """The addresses in a pod's status, the primary one first."""
    return [one.get("ip") or "" for one in (pod.get("status") or {}).get("podIPs") or ()]


def service_location(
    wanted: Wanted, service: Object | None, slices: Iterable[Object], is_pod: Callable[[Object], bool]
) -> Location:
    """One of a Service's ready endpoints that are pods, at random. A port's number is that of the Service, which then
    has to be there. Raises NotFound, ServiceUnavailable."""
    port_name = wanted.port
    if wanted.port.isascii() and wanted.port.isdecimal():
        port_name = _port_name(wanted, service)
    if found := random_endpoint(slices, port_name, is_pod):
        return Location(wanted.scheme or "http", *found)
    raise ServiceUnavailable(f'no endpoints available for service "{wanted.name}"')


def _port_name(wanted: Wanted, service: Object | None) -> str:
    if service is None:
        raise NotFound.of("services", "", wanted.name)
    for port in service["spec"].get("ports") or ():
        if str(port["port"]) == wanted.port.lstrip("0"):
            return port.get("name") or ""
    raise ServiceUnavailable(f'no service port {wanted.port} found for service "{wanted.name}"')


def random_endpoint(
    slices: Iterable[Object], port_name: str, is_valid: Callable[[Object], bool]
) -> tuple[str, int] | None:
    """Address and port of a ready endpoint; slices are looked at in random order, and their endpoints too."""
    for found in _shuffled(slices):
        for port in found.get("ports") or ():
            if (port.get("name") or "") != port_name or not port.get("port"):
                continue
            for endpoint in _shuffled(found.get("endpoints") or ()):
                if (endpoint.get("conditions") or {}).get("ready") is not False and is_valid(endpoint):
                    return endpoint["addresses"][0], port["port"]
    return None


def _shuffled(items: Iterable[Any]) -> list[Any]:
    known = list(items)
    return random.sample(known, len(known))


def number_of(port: int | str) -> int:
    """A port's number; raises BadRequest."""
    text = str(port)
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or not 0 < int(text) < 65536:
        raise BadRequest(f'invalid port "{port}"')
    return int(text)


def allowed(address: str) -> str:
    """The address, if it is one of a host in a network; raises BadRequest."""
    if not is_global_unicast(address):
        raise BadRequest("address not allowed")
    return address


def is_global_unicast(address: str) -> bool:
    """As Go's net.IP.IsGlobalUnicast: private networks count, what is local to a machine or a link does not."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    local = parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast
    return not local and parsed != _BROADCAST
