"""What one write chooses for its Service: addresses and ports that nobody had when the watch cache was looked at.

A choice is no claim yet: claims.py makes it one, and whoever loses that race chooses again. Upstream's errors:
k8s.io/kubernetes/pkg/registry/core/service/ipallocator and portallocator.
"""

import random
from collections.abc import Callable, Container
from typing import NamedTuple

from sampan.apiserver.allocators.bands import of_network, of_ports, pick
from sampan.apiserver.allocators.claims import address_key, port_key
from sampan.kinds.cidrs import Network
from sampan.kinds.networking.service_ranges import Address, holds


class NotAvailable(Exception):
    """Why a number cannot be had; the text is upstream's."""


FULL = "range is full"


class Ranges(NamedTuple):
    """What there is to choose from."""

    networks: list[Network]  # in the order in which they are used
    ports: range


class Choice:
    """See the module. `held` are the keys that the Service has already; nothing else that is taken can be chosen."""

    def __init__(
        self, ranges: Ranges, taken: Callable[[str], bool], pending: Container[str], held: Container[str]
    ) -> None:
        self.keys: list[str] = []  # that have to be claimed
        self._ranges = ranges
        self._taken, self._pending, self._held = taken, pending, held
        self._source = random.SystemRandom()

    def address(self, wanted: Address) -> None:
        """Choose a particular address; raises NotAvailable."""
        key = address_key(wanted)
        if key in self._held:
            return
        if not any(holds(network, wanted) for network in self._ranges.networks):
            raise NotAvailable("the provided network does not match the current range")
        if self._taken(key):
            raise NotAvailable("provided IP is already allocated")
        self.keys.append(key)

    def any_address(self, version: int) -> Address:
        """Choose a free address; raises NotAvailable."""
        for network in self._ranges.networks:
            if network.version == version and (address := self._free_in(network)) is not None:
                self.keys.append(address_key(address))
                return address
        raise NotAvailable(FULL)

    def _free_in(self, network: Network) -> Address | None:
        make = type(network.network_address)
        number = pick(of_network(network), lambda found: self._is_taken(address_key(make(found))), self._source)
        return None if number is None else make(number)

    def port(self, wanted: int) -> None:
        """Choose a particular node port; raises NotAvailable."""
        ports, key = self._ranges.ports, port_key(wanted)
        if key in self._held:
            return
        if wanted not in ports:
            valid = f"{ports.start}-{ports.stop - 1}"
            raise NotAvailable(f"provided port is not in the valid range. The range of valid ports is {valid}")
        if self._taken(key) or key in self.keys:
            raise NotAvailable("provided port is already allocated")
        self.keys.append(key)

    def any_port(self) -> int:
        """Choose a free node port; raises NotAvailable."""
        number = pick(of_ports(self._ranges.ports), lambda found: self._is_taken(port_key(found)), self._source)
        if number is None:
            raise NotAvailable(FULL)
        self.keys.append(port_key(number))
        return number

    def _is_taken(self, key: str) -> bool:
        """Also what is about to be: a number that others are just claiming is a bad choice, not a wrong one."""
        return self._taken(key) or key in self._pending or key in self._held or key in self.keys
