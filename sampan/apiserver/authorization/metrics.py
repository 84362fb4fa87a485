"""Metrics of authorization under upstream's names.

k8s.io/apiserver/pkg/authorization/metrics, pkg/authorization/cel, plugin/pkg/authorizer/webhook/metrics.
Names of authorizers come from the configuration.
"""

from collections.abc import Iterable

from prometheus_client import Counter, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from sampan.apiserver.config_reloads import ConfigReloads

_AUTHORIZATION = "apiserver_authorization"
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25)


class DecisionCounts(Collector):
    """How often each authorizer decided: plain dicts, for every request counts."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str, str], int] = {}  # type, name, allowed or denied

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        family = CounterMetricFamily(
            f"{_AUTHORIZATION}_decisions",
            "Total number of terminal decisions made by an authorizer split by authorizer type, name, and decision.",
            labels=("type", "name", "decision"),
        )
        for labels, count in self.counts.items():
            family.add_metric(labels, count)
        yield family


class AuthorizationMetrics(ConfigReloads):
    """Counts in `registry`; `server_id` tells API servers apart."""

    def __init__(self, registry: CollectorRegistry, server_id: str) -> None:
        super().__init__(registry, "authorization", server_id)
        self._registry = registry
        self._rounds = self._counter("webhook_evaluations", "Round-trips to authorization webhooks.", "name", "result")
        self._latency = Histogram(
            f"{_AUTHORIZATION}_webhook_duration_seconds",
            "Request latency in seconds.",
            ("name", "result"),
            registry=registry,
        )
        self._open = self._counter(
            "webhook_evaluations_fail_open", "NoOpinion results due to webhook timeout or error.", "name", "result"
        )
        self._condition_errors = self._counter(
            "match_condition_evaluation_errors", "Match conditions without a value, by authorizer.", "type", "name"
        )
        self._exclusions = self._counter(
            "match_condition_exclusions", "Questions that match conditions kept from a webhook.", "type", "name"
        )
        self._condition_seconds = Histogram(
            f"{_AUTHORIZATION}_match_condition_evaluation_seconds",
            "Authorization match condition evaluation time in seconds, split by authorizer type and name.",
            ("type", "name"),
            buckets=_SECONDS,
            registry=registry,
        )

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(f"{_AUTHORIZATION}_{name}", help_, labels, registry=self._registry)

    def asked(self, name: str, result: str, seconds: float) -> None:
        """A webhook was asked: "success", "timeout", "error" or "canceled"."""
        self._rounds.labels(name, result).inc()
        self._latency.labels(name, result).observe(seconds)

    def failed_open(self, name: str, result: str) -> None:
        """A webhook that did not answer was passed over."""
        self._open.labels(name, result).inc()

    def conditions_judged(self, name: str, seconds: float, *, failed: bool, excluded: bool) -> None:
        """Match conditions were evaluated; one that is false or has no value keeps the question from the webhook."""
        self._condition_seconds.labels("Webhook", name).observe(seconds)
        if failed:
            self._condition_errors.labels("Webhook", name).inc()
        elif excluded:
            self._exclusions.labels("Webhook", name).inc()
