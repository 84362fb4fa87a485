"""A kubelet's /metrics/resource, as points: how much was used until when. Pure.

The page is Prometheus text, which says of each container its CPU time, its working set and its start. What is no such
page raises ValueError. Names: k8s.io/kubernetes/pkg/kubelet/metrics/collectors, resource_metrics.go.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from sampan.machinery.meta import Key


class Point(NamedTuple):
    """What was used until a time: seconds of CPU in all, and bytes then."""

    at: float  # seconds since 1970
    cpu: float
    memory: int
    started: float = 0.0  # since when; 0: not known


Containers = Mapping[str, Point]  # by name


@dataclass(slots=True)
class Batch:
    """One answer of one kubelet."""

    node: Point | None = None
    pods: dict[Key, Containers] = field(default_factory=dict)


_CPU, _MEMORY, _STARTED = "cpu_usage_seconds_total", "memory_working_set_bytes", "start_time_seconds"
_OF_NODE = {"node_cpu_usage_seconds_total": _CPU, "node_memory_working_set_bytes": _MEMORY}
_OF_CONTAINER = {f"container_{name}": name for name in (_CPU, _MEMORY, _STARTED)}
_LATEST = 253402300799.0  # the end of the year 9999
_Found = dict[str, tuple[float, float]]  # what -> value, and when


def batch_of(text: str, now: float) -> Batch:
    """The points of a page; `now` is when those were that do not say it."""
    node: _Found = {}
    containers: dict[tuple[Key, str], _Found] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in _OF_NODE:
                node[_OF_NODE[sample.name]] = _reading(sample, now)
            elif sample.name in _OF_CONTAINER:
                labels = sample.labels
                key = Key(labels.get("namespace", ""), labels.get("pod", ""))
                found = containers.setdefault((key, labels.get("container", "")), {})
                found[_OF_CONTAINER[sample.name]] = _reading(sample, now)
    return Batch(_point(node), _by_pod(containers))


def _reading(sample: Sample, now: float) -> tuple[float, float]:
    value, at = float(sample.value), now if sample.timestamp is None else float(sample.timestamp)
    if not (0 <= value < math.inf and 0 <= at <= _LATEST):  # nor are they NaN
        raise ValueError(f"{sample.name} is {value} at {at}")
    return value, at


def _point(found: _Found) -> Point | None:
    """None where a figure is missing."""
    if _CPU not in found or _MEMORY not in found:
        return None
    (cpu, at), (memory, _) = found[_CPU], found[_MEMORY]
    return Point(at, cpu, int(memory), found.get(_STARTED, (0.0, 0.0))[0])


def _by_pod(containers: Mapping[tuple[Key, str], _Found]) -> dict[Key, Containers]:
    """A pod of which a container has no figures has none."""
    pods: dict[Key, dict[str, Point]] = {}
    unknown = set()
    for (key, name), found in containers.items():
        point = _point(found)
        if point is None:
            unknown.add(key)
        else:
            pods.setdefault(key, {})[name] = point
    return {key: points for key, points in pods.items() if key not in unknown}
