"""Metrics of which each pod has a figure of its own: Resource, ContainerResource and Pods. Called by sources.py."""

from collections.abc import Awaitable
from functools import partial

from sampan.controllers.horizontal_pod_autoscaler.beside import beside
from sampan.controllers.horizontal_pod_autoscaler.combine import Proposal
from sampan.controllers.horizontal_pod_autoscaler.metric_values import PodMetrics
from sampan.controllers.horizontal_pod_autoscaler.metrics import Metrics, MetricsError
from sampan.controllers.horizontal_pod_autoscaler.pods import MEMORY, CalculationError
from sampan.controllers.horizontal_pod_autoscaler.replicas import Measured, Wanted, for_average, for_utilization
from sampan.controllers.horizontal_pod_autoscaler.scaled import Scaled, no_target, quantity, thousandths
from sampan.machinery.meta import Object
from sampan.machinery.selectors import from_label_selector


async def resource(metrics: Metrics, scaled: Scaled, source: Object) -> Proposal:
    """What pods use of a resource."""
    name = source["name"]
    wanted, called = await _use(metrics, scaled, source, "")
    current = {"name": name, "current": _current(wanted, name)}
    return Proposal(wanted.replicas, called, {"type": "Resource", "resource": current})


async def container_resource(metrics: Metrics, scaled: Scaled, source: Object) -> Proposal:
    """What one container of each pod uses of it (KEP-1610)."""
    name, container = source["name"], source["container"]
    wanted, called = await _use(metrics, scaled, source, container)
    current = {"name": name, "container": container, "current": _current(wanted, name)}
    return Proposal(wanted.replicas, called, {"type": "ContainerResource", "containerResource": current})


async def pods(metrics: Metrics, scaled: Scaled, source: Object) -> Proposal:
    """Anything else that is known of each pod."""
    metric = source["metric"]
    name, of = metric["name"], from_label_selector(metric.get("selector"))
    asked = metrics.of_pods(name, scaled.namespace, scaled.selector, of)
    found = await _measured(asked, f"unable to get metric {name}", scaled, "")
    target = thousandths((source.get("target") or {}).get("averageValue") or "0")
    wanted = await beside(len(found.pods), partial(for_average, scaled.asked, target, found, scaled.tolerances))
    current = {"metric": metric, "current": {"averageValue": quantity(wanted.usage)}}
    return Proposal(wanted.replicas, f"pods metric {name}", {"type": "Pods", "pods": current})


async def _use(metrics: Metrics, scaled: Scaled, source: Object, container: str) -> tuple[Wanted, str]:
    """Of a resource, and how the metric is called."""
    name, target = source["name"], source.get("target") or {}
    average, percent = target.get("averageValue"), target.get("averageUtilization")
    if average is None and not percent:
        targets = "an average utilization target nor an average value (usage)"
        raise CalculationError(no_target("resource", targets))
    try:
        asked = metrics.of_resource(name, scaled.namespace, scaled.selector, container)
        found = await _measured(asked, f"unable to get metrics for resource {name}", scaled, name)
        if average is not None:
            work = partial(for_average, scaled.asked, thousandths(average), found, scaled.tolerances)
            return await beside(len(found.pods), work), f"{name} resource"
        work = partial(for_utilization, scaled.asked, percent or 0, found, container, scaled.tolerances)
        wanted = await beside(len(found.pods), work)
    except (MetricsError, CalculationError) as error:
        what = "usage" if average is not None else "utilization"
        raise CalculationError(f"failed to get {name} {what}: {error}") from error
    kind = "container resource" if container else "resource"
    return wanted, f"{name} {kind} utilization (percentage of request)"


async def _measured(asked: Awaitable[PodMetrics], failing: str, scaled: Scaled, of: str) -> Measured:
    """What is asked for, with the pods as they are when it comes."""
    try:
        found = await asked
    except MetricsError as error:
        raise MetricsError(f"{failing}: {error}") from error
    return Measured(scaled.pods(), found, of, scaled.timing)


def _current(wanted: Wanted, name: str) -> Object:
    """For the status; memory in the form that the metrics server has it in."""
    average = quantity(wanted.usage, "BinarySI" if name == MEMORY else "DecimalSI")
    share = {} if wanted.utilization is None else {"averageUtilization": wanted.utilization}
    return {"averageValue": average, **share}
