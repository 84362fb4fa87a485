"""What controllers count, under the names of controller-runtime so that its dashboards work."""

from prometheus_client import Counter, Histogram

_TOTAL = Counter(
    "controller_runtime_reconcile_total", "Total number of reconciliations per controller", ["controller", "result"]
)
_SECONDS = Histogram(
    "controller_runtime_reconcile_time_seconds", "Length of time per reconciliation per controller", ["controller"]
)


def reconciled(controller: str, result: str, seconds: float) -> None:
    """Count one reconciliation; result is success, requeue_after, error or terminal_error."""
    _TOTAL.labels(controller, result).inc()
    _SECONDS.labels(controller).observe(seconds)
