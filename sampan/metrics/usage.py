"""Two points, as a use of CPU and memory: the fields of NodeMetrics and PodMetrics. Pure.

CPU is what was used between two answers of the kubelet, for each second; memory is what is used now. A container that
has started in between is measured from its start, if that is long enough ago to say something.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from sampan.machinery.durations import go_duration
from sampan.machinery.meta import Object, format_time
from sampan.machinery.quantity import Quantity
from sampan.metrics.scraped import Containers, Point

FRESH = 10.0  # seconds; a container that has run for less has no figures
_NANO = 10**9
_MOST = 2**63 - 1


class Use(NamedTuple):
    """Of CPU in thousand-millionths of a core, and of memory in bytes, over so many seconds until a time."""

    at: float
    window: float
    cpu: int
    memory: int


def use_of(before: Point | None, now: Point) -> Use | None:
    """None where nothing can be said yet."""
    if before is None or now.cpu < before.cpu or now.started > before.at:
        if not now.started or now.at - now.started < FRESH:
            return None
        before = Point(now.started, 0.0, 0)
    window = now.at - before.at
    if window <= 0:
        return None
    return Use(now.at, window, round(min((now.cpu - before.cpu) / window * _NANO, _MOST)), min(now.memory, _MOST))


def node_fields(before: Point | None, now: Point) -> Object | None:
    """What a NodeMetrics says; None where nothing can be said."""
    use = use_of(before, now)
    return None if use is None else {**_time(use), "usage": _usage(use)}


def pod_fields(before: Containers, now: Containers) -> Object | None:
    """What a PodMetrics says, of all containers or not at all; its time is that of the oldest figure."""
    uses: Mapping[str, Use | None] = {name: use_of(before.get(name), point) for name, point in now.items()}
    known = {name: use for name, use in uses.items() if use is not None}
    if not known or len(known) < len(uses):
        return None
    containers = [{"name": name, "usage": _usage(use)} for name, use in sorted(known.items())]
    return {**_time(min(known.values())), "containers": containers}


def _time(use: Use) -> Object:
    return {"timestamp": format_time(datetime.fromtimestamp(use.at, UTC)), "window": go_duration(round(use.window, 3))}


def _usage(use: Use) -> Object:
    return {"cpu": str(Quantity(use.cpu)), "memory": str(Quantity(use.memory * _NANO, "BinarySI"))}
