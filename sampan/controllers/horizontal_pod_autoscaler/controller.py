"""The shell of the HorizontalPodAutoscaler controller: keeps the scale of targets as their metrics ask for it."""

import logging
from collections import defaultdict
from collections.abc import Sequence

from sampan.controllers.config import ControllerContext
from sampan.controllers.horizontal_pod_autoscaler import plan
from sampan.controllers.horizontal_pod_autoscaler.behavior import behavior_of
from sampan.controllers.horizontal_pod_autoscaler.history import History
from sampan.controllers.horizontal_pod_autoscaler.measuring import Measuring
from sampan.controllers.horizontal_pod_autoscaler.metrics import Metrics
from sampan.controllers.horizontal_pod_autoscaler.plan import Decision, Pace
from sampan.controllers.horizontal_pod_autoscaler.report import Report
from sampan.controllers.horizontal_pod_autoscaler.target import Target, TargetError, Targets
from sampan.controllers.own_writes import OWN_WRITES_UNSEEN, OwnWrites
from sampan.controllers.ownership import NAMESPACE_INDEX, index_by_namespace
from sampan.kinds.autoscaling.horizontal_pod_autoscaler import KIND as SCALER
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import APIError
from sampan.machinery.meta import Key, Object, labels_of
from sampan.machinery.selectors import Selector
from sampan.machinery.tree import semantic_equal
from sampan.reconcile.action import WAIT, Action, after
from sampan.reconcile.controller import Controller
from sampan.reconcile.events import WARNING

log = logging.getLogger(__name__)


def _has_new_spec(old: Object, new: Object) -> bool:
    """What the controller itself writes is no reason to look again before the period is over."""
    return bool(old["metadata"].get("generation") != new["metadata"].get("generation"))


class HorizontalPodAutoscalerController(Controller):
    """Keys are autoscalers. Each is looked at once in a period, whatever came of the last time."""

    name = "horizontal-pod-autoscaler-controller"
    component = account = "horizontal-pod-autoscaler"

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.config, self.discovery = context.config, context.discovery
        self.scalers = self.watch(SCALER, matters=_has_new_spec)
        self.pods = self.watch(POD, None)
        index_by_namespace(self.pods)
        self.targets = Targets(self.client, self.discovery, self.clock)
        metrics = Metrics(self.client, self.discovery, self.clock)
        self.measuring = Measuring(metrics, self._pods, self.config, self.clock)
        self.writes = OwnWrites(self.scalers)
        self._histories: defaultdict[Key, History] = defaultdict(History)

    async def reconcile(self, key: Key) -> Action:
        scaler = self.scalers.get(key)
        if scaler is None:
            self._forget(key)
            return WAIT
        if not self.writes.seen(key):
            return OWN_WRITES_UNSEEN
        await self.discovery.synced()
        report = Report(scaler, self.clock.now())
        await self._look(key, scaler["spec"], report)
        for event in report.events:
            self.recorder.event(scaler, *event)
        await self._write(key, scaler, report)
        return after(self.config.horizontal_pod_autoscaler_sync_period)

    def _forget(self, key: Key) -> None:
        self._histories.pop(key, None)
        self.measuring.forget(key)
        self.writes.forget(key)

    def _pods(self, namespace: str, selector: Selector) -> Sequence[Object]:
        return [pod for pod in self.pods.by(NAMESPACE_INDEX, namespace) if selector.matches(labels_of(pod))]

    async def _look(self, key: Key, spec: Object, report: Report) -> None:
        """See what is to be done, and do it."""
        try:
            target = await self.targets.get(spec.get("scaleTargetRef") or {}, key.namespace)
        except TargetError as error:
            plan.no_target(error, report)
            return
        plan.has_target(report)
        self._histories[key].begin(target.replicas, self.clock.monotonic())
        if (decision := plan.at_once(spec, target.replicas, report)) is not None:
            await self._act(key, spec, target, decision, (), report)
        elif (found := await self.measuring.measure(key, spec, target, report)) is not None:
            pace = self._pace(spec)
            decision = plan.by_metrics(spec, target.replicas, found, self._histories[key], pace, report)
            await self._act(key, spec, target, decision, found.statuses, report)

    def _pace(self, spec: Object) -> Pace:
        window = self.config.horizontal_pod_autoscaler_downscale_stabilization
        return Pace(behavior_of(spec, window), window, self.clock.monotonic())

    async def _act(
        self, key: Key, spec: Object, target: Target, decision: Decision, metrics: Sequence[Object], report: Report
    ) -> None:
        """Ask for another number of pods, if it is another."""
        current, replicas = target.replicas, decision.replicas
        if replicas == current:
            report.count(current, metrics, current)
            return
        try:
            await self.targets.scale(target, replicas)
        except (APIError, OSError, ValueError, TypeError) as error:
            plan.not_scaled(decision, error, report)
            report.count(current, metrics)
            return
        plan.scaled(spec, current, decision, report)
        if (behavior := self._pace(spec).behavior) is not None:
            rules = behavior.up if replicas > current else behavior.down
            self._histories[key].scaled(current, replicas, self.clock.monotonic(), rules.longest_period)
        report.count(current, metrics, replicas)
        report.rescaled()

    async def _write(self, key: Key, scaler: Object, report: Report) -> None:
        """The status, if it says something else than before."""
        if semantic_equal(report.status, scaler.get("status")):
            return
        try:
            body = {**scaler, "status": report.status}
            self.writes.created(key, await self.client.update(SCALER, body, subresource="status"))
        except (APIError, OSError) as error:
            self.recorder.event(scaler, WARNING, "FailedUpdateStatus", str(error))
            log.info("the status of autoscaler %s could not be written: %s", key, error)
