"""How full a node would be with a pod, as a score: the strategies of NodeResourcesFit, and the balance of resources.

A score is a function of pod and node, made once from what is configured. Pure; called by the plugins for resources.
Source: pkg/scheduler/framework/plugins/noderesources.
"""

from collections.abc import Callable, Iterator, Sequence
from math import floor, sqrt
from typing import NamedTuple

from sampan.kinds.core.pod_requests import CPU, MEMORY, STORAGE
from sampan.scheduler.framework import MAX_SCORE
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

_MOST_UTILIZATION = 100
_MOST_CUSTOM_SCORE = 10

Score = Callable[[PodInfo, NodeInfo], int]
Shape = Sequence[tuple[int, int]]  # utilization in percent, and the score there, 0 to 10
_ResourceScore = Callable[[int, int], int]  # of what would be requested, and what there is


class Weighed(NamedTuple):
    """A resource, and how much it counts."""

    name: str
    weight: int = 1


DEFAULT_RESOURCES = (Weighed(CPU), Weighed(MEMORY))


def strategy(kind: str, resources: Sequence[Weighed] = DEFAULT_RESOURCES, shape: Shape = ()) -> Score:
    """LeastAllocated, MostAllocated or RequestedToCapacityRatio."""
    known = [resource for resource in resources if resource.name in (CPU, MEMORY, STORAGE) or _is_scalar(resource.name)]
    if kind == "RequestedToCapacityRatio":
        return _by_shape(known, ratio_by(shape))
    of_one = {"LeastAllocated": _free_share, "MostAllocated": _used_share}[kind]

    def score(pod: PodInfo, node: NodeInfo) -> int:
        total = weights = 0
        for weight, requested, offered in _use(known, pod, node):
            total += of_one(requested, offered) * weight
            weights += weight
        return total // weights if weights else 0

    return score


def ratio_by(shape: Shape) -> _ResourceScore:
    """A score of utilization along the lines between the points of a shape."""

    def score(requested: int, offered: int) -> int:
        if offered == 0 or requested > offered:
            return _on(shape, _MOST_UTILIZATION)
        return _on(shape, requested * _MOST_UTILIZATION // offered)

    return score


def balance(resources: Sequence[Weighed]) -> Score:
    """How much evener, or less even, resources would be used with a pod; pods that ask for none of them don't count.

    75 is no difference.
    """
    names = [name for name, _ in resources if name in _ALWAYS or _is_scalar(name)]
    if len(names) == 2 and _ALWAYS.issuperset(names):
        return _balance_of_two(*names)

    def score(pod: PodInfo, node: NodeInfo) -> int:
        asked = pod.requests
        if not any(asked.get(name) for name in names):
            return 0
        before, after = [], []
        for name in names:
            offered, more = node.allocatable.get(name, 0), asked.get(name, 0)
            if offered and (more or name in _ALWAYS):
                used = node.requested.get(name, 0)
                before.append(min(used / offered, 1.0))
                after.append(min((used + more) / offered, 1.0))
        return (MAX_SCORE + (MAX_SCORE // 2 + _evenness(after) - _evenness(before))) // 2

    return score


def _balance_of_two(one: str, other: str) -> Score:
    """The same, of two that count for every pod, as by default: half the time, and asked for every kind of pod."""

    def score(pod: PodInfo, node: NodeInfo) -> int:
        asked, used, offered = pod.requests, node.requested, node.allocatable
        more, more_other = asked.get(one, 0), asked.get(other, 0)
        if not more and not more_other:
            return 0
        of_one, of_other = offered.get(one, 0), offered.get(other, 0)
        if not of_one or not of_other:
            return _NO_DIFFERENCE
        taken, taken_other = used.get(one, 0), used.get(other, 0)
        before = _evenness_of_two(taken / of_one, taken_other / of_other)
        after = _evenness_of_two((taken + more) / of_one, (taken_other + more_other) / of_other)
        return (MAX_SCORE + (MAX_SCORE // 2 + after - before)) // 2

    return score


def _evenness_of_two(one: float, other: float) -> int:
    difference = (one if one < 1 else 1.0) - (other if other < 1 else 1.0)
    return int((1 - abs(difference) / 2) * MAX_SCORE)


_ALWAYS = frozenset({CPU, MEMORY, STORAGE})
_NO_DIFFERENCE = 3 * MAX_SCORE // 4


def _is_scalar(name: str) -> bool:
    """Whether the resource counts only for pods that ask for it: devices, huge pages, attachable volumes."""
    return "/" in name or name.startswith(("hugepages-", "attachable-volumes-"))


def _use(resources: Sequence[Weighed], pod: PodInfo, node: NodeInfo) -> Iterator[tuple[int, int, int]]:
    """The weight of each resource that counts, what would be requested of it, and what there is of it."""
    for name, weight in resources:
        offered = node.allocatable.get(name, 0)
        if not offered:
            continue
        if name == CPU:
            yield weight, node.score_cpu + pod.score_cpu, offered
        elif name == MEMORY:
            yield weight, node.score_memory + pod.score_memory, offered
        elif (asked := pod.requests.get(name, 0)) or name == STORAGE:
            yield weight, node.requested.get(name, 0) + asked, offered


def _free_share(requested: int, offered: int) -> int:
    return 0 if requested > offered else (offered - requested) * MAX_SCORE // offered


def _used_share(requested: int, offered: int) -> int:
    return min(requested, offered) * MAX_SCORE // offered


def _by_shape(resources: Sequence[Weighed], of_one: _ResourceScore) -> Score:
    """Resources that score nothing are left out of the mean, which is rounded."""

    def score(pod: PodInfo, node: NodeInfo) -> int:
        total = weights = 0
        for weight, requested, offered in _use(resources, pod, node):
            if points := of_one(requested, offered):
                total += points * weight
                weights += weight
        return floor(total / weights + 0.5) if weights else 0

    return score


def _on(shape: Shape, utilization: int) -> int:
    """The score on the line at a utilization; before the first point and after the last it stays as it is there."""
    scale = MAX_SCORE // _MOST_CUSTOM_SCORE
    left, below = shape[0]
    if utilization <= left:
        return below * scale
    for right, above in shape[1:]:
        if utilization <= right:
            rise = (above - below) * scale * (utilization - left)
            return below * scale + int(rise / (right - left))  # towards zero, as Go divides
        left, below = right, above
    return below * scale


def _evenness(shares: Sequence[float]) -> int:
    """MAX_SCORE less the standard deviation."""
    if len(shares) == 2:
        deviation = abs(shares[0] - shares[1]) / 2
    elif len(shares) > 2:
        mean = sum(shares) / len(shares)
        deviation = sqrt(sum((share - mean) ** 2 for share in shares) / len(shares))
    else:
        deviation = 0.0
    return int((1 - deviation) * MAX_SCORE)
