"""Request metrics under upstream's names, kept in plain dicts (a request costs two look-ups) and rendered on scrape.

Label values come only from the routing table and fixed words, so their number is bounded whatever clients send.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from sampan.apiserver.requestinfo import RequestInfo

_LABELS = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
_LONG_RUNNING = {"WATCH", "CONNECT"}
_SHOWN_VERBS = {"get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "update": "PUT", "patch": "PATCH"}
_STREAMS = frozenset({"exec", "attach", "portforward", "log", "proxy"})

Place = tuple[str, str, str, str, str, str]


class _Series:
    __slots__ = ("buckets", "codes", "total")

    def __init__(self) -> None:
        self.codes: dict[int, int] = {}
        self.buckets = [0] * (len(_BUCKETS) + 1)
        self.total = 0.0


class Metrics(Collector):
    """Observes requests; a Collector of `registry`, where other components of the process count too."""

    def __init__(
        self,
        known: Callable[[RequestInfo], bool],
        objects: Callable[[], Iterable[tuple[str, int]]],
        registry: CollectorRegistry,
    ) -> None:
        self._known = known  # whether the routing table has the request's place
        self._objects = objects  # how many objects are stored of each resource
        self._series: dict[Place, _Series] = {}
        self.registry = registry
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def observe(self, info: RequestInfo, code: int, seconds: float) -> None:
        """Count one answered request; long-running ones are counted when they begin."""
        place = self._place(info)
        series = self._series.get(place)
        if series is None:
            series = self._series[place] = _Series()
        series.codes[code] = series.codes.get(code, 0) + 1
        series.buckets[bisect_left(_BUCKETS, seconds)] += 1
        series.total += seconds

    def _place(self, info: RequestInfo) -> Place:
        if not info.is_resource or not self._known(info):
            return (info.verb.upper() if info.verb in ("get", "post") else "other", "", "", "", "", "")
        verb = "CONNECT" if info.subresource in _STREAMS else _SHOWN_VERBS.get(info.verb) or info.verb.upper()
        scope = "resource" if not info.is_collection else ("namespace" if info.namespace else "cluster")
        return (verb, info.group, info.version, info.resource, info.subresource, scope)

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        total = CounterMetricFamily(
            "apiserver_request", "Requests by verb, resource and HTTP code.", labels=(*_LABELS, "code")
        )
        duration = HistogramMetricFamily(
            "apiserver_request_duration_seconds", "Response latency in seconds.", labels=_LABELS
        )
        for place, series in list(self._series.items()):
            labels = (*place, "apiserver")
            for code, count in list(series.codes.items()):
                total.add_metric((*labels, str(code)), count)
            if place[0] not in _LONG_RUNNING:
                duration.add_metric(labels, _cumulative(series.buckets), series.total)
        yield total
        yield duration
        stored = GaugeMetricFamily("apiserver_storage_objects", "Stored objects by resource.", labels=("resource",))
        for resource, count in self._objects():
            stored.add_metric((resource,), count)
        yield stored


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    """Counts per bucket as Prometheus's cumulative ones."""
    so_far = 0
    found: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, _BUCKETS), "+Inf"), counts, strict=True):
        so_far += count
        found.append((bound, so_far))
    return found
