"""How many pods a measured use asks for. Pure.

    replicas = ceil(pods that count * measured / target)

unless measured / target is within the tolerance of 1. Targets and uses are in thousandths. Rule: docs, Horizontal Pod
Autoscaling, "Algorithm details"; upstream's replica_calculator.go.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from sampan.controllers.horizontal_pod_autoscaler.metric_values import PodMetrics
from sampan.controllers.horizontal_pod_autoscaler.numbers import (
    ceiling,
    ceiling64,
    int32,
    int64,
    quotient,
    ratio,
)
from sampan.controllers.horizontal_pod_autoscaler.pods import (
    CalculationError,
    Groups,
    Timing,
    grouped,
    ready_pods,
    requests_of,
)
from sampan.machinery.meta import Object

DEFAULT_TOLERANCE = 0.1


class Tolerances(NamedTuple):
    """By how much a use may be beside its target without anything being done about it."""

    down: float = DEFAULT_TOLERANCE
    up: float = DEFAULT_TOLERANCE

    def cover(self, ratio_: float) -> bool:
        """Whether a use of so many times the target is near enough."""
        return 1.0 - self.down <= ratio_ <= 1.0 + self.up


class Wanted(NamedTuple):
    """So many pods, since so much is used: on average, and in percent of what is requested."""

    replicas: int
    usage: int
    utilization: int | None = None


class Use(NamedTuple):
    """What some pods use: how many times the target, on average, and in percent of what is requested."""

    ratio: float
    average: int
    utilization: int | None = None


class Gauge(Protocol):
    """A target for the use of each pod."""

    def use(self, figures: Mapping[str, int]) -> Use:
        """What pods of these figures use; raises CalculationError."""

    def assumed(self, pod: str) -> int:
        """The figure of a pod that has none, when fewer pods are wanted."""


class Utilization(NamedTuple):
    """In percent of what pods request."""

    percent: int
    requests: Mapping[str, int]

    def use(self, figures: Mapping[str, int]) -> Use:
        known = [name for name in figures if name in self.requests]
        total, requested = (sum(found[name] for name in known) for found in (figures, self.requests))
        if not requested:
            raise CalculationError("no metrics returned matched known pods")
        share = int32(quotient(total * 100, requested))
        return Use(ratio(share, self.percent), int64(quotient(total, len(known))), share)

    def assumed(self, pod: str) -> int:
        """All that it requests, or as much as it should use of it, if that is more."""
        return self.requests[pod] * max(100, self.percent) // 100


class AverageUse(NamedTuple):
    """As it is."""

    target: int

    def use(self, figures: Mapping[str, int]) -> Use:
        average = int64(quotient(sum(figures.values()), len(figures)))
        return Use(ratio(average, self.target), average)

    def assumed(self, pod: str) -> int:
        return self.target


class Measured(NamedTuple):
    """Pods and what they were measured to do; `resource` is "" where that is of no resource."""

    pods: Sequence[Object]
    metrics: PodMetrics
    resource: str
    timing: Timing


def for_utilization(current: int, percent: int, found: Measured, container: str, tolerances: Tolerances) -> Wanted:
    """By the use of a resource, in percent of what pods, or their containers of a name, request of it."""
    groups, figures = _counted(found)
    gauge = Utilization(percent, requests_of(found.pods, container, found.resource))
    return _wanted(current, gauge, figures, groups, tolerances)


def for_average(current: int, target: int, found: Measured, tolerances: Tolerances) -> Wanted:
    """By a use on average."""
    groups, figures = _counted(found)
    return _wanted(current, AverageUse(target), figures, groups, tolerances)


def for_value(current: int, usage: int, target: int, pods: Sequence[Object], tolerances: Tolerances) -> Wanted:
    """By a value that more pods make smaller, and fewer larger. From zero pods on, it is by the value alone."""
    times = ratio(usage, target)
    if current == 0:
        return Wanted(ceiling(times), usage)
    if tolerances.cover(times):
        return Wanted(current, usage)
    try:
        return Wanted(ceiling(times * ready_pods(pods)), usage)
    except CalculationError as error:
        raise CalculationError(f"unable to calculate ready pods: {error}") from error


def for_value_per_pod(there: int, usage: int, target: int, tolerances: Tolerances) -> Wanted:
    """By a value of which each pod, of so many that are there, has its part. Without pods, one would have it all."""
    near = tolerances.cover(ratio(usage, float(target) * there))
    average = ceiling64(ratio(usage, there)) if there > 0 else usage
    return Wanted(there if near else ceiling(ratio(usage, target)), average)


def total(values: Sequence[int]) -> int:
    """Of all series of an external metric, as far as 64 bits go. Upstream takes a negative sum for one beyond them."""
    return int64(sum(values))


def _counted(found: Measured) -> tuple[Groups, dict[str, int]]:
    """Which pods count, and their figures."""
    if not found.pods:
        raise CalculationError("no pods returned by selector while calculating replica count")
    groups = grouped(found.pods, found.metrics, found.resource, found.timing)
    left_out = groups.ignored | groups.unready
    figures = {name: metric.value for name, metric in found.metrics.items() if name not in left_out}
    if not figures:
        raise CalculationError("did not receive metrics for targeted pods (pods might be unready)")
    return groups, figures


def _wanted(current: int, gauge: Gauge, figures: dict[str, int], groups: Groups, tolerances: Tolerances) -> Wanted:
    use = gauge.use(figures)
    grows_with_unready = bool(groups.unready) and use.ratio > 1
    if not grows_with_unready and not groups.missing:
        replicas = current if tolerances.cover(use.ratio) else ceiling(use.ratio * groups.ready)
        return Wanted(replicas, use.average, use.utilization)
    if use.ratio < 1:
        figures = figures | {name: gauge.assumed(name) for name in groups.missing}
    elif use.ratio > 1:
        figures = figures | dict.fromkeys(groups.missing, 0)
    if grows_with_unready:
        figures = figures | dict.fromkeys(groups.unready, 0)
    replicas = _cautious(current, use.ratio, gauge.use(figures).ratio, len(figures), tolerances)
    return Wanted(replicas, use.average, use.utilization)


def _cautious(current: int, before: float, after: float, pods: int, tolerances: Tolerances) -> int:
    """What is asked for once assumptions are made, which may lessen a change, but not turn it around."""
    if tolerances.cover(after) or (before < 1 < after) or (after < 1 < before):
        return current
    replicas = ceiling(after * pods)
    turned = (after < 1 and replicas > current) or (after > 1 and replicas < current)
    return current if turned else replicas
