"""All metrics of an autoscaler: which pods they are about, and what they ask for together. Called by controller.py."""

from collections.abc import Callable, Sequence

from sampan.controllers.config import Config
from sampan.controllers.horizontal_pod_autoscaler import plan
from sampan.controllers.horizontal_pod_autoscaler.behavior import tolerances_of
from sampan.controllers.horizontal_pod_autoscaler.combine import Combined, combined
from sampan.controllers.horizontal_pod_autoscaler.metrics import Metrics
from sampan.controllers.horizontal_pod_autoscaler.overlap import Selectors
from sampan.controllers.horizontal_pod_autoscaler.pods import Timing
from sampan.controllers.horizontal_pod_autoscaler.report import ACTIVE, Report
from sampan.controllers.horizontal_pod_autoscaler.scaled import Scaled
from sampan.controllers.horizontal_pod_autoscaler.sources import measured
from sampan.controllers.horizontal_pod_autoscaler.target import Target
from sampan.machinery.meta import Key, Object
from sampan.machinery.selectors import Selector, SelectorError, parse
from sampan.reconcile.clock import Clock

PodsOf = Callable[[str, Selector], Sequence[Object]]  # in a namespace


class _SelectorProblem(Exception):
    """It is not clear which pods an autoscaler has. `told`: what the condition says, where it is something else."""

    def __init__(self, event: str, message: str, reason: str = "", told: str = "") -> None:
        super().__init__(message)
        self.event, self.reason, self.told = event, reason or event, told or message


class Measuring:
    """See the module."""

    def __init__(self, metrics: Metrics, pods: PodsOf, config: Config, clock: Clock) -> None:
        self._metrics, self._pods, self._config, self._clock = metrics, pods, config, clock
        self._selectors = Selectors()

    def forget(self, key: Key) -> None:
        """An autoscaler is gone."""
        self._selectors.remove(key)

    async def measure(self, key: Key, spec: Object, target: Target, report: Report) -> Combined | None:
        """What its metrics ask for; None, with the report told why, where that can't be followed."""
        try:
            selector = self._selector(key, target.selector)
        except _SelectorProblem as problem:
            report.warn(problem.event, str(problem))
            report.set(ACTIVE, False, problem.reason, problem.told)
            report.warn("FailedComputeMetricsReplicas", str(problem))
            report.count(target.replicas, ())
            return None
        scaled = self._scaled(key, spec, target, selector)
        metrics = spec.get("metrics") or ()
        found = combined([await measured(self._metrics, scaled, metric) for metric in metrics], target.replicas)
        for failure in found.failures:
            report.warn(failure.reason, failure.cause)
        if found.replicas is None:
            plan.failed(found, report)
            report.warn("FailedComputeMetricsReplicas", found.error)
            report.count(target.replicas, found.statuses)
            return None
        return found

    def _scaled(self, key: Key, spec: Object, target: Target, selector: Selector) -> Scaled:
        config = self._config
        timing = Timing(
            self._clock.now(),
            config.horizontal_pod_autoscaler_cpu_initialization_period,
            config.horizontal_pod_autoscaler_initial_readiness_delay,
        )
        return Scaled(
            namespace=key.namespace,
            selector=selector,
            pods=lambda: self._pods(key.namespace, selector),
            asked=target.replicas,
            there=target.there,
            tolerances=tolerances_of(spec, config.horizontal_pod_autoscaler_tolerance),
            timing=timing,
        )

    def _selector(self, key: Key, text: str) -> Selector:
        """Of the pods that the target has, and no other autoscaler. Raises _SelectorProblem."""
        if not text:
            told = "the HPA target's scale is missing a selector"
            raise _SelectorProblem("SelectorRequired", "selector is required", "InvalidSelector", told)
        try:
            selector = parse(text)
        except SelectorError as error:
            message = f"couldn't convert selector into a corresponding internal selector object: {error}"
            raise _SelectorProblem("InvalidSelector", message) from error
        self._selectors.put(key, selector)
        rival = self._selectors.rival(key, self._pods(key.namespace, selector))
        if rival is not None:
            both = " ".join(f"{{{one.name} {one.namespace}}}" for one in sorted((key, rival)))
            message = f"pods by selector {text} are controlled by more than one HPA (e.g. [{both}])"
            raise _SelectorProblem("AmbiguousSelector", message)
        return selector
