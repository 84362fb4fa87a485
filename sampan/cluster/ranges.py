"""Which address ranges a cluster gets, so that several clusters and the machine's own networks live side by side.

Pure: `pick_ranges` decides from the ranges that are taken; `host_networks` reads those of the machine from the text of
`ip -json route`. Called by `sampan up` when a cluster is made; the answer is kept in the cluster's configuration.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

# A route to a network this wide is a neighbourhood (10.0.0.0/8 behind a company's router): ours, more specific, may lie
# within it. A narrower one is a network that somebody uses.
_WIDEST_CONFLICT = 12
_NODE_PREFIX = 24
_FURTHER_CLUSTERS = 64
_POOL_BLOCKS = 4  # 10.240.0.0/16 to 10.243.0.0/16; above are the first cluster's pods


class NoFreeRange(Exception):
    """Every candidate overlaps a range in use."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """The addresses of one cluster, CIDRs and addresses as strings."""

    pod_cidr: str  # of the cluster
    service_cidr: str
    dns_ip: str  # the tenth address of the Service range, as kubeadm gives kube-dns
    lb_pool: str  # for LoadBalancer Services

    def node_pod_cidr(self, index: int) -> str:
        """The /24 of the node with this index; raises IndexError beyond the cluster's range."""
        cluster = IPv4Network(self.pod_cidr)
        if not 0 <= index < 2 ** (_NODE_PREFIX - cluster.prefixlen):
            raise IndexError(f"{self.pod_cidr} has no /{_NODE_PREFIX} number {index}")
        return f"{cluster.network_address + (index << (32 - _NODE_PREFIX))}/{_NODE_PREFIX}"


def pick_ranges(taken: Iterable[str]) -> Ranges:
    """The first candidate that overlaps nothing of `taken` (CIDRs); the very first is Kubernetes's usual choice.

    Raises NoFreeRange.
    """
    used = [IPv4Network(cidr, strict=False) for cidr in taken]
    for ranges in _candidates():
        ours = (IPv4Network(cidr) for cidr in (ranges.pod_cidr, ranges.service_cidr, ranges.lb_pool))
        if not any(mine.overlaps(theirs) for mine in ours for theirs in used):
            return ranges
    raise NoFreeRange("no free address range for another cluster")


def _candidates() -> Iterator[Ranges]:
    yield Ranges("10.244.0.0/16", "10.96.0.0/12", "10.96.0.10", "10.240.0.0/24")
    for i in range(_FURTHER_CLUSTERS):
        service = f"10.{112 + i}.0"
        pool = f"10.{240 + i % _POOL_BLOCKS}.{1 + i}.0/24"  # spread, so that one network in use does not shut all out
        yield Ranges(f"10.{176 + i}.0.0/16", f"{service}.0/16", f"{service}.10", pool)


def host_networks(routes: str) -> list[str]:
    """The networks that a routing table in `ip -json route`'s form leads to, as CIDRs, but for very wide ones."""
    found = []
    for route in json.loads(routes or "[]"):
        if route["dst"] != "default" and IPv4Network(route["dst"], strict=False).prefixlen >= _WIDEST_CONFLICT:
            found.append(route["dst"])
    return found
