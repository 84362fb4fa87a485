"""Blocks of one size within one range: which are taken, and which is next. Pure but for that memory.

Blocks are given in turn, so that one that was just given back is not given again at once. Called by controller.py.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

_MOST_BITS = 16  # of numbers of IPv6 blocks, as upstream
_Network = IPv4Network | IPv6Network


class OutOfRange(Exception):
    """Addresses that are none of this range."""


class CIDRSet:
    """The blocks with `mask` bits of a range; `kept` are ranges of which none is given. Raises ValueError."""

    def __init__(self, cluster: str, mask: int, kept: Iterable[str] = ()) -> None:
        self._cluster, self._mask = ip_network(cluster), mask
        bits = mask - self._cluster.prefixlen
        if bits < 0 or mask > self._cluster.max_prefixlen:
            raise ValueError(f"{cluster} can't be divided into blocks with {mask} bits")
        if self._cluster.version == 6 and bits > _MOST_BITS:
            raise ValueError(f"{cluster} has too many blocks with {mask} bits")
        self._count, self._next = 1 << bits, 0
        self._kept = {index for cidr in kept if self._overlaps(ip_network(cidr)) for index in self._blocks(cidr)}
        self._taken: set[int] = set()  # of the others

    def occupy(self, cidr: str) -> None:
        """Addresses are in use, whoever gave them. Raises OutOfRange, ValueError."""
        self._taken.update(index for index in self._blocks(cidr) if index not in self._kept)

    def release(self, cidr: str) -> None:
        """They are free again. Raises OutOfRange, ValueError."""
        self._taken.difference_update(self._blocks(cidr))

    def take(self) -> str | None:
        """The next free block, which is taken now; None where there is none."""
        if len(self._taken) + len(self._kept) >= self._count:
            return None
        while self._next in self._taken or self._next in self._kept:
            self._next = (self._next + 1) % self._count
        index, self._next = self._next, (self._next + 1) % self._count
        self._taken.add(index)
        size = self._cluster.max_prefixlen - self._mask
        return f"{self._cluster.network_address + (index << size)}/{self._mask}"

    def _blocks(self, cidr: str) -> range:
        """The numbers of the blocks that a range touches."""
        network = ip_network(cidr, strict=False)
        if not self._overlaps(network):
            raise OutOfRange(f"{cidr} is out of the range of {self._cluster}")
        if network.prefixlen <= self._cluster.prefixlen:
            return range(self._count)
        size, start = self._cluster.max_prefixlen - self._mask, int(self._cluster.network_address)
        first, last = (int(ip) - start >> size for ip in (network.network_address, network.broadcast_address))
        return range(first, last + 1)

    def _overlaps(self, network: _Network) -> bool:
        return network.version == self._cluster.version and network.overlaps(self._cluster)
