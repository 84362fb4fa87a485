"""What probes have found, for /metrics/probes, under upstream's names (k8s.io/kubernetes/pkg/kubelet/prober).

Counted by probes.py; what is known of a pod goes with it, so the number of series is bounded by the node's pods.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # Prometheus's default ones
_PLACE = ("probe_type", "container", "pod", "namespace")


class Probed(NamedTuple):
    """Which probe of which container."""

    kind: str  # Liveness, Readiness, Startup
    container: str
    pod: str
    namespace: str
    uid: str  # the pod's


@dataclass(slots=True)
class _Seen:
    results: dict[str, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    seconds: float = 0.0


class ProbeMetrics(Collector):
    """One for a kubelet."""

    def __init__(self) -> None:
        self._seen: dict[Probed, _Seen] = {}

    def count(self, probed: Probed, *, success: bool, seconds: float) -> None:
        """One probe has been made; successful ones tell how long they take."""
        seen = self._seen.setdefault(probed, _Seen())
        result = "successful" if success else "failed"
        seen.results[result] = seen.results.get(result, 0) + 1
        if success:
            seen.buckets[bisect_left(_BUCKETS, seconds)] += 1
            seen.seconds += seconds

    def forget(self, uid: str) -> None:
        """A pod has gone."""
        self._seen = {probed: seen for probed, seen in self._seen.items() if probed.uid != uid}

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        total = CounterMetricFamily(
            "prober_probe",
            "Cumulative number of a liveness, readiness or startup probe for a container by result.",
            labels=("probe_type", "result", "container", "pod", "namespace", "pod_uid"),
        )
        duration = HistogramMetricFamily(
            "prober_probe_duration_seconds", "Duration in seconds for a probe response.", labels=_PLACE
        )
        for probed, seen in self._seen.items():
            kind, *place = probed[:4]
            for result, count in seen.results.items():
                total.add_metric((kind, result, *place, probed.uid), count)
            duration.add_metric((kind, *place), _cumulative(seen.buckets), seen.seconds)
        return total, duration


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    so_far, found = 0, []
    for bound, count in zip((*map(str, _BUCKETS), "+Inf"), counts, strict=True):
        so_far += count
        found.append((bound, float(so_far)))
    return found
