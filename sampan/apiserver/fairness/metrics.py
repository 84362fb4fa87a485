"""Priority and fairness under upstream's names (k8s.io/apiserver/pkg/util/flowcontrol/metrics), made on scrape."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from sampan.apiserver.fairness.counts import Counts
from sampan.apiserver.fairness.levels import Levels, LevelState
from sampan.apiserver.histogram import Histogram

_LEVEL, _PLACE = ("priority_level",), ("priority_level", "flow_schema")

_OF_LEVELS: tuple[tuple[str, str, Callable[[LevelState], float]], ...] = (
    ("nominal_limit_seats", "Seats of each priority level by its shares.", lambda s: s.limits.nominal),
    ("lower_limit_seats", "Seats that each priority level keeps at least.", lambda s: s.limits.lower),
    ("upper_limit_seats", "Seats that each priority level may come to.", lambda s: s.limits.upper),
    ("current_limit_seats", "Seats that each priority level has now.", lambda s: s.seats),
    ("target_seats", "Targets of the last division of seats.", lambda s: s.target),
    ("demand_seats_high_watermark", "Most seats needed in the last period.", lambda s: s.demand.last.most),
    ("demand_seats_average", "Mean of the seats needed in the last period.", lambda s: s.demand.last.mean),
    ("demand_seats_stdev", "Deviation of the seats needed in the last period.", lambda s: s.demand.last.deviation),
    ("demand_seats_smoothed", "Seats needed, smoothed.", lambda s: s.demand.smoothed),
    ("current_r", "The virtual clock.", lambda s: s.queues.r),
)
_OF_FLOWS: tuple[tuple[str, str, Callable[[Counts], float]], ...] = (
    ("current_inqueue_requests", "Requests that wait in queues.", lambda c: c.in_queues),
    ("current_inqueue_seats", "Seats that requests in queues wait for.", lambda c: c.seats_in_queues),
    ("current_executing_requests", "Requests that are being served.", lambda c: c.executing),
    ("current_executing_seats", "Seats that are taken.", lambda c: c.seats_executing),
)


class FairnessMetrics(Collector):
    """A Collector of `registry`, which a thread may ask. Label values are the names of levels and schemas."""

    def __init__(self, levels: Levels, registry: CollectorRegistry) -> None:
        self._levels = levels
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks for no levels yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        levels = self._levels
        for name, text, value in _OF_LEVELS:
            gauge = GaugeMetricFamily(_full(name), text, labels=_LEVEL)
            for level, state in list(levels.states.items()):
                gauge.add_metric((level,), value(state))
            yield gauge
        yield GaugeMetricFamily(_full("seat_fair_frac"), "The fair fraction of targets.", value=levels.fair)
        yield from _measured(levels)
        yield from _counted(levels)


def _full(name: str) -> str:
    return f"apiserver_flowcontrol_{name}"


def _measured(levels: Levels) -> Iterator[Metric]:
    """What is measured over time."""
    seats = HistogramMetricFamily(
        _full("priority_level_seat_utilization"), "Use of seats, at each nanosecond.", labels=("phase", *_LEVEL)
    )
    requests = HistogramMetricFamily(
        _full("priority_level_request_utilization"),
        "Requests per limit, at each nanosecond.",
        labels=("phase", *_LEVEL),
    )
    demands = HistogramMetricFamily(
        _full("demand_seats"), "Seats that could be used per limit, at each nanosecond.", labels=_LEVEL
    )
    for name, state in list(levels.states.items()):
        meters = state.queues.meters
        _add(seats, ("executing", name), meters.seats_used)
        _add(requests, ("executing", name), meters.requests_executing)
        _add(requests, ("waiting", name), meters.requests_waiting)
        _add(demands, (name,), meters.demanded)
    yield from (seats, requests, demands)


def _counted(levels: Levels) -> Iterator[Metric]:
    """What is counted of each schema at its level."""
    for name, text, value in _OF_FLOWS:
        gauge = GaugeMetricFamily(_full(name), text, labels=_PLACE)
        for place, counts in list(levels.counts.items()):
            gauge.add_metric(place, value(counts))
        yield gauge
    yield from _totals(levels)
    yield from _histograms(levels)


def _totals(levels: Levels) -> Iterator[Metric]:
    dispatched = CounterMetricFamily(_full("dispatched_requests"), "Requests that were served.", labels=_PLACE)
    rejected = CounterMetricFamily(
        _full("rejected_requests"), "Requests that were refused.", labels=(*_PLACE, "reason")
    )
    blocked = CounterMetricFamily(
        _full("request_dispatch_no_accommodation"), "How often a request's turn found too few seats.", labels=_PLACE
    )
    for place, counts in list(levels.counts.items()):
        dispatched.add_metric(place, counts.dispatched + counts.at_once)
        blocked.add_metric(place, counts.no_accommodation)
        for reason, count in list(counts.rejected.items()):
            rejected.add_metric((*place, reason), count)
    yield from (dispatched, rejected, blocked)


def _histograms(levels: Levels) -> Iterator[Metric]:
    waits = HistogramMetricFamily(
        _full("request_wait_duration_seconds"), "Time in queues.", labels=(*_PLACE, "execute")
    )
    executions = HistogramMetricFamily(
        _full("request_execution_seconds"), "Time that serving took.", labels=(*_PLACE, "type")
    )
    lengths = HistogramMetricFamily(
        _full("request_queue_length_after_enqueue"), "Length of a queue as each request found it.", labels=_PLACE
    )
    seats = HistogramMetricFamily(_full("work_estimated_seats"), "Seats of each request.", labels=_PLACE)
    watches = HistogramMetricFamily(_full("watch_count_samples"), "Watches that each write concerns.", labels=_PLACE)
    for place, counts in list(levels.counts.items()):
        if not _is_exempt(levels, place[0]):
            _add(waits, (*place, "true"), counts.waited, counts.at_once, 0)
            _add(waits, (*place, "false"), counts.waited_in_vain)
            _add(lengths, place, counts.queue_lengths)
        mean = counts.seconds_at_once / (counts.at_once or 1)
        _add(executions, (*place, "regular"), counts.executed, counts.at_once, mean)
        _add(executions, (*place, "watch"), counts.watched)
        _add(seats, place, counts.seats, counts.at_once, 1)
        _add(watches, place, counts.watches)
    yield from (waits, executions, lengths, seats, watches)


def _is_exempt(levels: Levels, name: str) -> bool:
    state = levels.states.get(name)
    return state is not None and state.level.exempt


def _add(
    family: HistogramMetricFamily, labels: tuple[str, ...], found: Histogram, more: int = 0, value: float = 0
) -> None:
    """One histogram, with `more` observations of a value that were only counted; none where nothing was observed."""
    shown = Histogram(found.bounds)
    shown.counts, shown.total = list(found.counts), found.total
    if more:
        shown.observe(value, more)
    if any(shown.counts):
        family.add_metric(labels, shown.cumulative(), shown.total)
