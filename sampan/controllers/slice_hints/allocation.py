"""How many endpoints of a Service each zone is to have, and which of them go to other zones than their own. Pure.

A zone gets endpoints in proportion to its CPUs; no endpoint may get more than a fifth above its share of the traffic.
Called by topology.py. Upstream: k8s.io/endpointslice/topologycache.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from sampan.machinery.meta import Object

OVERLOAD = 0.2

_NODES = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
_ENDPOINTS = "Insufficient number of endpoints"
_MINIMUM = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"


class Room(NamedTuple):
    """For endpoints, in one zone."""

    least: int
    most: int
    wanted: float


class Impossible(Exception):
    """Endpoints can't be divided; the text says why, in upstream's words."""


def rooms(shares: Mapping[str, float], endpoints: int) -> dict[str, Room]:
    """The room of each zone for so many ready endpoints. Raises Impossible."""
    if not shares:
        raise Impossible(_NODES)
    size = f"({endpoints} endpoints, {len(shares)} zones)"
    if len(shares) > endpoints:
        raise Impossible(f"{_ENDPOINTS} {size}")
    least = {zone: ceil(share * endpoints * (1 / (1 + OVERLOAD))) for zone, share in shares.items()}
    spare = endpoints - sum(least.values())
    if spare < 0:
        raise Impossible(f"{_MINIMUM} {size}")
    return {zone: Room(few, few + spare, max(shares[zone] * endpoints, few)) for zone, few in least.items()}


def zones_for(own: Sequence[str], taken: Mapping[str, int], room: Mapping[str, Room]) -> list[str]:
    """The zone that each of some endpoints is for, given the zones they are in.

    `taken` counts the endpoints that stay as they are.
    """
    counts = dict(taken)
    for zone in own:
        counts[zone] = counts.get(zone, 0) + 1
    giving, receiving = exchange(counts, room)
    return [_give(zone, giving, receiving) for zone in own]


def _give(zone: str, giving: dict[str, int], receiving: dict[str, int]) -> str:
    target = next((name for name in sorted(receiving) if receiving[name]), None)
    if target is None or not giving.get(zone):
        return zone
    giving[zone] -= 1
    receiving[target] -= 1
    return target


def exchange(counts: Mapping[str, int], room: Mapping[str, Room]) -> tuple[dict[str, int], dict[str, int]]:
    """How many endpoints zones give, and get; those with the greatest difference first, until none is worth it."""
    over = {zone: counts.get(zone, 0) - one.wanted for zone, one in room.items() if counts.get(zone, 0) > one.wanted}
    under = {zone: one.wanted - counts.get(zone, 0) for zone, one in room.items() if counts.get(zone, 0) < one.wanted}
    giving, receiving = dict.fromkeys(over, 0), dict.fromkeys(under, 0)
    while over and under:
        giver, taker = _most(over), _most(under)
        if max(over[giver], under[taker]) < 1 or min(over[giver], under[taker]) < 0.5:
            break
        giving[giver] += 1
        over[giver] -= 1
        receiving[taker] += 1
        under[taker] -= 1
    return giving, receiving


def _most(zones: Mapping[str, float]) -> str:
    return max(sorted(zones), key=lambda zone: zones[zone])


def counted(endpoints: Iterable[Object], taken: Mapping[str, int], room: Mapping[str, Room]) -> dict[str, int] | None:
    """The zones that the ready endpoints of a slice have been given; None where the slice can't stay as it is."""
    found: dict[str, int] = {}
    for endpoint in endpoints:
        zones = [hint["name"] for hint in (endpoint.get("hints") or {}).get("forZones") or ()]
        if not zones or any(zone not in room for zone in zones):
            return None
        for zone in zones:
            found[zone] = found.get(zone, 0) + 1
    fits = all(number + taken.get(zone, 0) <= room[zone].most for zone, number in found.items())
    return found if fits else None
