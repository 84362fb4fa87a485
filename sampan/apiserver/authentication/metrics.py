"""How often and how fast callers are authenticated, under upstream's names (k8s.io/apiserver/pkg/endpoints/filters).

Kept in plain numbers, as every request counts, and rendered on scrape. Two of the names lack the _total that the
library would give to counters.
"""

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from sampan.apiserver.authentication.user import User
from sampan.apiserver.histogram import Histogram

_BUCKETS = tuple(0.001 * 2**power for power in range(15))
_HOUR, _DAY = 3600, 24 * 3600
_LIFETIMES = tuple(hours * _HOUR for hours in (0, 0.5, 1, 2, 6, 12)) + tuple(
    days * _DAY for days in (1, 2, 4, 7, 30, 90, 180, 360)
)
_WITH_NAME = frozenset({"admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"})


class AuthenticationMetrics(Collector):
    """Observes attempts; a Collector of `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._users: Counter[str] = Counter()
        self._results = {result: Histogram(_BUCKETS) for result in ("success", "failure", "error")}
        self._successes = self._results["success"]
        self._certificates = Histogram(_LIFETIMES)
        registry.register(self)

    def succeeded(self, user: User, seconds: float) -> None:
        """Somebody has been recognized."""
        self._users[_shown(user.name)] += 1
        self._successes.observe(seconds)

    def failed(self, by_error: bool, seconds: float) -> None:
        """Nobody has been: a credential was bad, or there was none."""
        self._results["error" if by_error else "failure"].observe(seconds)

    def certificate(self, remaining: float) -> None:
        """A client's certificate ends in so many seconds."""
        self._certificates.observe(remaining)

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        users = Metric("authenticated_user_requests", "Authenticated requests by username.", "unknown")
        for name, count in list(self._users.items()):
            users.add_sample(users.name, {"username": name}, count)
        yield users
        attempts = Metric("authentication_attempts", "Authentication attempts.", "unknown")
        duration = HistogramMetricFamily(
            "authentication_duration_seconds", "Authentication duration in seconds by result.", labels=("result",)
        )
        for result, times in list(self._results.items()):
            if any(times.counts):
                attempts.add_sample(attempts.name, {"result": result}, sum(times.counts))
                duration.add_metric((result,), times.cumulative(), times.total)
        yield attempts
        yield duration
        yield HistogramMetricFamily(
            "apiserver_client_certificate_expiration_seconds",
            "Distribution of the remaining lifetime of the certificates that requests are authenticated by.",
            buckets=self._certificates.cumulative(),
            sum_value=self._certificates.total,
        )


def _shown(name: str) -> str:
    """A user's name, made one of few."""
    return name if name in _WITH_NAME else "email_id" if "@" in name else "other"
