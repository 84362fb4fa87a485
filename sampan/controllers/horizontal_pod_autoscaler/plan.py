"""What is done about an autoscaler: at once, or by what its metrics ask for. Pure, but for what it notes.

It notes conditions in the Report, and recommendations in the History, that it is given. Rules: docs, Horizontal Pod
Autoscaling; KEP-2021 (down to zero and up again); upstream's reconcileAutoscaler, whose words the texts are.
"""

from typing import NamedTuple

from sampan.controllers.horizontal_pod_autoscaler.behavior import Behavior, Bounds, limited, limited_by
from sampan.controllers.horizontal_pod_autoscaler.combine import Combined
from sampan.controllers.horizontal_pod_autoscaler.history import History
from sampan.controllers.horizontal_pod_autoscaler.report import ABLE, ACTIVE, LIMITED, TO_ZERO, Report
from sampan.controllers.horizontal_pod_autoscaler.stabilization import stabilized, stabilized_by
from sampan.machinery.meta import Object

_DISABLED = "scaling is disabled since the replica count of the target is zero"
_BELOW = "Current number of replicas below Spec.MinReplicas"
_ABOVE = "Current number of replicas above Spec.MaxReplicas"


class Decision(NamedTuple):
    """How many pods there shall be, and why that is another number than now."""

    replicas: int
    reason: str = ""


class Pace(NamedTuple):
    """What holds a change up; without a behavior, the window alone."""

    behavior: Behavior | None
    window: float  # seconds for which recommendations hold against fewer pods
    now: float  # seconds of the monotonic clock


def bounds_of(spec: Object, current: int) -> Bounds:
    """Between how many pods it may be."""
    least = spec.get("minReplicas")
    return Bounds(1 if least is None else least, spec.get("maxReplicas") or 0, current)


def no_target(error: Exception, report: Report) -> None:
    """Note that there is nothing to scale."""
    report.warn("FailedGetScale", str(error))
    message = f"the HPA controller was unable to get the target's current scale: {error}"
    report.set(ABLE, False, "FailedGetScale", message)


def has_target(report: Report) -> None:
    """Note that there is."""
    report.set(ABLE, True, "SucceededGetScale", "the HPA controller was able to get the target's current scale")


def at_once(spec: Object, current: int, report: Report) -> Decision | None:
    """What can be said without metrics; None where they are needed.

    A target without pods is left alone, unless it was this controller that took the last one away.
    """
    bounds = bounds_of(spec, current)
    if current == 0:
        if report.is_true(TO_ZERO) and (bounds.least or _knows_of_zero(spec)):
            return None
        report.set(ACTIVE, False, "ScalingDisabled", _DISABLED)
        return Decision(0)
    if current > bounds.most:
        return Decision(bounds.most, _ABOVE)
    return Decision(bounds.least, _BELOW) if current < bounds.least else None


def failed(found: Combined, report: Report) -> None:
    """Note that the metrics ask for nothing that can be followed."""
    first = found.failures[0]
    report.set(ACTIVE, False, first.reason, f"the HPA was unable to compute the replica count: {first.cause}")


def by_metrics(spec: Object, current: int, found: Combined, history: History, pace: Pace, report: Report) -> Decision:
    """What is made of what the metrics ask for."""
    told = f"the HPA was able to successfully calculate a replica count from {found.metric}"
    report.set(ACTIVE, True, "ValidMetricFound", told)
    bounds, asked = bounds_of(spec, current), max(found.replicas or 0, 0)
    reason = "All metrics below target" if asked < current else ""
    if asked > current:
        reason = f"{found.metric} above target"
    replicas = _held_up(asked, bounds, history, pace, report)
    if current == 0 and replicas < bounds.least:
        return Decision(bounds.least, reason or _BELOW)
    return Decision(replicas, reason)


def _held_up(asked: int, bounds: Bounds, history: History, pace: Pace, report: Report) -> int:
    """What is left of it today."""
    behavior, now = pace.behavior, pace.now
    if behavior is None:
        steady = stabilized(asked, history.recommended, pace.window, now)
        history.recommend(asked, now, pace.window)
        most = limited(steady.replicas, bounds)
    else:
        steady = stabilized_by(behavior, asked, bounds.current, history.recommended, now)
        history.recommend(asked, now, max(behavior.up.window, behavior.down.window))
        most = limited_by(behavior, steady.replicas, bounds, history, now)
    if steady.replicas != asked:
        report.set(ABLE, True, steady.reason, steady.message)
    else:
        report.set(ABLE, True, "ReadyForNewScale", "recommended size matches current size")
    report.set(LIMITED, most.replicas != steady.replicas, most.reason, most.message)
    return most.replicas


def scaled(spec: Object, current: int, decision: Decision, report: Report) -> None:
    """Note that it has been done."""
    replicas = decision.replicas
    report.set(ABLE, True, "SucceededRescale", f"the HPA controller was able to update the target scale to {replicas}")
    report.normal("SuccessfulRescale", f"New size: {replicas}; reason: {decision.reason}")
    if current > 0 and replicas == 0 and bounds_of(spec, current).least == 0 and _knows_of_zero(spec):
        report.set(TO_ZERO, True, "ScaledToZero", "the HPA controller scaled the workload to zero")
    else:
        report.set(TO_ZERO, False, "NotScaledToZero", "the HPA controller did not scale the workload to zero")


def not_scaled(decision: Decision, error: Exception, report: Report) -> None:
    """Note that it could not be done."""
    report.warn("FailedRescale", f"New size: {decision.replicas}; reason: {decision.reason}; error: {error}")
    report.set(ABLE, False, "FailedUpdateScale", f"the HPA controller was unable to update the target scale: {error}")


def _knows_of_zero(spec: Object) -> bool:
    """Whether some metric says something where there is no pod."""
    return any(metric.get("type") in ("Object", "External") for metric in spec.get("metrics") or ())
