"""What controllers count, under the names of controller-runtime so that its dashboards work."""

from prometheus_client import Counter, Histogram
from prometheus_client.registry import CollectorRegistry


class ReconcileMetrics:
    """Made once per process, in the registry that its /metrics shows; alone, it counts for nobody."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._total = Counter(
            "controller_runtime_reconcile_total",
            "Total number of reconciliations per controller",
            ["controller", "result"],
            registry=registry,
        )
        self._seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            ["controller"],
            registry=registry,
        )

    def reconciled(self, controller: str, result: str, seconds: float) -> None:
        """Count one reconciliation; result is success, requeue_after, error or terminal_error."""
        self._total.labels(controller, result).inc()
        self._seconds.labels(controller).observe(seconds)
