"""How often and how fast callers are authenticated, under upstream's names (k8s.io/apiserver/pkg/endpoints/filters).

Kept in plain numbers, as every request counts, and rendered on scrape. Two of the names lack the _total that the
library would give to counters.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from sampan.apiserver.authentication.user import User

_BUCKETS = tuple(0.001 * 2**power for power in range(15))
_WITH_NAME = frozenset({"admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"})


class AuthenticationMetrics(Collector):
    """Observes attempts; a Collector of `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._users: Counter[str] = Counter()
        self._results = {result: [0] * (len(_BUCKETS) + 1) for result in ("success", "failure", "error")}
        self._seconds = dict.fromkeys(self._results, 0.0)
        registry.register(self)

    def succeeded(self, user: User, seconds: float) -> None:
        """Somebody has been recognized."""
        self._users[_shown(user.name)] += 1
        self._observe("success", seconds)

    def failed(self, by_error: bool, seconds: float) -> None:
        """Nobody has been: a credential was bad, or there was none."""
        self._observe("error" if by_error else "failure", seconds)

    def _observe(self, result: str, seconds: float) -> None:
        self._results[result][bisect_left(_BUCKETS, seconds)] += 1
        self._seconds[result] += seconds

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        users = Metric("authenticated_user_requests", "Authenticated requests by username.", "unknown")
        for name, count in self._users.items():
            users.add_sample(users.name, {"username": name}, count)
        yield users
        attempts = Metric("authentication_attempts", "Authentication attempts.", "unknown")
        duration = HistogramMetricFamily(
            "authentication_duration_seconds", "Authentication duration in seconds by result.", labels=("result",)
        )
        for result, buckets in self._results.items():
            if any(buckets):
                attempts.add_sample(attempts.name, {"result": result}, sum(buckets))
                duration.add_metric((result,), _cumulative(buckets), self._seconds[result])
        yield attempts
        yield duration


def _shown(name: str) -> str:
    """A user's name, made one of few."""
    return name if name in _WITH_NAME else "email_id" if "@" in name else "other"


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    bounds = (*map(str, _BUCKETS), "+Inf")
    return [(bound, sum(counts[: at + 1])) for at, bound in enumerate(bounds)]
