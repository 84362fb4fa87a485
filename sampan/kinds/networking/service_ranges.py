"""ServiceCIDRs and IPAddresses as the allocator of cluster IPs sees them (KEP-1880). Pure.

Asked by the API server, which takes addresses from the ranges, and by the controller that keeps a range while addresses
of it are in use. Rules: k8s.io/kubernetes/pkg/api/servicecidr and pkg/registry/core/service/ipallocator.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from sampan.kinds.cidrs import Network, parse_cidr
from sampan.kinds.networking.ip_address import KIND as IP_ADDRESS
from sampan.machinery.meta import Object, is_deleting, labels_of
from sampan.machinery.tree import get_path

DEFAULT = "kubernetes"  # the ServiceCIDR that the server makes of its own setting
READY = "Ready"
MANAGER = "ipallocator.k8s.io"
MANAGED_BY, FAMILY = "ipaddress.kubernetes.io/managed-by", "ipaddress.kubernetes.io/ip-family"

Address = IPv4Address | IPv6Address


def networks(service_cidr: Object) -> list[Network]:
    """The ranges of a ServiceCIDR."""
    return [network for text in service_cidr["spec"].get("cidrs") or () if (network := parse_cidr(text))]


def is_usable(service_cidr: Object) -> bool:
    """Whether addresses may be taken from it: without a condition yet, too, as no controller need be running."""
    conditions = get_path(service_cidr, ("status", "conditions"), [])
    ready = next((condition["status"] for condition in conditions if condition["type"] == READY), "True")
    return ready == "True" and not is_deleting(service_cidr)


def in_order(service_cidrs: Iterable[Object]) -> list[Object]:
    """The oldest first."""
    return sorted(service_cidrs, key=lambda found: (found["metadata"]["creationTimestamp"], found["metadata"]["name"]))


def holds(network: Network, address: Address) -> bool:
    """Whether the range has this address to give: not its own, nor the one for broadcasts."""
    if address == network.network_address or (network.version == 4 and address == network.broadcast_address):
        return False
    return address in network


def covers(service_cidr: Object, address: Address) -> bool:
    """Whether one of the ServiceCIDR's ranges holds the address."""
    return any(holds(network, address) for network in networks(service_cidr))


def family_of(address: Address | Network) -> str:
    """As Services and labels name it."""
    return f"IPv{address.version}"


def parent_of(service: Object) -> Object:
    """The reference to the Service that has something."""
    meta = service["metadata"]
    return {"resource": "services", "namespace": meta.get("namespace") or "", "name": meta.get("name") or ""}


def is_parent(service: Object, parent: Object | None) -> bool:
    """Whether a reference is to this Service."""
    named = {field: value for field, value in (parent or {}).items() if value}
    return named == parent_of(service)


def labels_for(address: Address) -> dict[str, str]:
    """By what the allocator knows an IPAddress as its own."""
    return {FAMILY: family_of(address), MANAGED_BY: MANAGER}


def claim_of(address: Address, service: Object) -> Object:
    """The IPAddress that says that a Service has the address."""
    return {
        "apiVersion": IP_ADDRESS.api_version,
        "kind": IP_ADDRESS.name,
        "metadata": {"name": str(address), "labels": labels_for(address)},
        "spec": {"parentRef": parent_of(service)},
    }


def is_allocators(ip_address: Object) -> bool:
    """Whether the allocator made this IPAddress, or somebody else."""
    return labels_of(ip_address).get(MANAGED_BY) == MANAGER
