"""What is counted about APIServices, under upstream's names (k8s.io/kube-aggregator/pkg/controllers/status/metrics)."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

_NAME = "aggregator_unavailable_apiservice"


class AvailabilityMetrics(Collector):
    """Made once per server, a Collector of the registry that its /metrics shows. Names are those of stored objects."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._available: dict[str, bool] = {}
        self._became_unavailable: dict[tuple[str, str], int] = {}  # (name, reason) -> how often
        registry.register(self)

    def set_available(self, name: str, available: bool) -> None:
        """As the last check found it."""
        self._available[name] = available

    def became_unavailable(self, name: str, reason: str) -> None:
        """It was available before."""
        self._became_unavailable[name, reason] = self._became_unavailable.get((name, reason), 0) + 1

    def forget(self, name: str) -> None:
        """It is gone."""
        self._available.pop(name, None)

    def describe(self) -> Iterable[Metric]:
        """Nothing: to prometheus_client gauge and counter have one name, as "_total" is no part of it."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        gauge = GaugeMetricFamily(_NAME, "APIServices which are marked as unavailable, by name.", labels=("name",))
        for name, available in list(self._available.items()):
            gauge.add_metric((name,), 0 if available else 1)
        yield gauge
        labels = ("name", "reason")
        counter = CounterMetricFamily(
            _NAME, "How often APIServices became unavailable, by name and reason.", labels=labels
        )
        for place, count in list(self._became_unavailable.items()):
            counter.add_metric(place, count)
        yield counter
