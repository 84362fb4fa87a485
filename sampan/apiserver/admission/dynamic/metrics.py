"""What webhooks and policies did, under upstream's names; rendered when they are scraped.

Names of webhooks and policies come from objects, so each family keeps SERIES of them at most. Upstream:
k8s.io/apiserver/pkg/admission/metrics, plugin/policy/validating/metrics, plugin/policy/mutating/metrics.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

SERIES = 2000
_MAX_CODE = 600
_PREFIX = "apiserver_admission_"
_WEBHOOK = ("name", "type", "operation")
_CONDITION = ("name", "kind", "type", "operation")
_POLICY = {
    "validating": ("policy", "policy_binding", "error_type", "enforcement_action"),
    "mutating": ("policy", "policy_binding", "error_type"),
}


class _Counts:
    """One counter; upstream's names don't all end in _total, which the library would add."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._values: dict[tuple[str, ...], int] = {}

    def add(self, *labels: str) -> None:
        """Count one."""
        if labels in self._values or len(self._values) < SERIES:
            self._values[labels] = self._values.get(labels, 0) + 1

    def family(self) -> Metric:
        """For prometheus_client."""
        family: Metric = (
            CounterMetricFamily(self._name.removesuffix("_total"), self._text)
            if self._name.endswith("_total")
            else Metric(self._name, self._text, "unknown")
        )
        for values, count in list(self._values.items()):
            family.add_sample(self._name, dict(zip(self._labels, values, strict=True)), count)
        return family


class _Durations:
    """One histogram."""

    def __init__(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, labels, bounds
        self._values: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def add(self, seconds: float, *labels: str) -> None:
        """Observe one."""
        if labels not in self._values and len(self._values) >= SERIES:
            return
        counts, total = self._values.setdefault(labels, ([0] * (len(self._bounds) + 1), [0.0]))
        counts[bisect_left(self._bounds, seconds)] += 1
        total[0] += seconds

    def family(self) -> Metric:
        """For prometheus_client."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        bounds = (*map(str, self._bounds), "+Inf")
        for values, (counts, total) in list(self._values.items()):
            sums = [float(sum(counts[: index + 1])) for index in range(len(counts))]
            family.add_metric(values, list(zip(bounds, sums, strict=True)), total[0])
        return family


class AdmissionMetrics(Collector):
    """One for a server. Types are "admit" and "validating" for webhooks, as upstream has them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        rejected, times = ("rejected",), (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10, 25)
        self._duration = _Durations(
            f"{_PREFIX}webhook_admission_duration_seconds", "How long webhooks take.", (*_WEBHOOK, *rejected), times
        )
        self._requests = _Counts(
            f"{_PREFIX}webhook_request_total", "Calls of webhooks.", (*_WEBHOOK, "code", *rejected)
        )
        self._rejections = _Counts(
            f"{_PREFIX}webhook_rejection_count", "Refusals.", (*_WEBHOOK, "error_type", "rejection_code")
        )
        self._fail_open = _Counts(f"{_PREFIX}webhook_fail_open_count", "Failures ignored.", ("name", "type"))
        self._exclusions = _Counts(
            f"{_PREFIX}match_condition_exclusions_total", "Requests left out by match conditions.", _CONDITION
        )
        self._errors = _Counts(
            f"{_PREFIX}match_condition_evaluation_errors_total", "Match conditions without a value.", _CONDITION
        )
        self._checks = {
            p: _Counts(f"apiserver_{p}_admission_policy_check_total", "Evaluations of policies.", labels)
            for p, labels in _POLICY.items()
        }
        self._check_times = {
            p: _Durations(
                f"apiserver_{p}_admission_policy_check_duration_seconds",
                "How long evaluations of policies take.",
                labels,
                (0.0000005, 0.001, 0.01, 0.1, 1.0),
            )
            for p, labels in _POLICY.items()
        }
        registry.register(self)

    def called(self, name: str, type: str, operation: str, *, code: int, rejected: bool, seconds: float) -> None:
        """A webhook was called, or could not be."""
        refused = str(rejected).lower()
        self._requests.add(name, type, operation, str(min(code, _MAX_CODE)), refused)
        self._duration.add(seconds, name, type, operation, refused)

    def rejected(self, name: str, type: str, operation: str, error_type: str, code: int) -> None:
        """A webhook's word, or its silence, refused a request."""
        self._rejections.add(name, type, operation, error_type, str(min(code, _MAX_CODE)))

    def failed_open(self, name: str, type: str) -> None:
        """A failure was ignored."""
        self._fail_open.add(name, type)

    def excluded(self, name: str, kind: str, type: str, operation: str) -> None:
        """A match condition was false."""
        self._exclusions.add(name, kind, type, operation)

    def conditions_failed(self, name: str, kind: str, type: str, operation: str, how_many: int) -> None:
        """Match conditions had no value."""
        for _ in range(how_many):
            self._errors.add(name, kind, type, operation)

    def checked(self, type: str, policy: str, binding: str, error_type: str, action: str, seconds: float) -> None:
        """A policy decided; `type` is "validating", or "mutating", of which there are no actions."""
        labels = (policy, binding, error_type, *((action,) if action else ()))
        self._checks[type].add(*labels)
        self._check_times[type].add(seconds, *labels)

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client."""
        for part in (self._requests, self._rejections, self._fail_open, self._exclusions, self._errors):
            yield part.family()
        yield self._duration.family()
        for policy in self._checks:
            yield self._checks[policy].family()
            yield self._check_times[policy].family()
