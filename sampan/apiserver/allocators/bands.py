"""Which free number of a range is taken where any will do: at random, and preferably from the upper band. Pure.

The lower band keeps numbers that people choose, like 10.96.0.10, from being taken by chance: KEP-3070 for addresses,
KEP-3668 for node ports.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from sampan.kinds.cidrs import Network

_BY_LUCK = 16


class Band(NamedTuple):
    """`size` numbers from `first`; the lowest `reserved` of them are for static choice while there are others."""

    first: int
    size: int
    reserved: int


def of_network(network: Network) -> Band:
    """The addresses of a range, without its own and (IPv4) the one for broadcasts."""
    size = network.num_addresses
    return Band(
        int(network.network_address) + 1, max(0, size - (2 if network.version == 4 else 1)), _reserved(size, 16, 256)
    )


def of_ports(ports: range) -> Band:
    """Node ports."""
    return Band(ports.start, len(ports), _reserved(len(ports), 32, 128))


def _reserved(size: int, step: int, most: int) -> int:
    return min(max(16, size // step), most) if size > 16 else 0


def pick(band: Band, is_taken: Callable[[int], bool], source: random.Random) -> int | None:
    """A free number; None where all are taken."""
    first, size, reserved = band
    upper = _free(first + reserved, size - reserved, is_taken, source)
    return upper if upper is not None else _free(first, min(reserved, size), is_taken, source)


def _free(low: int, count: int, is_taken: Callable[[int], bool], source: random.Random) -> int | None:
    """By luck, then by search from a random place, which ends after as many steps as numbers are taken, at most."""
    if count <= 0:
        return None
    for _ in range(_BY_LUCK):
        number = low + source.randrange(count)
        if not is_taken(number):
            return number
    start = source.randrange(count)
    candidates = (low + (start + step) % count for step in range(count))
    return next((number for number in candidates if not is_taken(number)), None)
