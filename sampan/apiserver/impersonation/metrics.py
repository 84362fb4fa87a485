"""Impersonation under upstream's names: k8s.io/apiserver/pkg/endpoints/filters/impersonation/metrics."""

from prometheus_client import Counter, Histogram
from prometheus_client.registry import CollectorRegistry

_LABELS = ("mode", "decision")
_BUCKETS = tuple(0.001 * 2**power for power in range(15))


class ImpersonationMetrics:
    """Counts in `registry`. Modes and decisions are few."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prefix = "apiserver_impersonation"
        self._attempts = Counter(
            f"{prefix}_attempts", "Impersonation attempts by mode and decision.", _LABELS, registry=registry
        )
        self._attempt_seconds = Histogram(
            f"{prefix}_attempts_duration_seconds",
            "Latency of impersonation attempts in seconds by mode and decision.",
            _LABELS,
            buckets=_BUCKETS,
            registry=registry,
        )
        self._checks = Counter(
            f"{prefix}_authorization_attempts",
            "Authorization checks made for impersonation by mode and decision.",
            _LABELS,
            registry=registry,
        )
        self._check_seconds = Histogram(
            f"{prefix}_authorization_attempts_duration_seconds",
            "Latency of authorization checks made for impersonation in seconds by mode and decision.",
            _LABELS,
            buckets=_BUCKETS,
            registry=registry,
        )

    def attempted(self, mode: str, decision: str, seconds: float) -> None:
        """A request asked to be another user's."""
        self._attempts.labels(mode, decision).inc()
        self._attempt_seconds.labels(mode, decision).observe(seconds)

    def asked(self, mode: str, decision: str, seconds: float) -> None:
        """One question of such a request was answered."""
        self._checks.labels(mode, decision).inc()
        self._check_seconds.labels(mode, decision).observe(seconds)
