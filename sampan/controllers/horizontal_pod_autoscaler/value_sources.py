"""Metrics that are one number for all pods together: Object and External. Called by sources.py.

The number is held against a target as it is, or against a target for each pod's part of it.
"""

from collections.abc import Awaitable

from sampan.controllers.horizontal_pod_autoscaler.combine import Proposal
from sampan.controllers.horizontal_pod_autoscaler.metrics import Metrics, MetricsError
from sampan.controllers.horizontal_pod_autoscaler.pods import CalculationError
from sampan.controllers.horizontal_pod_autoscaler.replicas import Wanted, for_value, for_value_per_pod, total
from sampan.controllers.horizontal_pod_autoscaler.scaled import (
    BriefError,
    Scaled,
    no_target,
    quantity,
    thousandths,
)
from sampan.machinery.meta import Object
from sampan.machinery.selector_text import shown
from sampan.machinery.selectors import SelectorError, from_label_selector

VALUE, AVERAGE = "value", "averageValue"
_TARGETS = "a value target nor an average value"
_FIELDS = {"Value": VALUE, "AverageValue": AVERAGE}


async def of_object(metrics: Metrics, scaled: Scaled, source: Object) -> Proposal:
    """Of another object in the namespace."""
    metric, described, target = source["metric"], source["describedObject"], source.get("target") or {}
    name = metric["name"]
    field = _FIELDS.get(target.get("type") or "")
    if field is None or target.get(field) is None:
        raise CalculationError(no_target("object", _TARGETS))
    of = from_label_selector(metric.get("selector"))
    asked = metrics.of_object(name, scaled.namespace, described, of)
    place = f"metric {name} on {described['kind']} {scaled.namespace}/{described['name']}"
    about = f"failed to get {name} object metric" if field == AVERAGE else ""
    wanted = await _wanted(_named(asked, place), scaled, field, target[field], about)
    current = {"metric": metric, "current": {field: quantity(wanted.usage)}, "describedObject": described}
    called = _external_name(metric) if field == AVERAGE else f"{described['kind']} metric {name}"
    return Proposal(wanted.replicas, called, {"type": "Object", "object": current})


async def external(metrics: Metrics, scaled: Scaled, source: Object) -> Proposal:
    """Of something that is not in the cluster."""
    metric, target = source["metric"], source.get("target") or {}
    name, selector = metric["name"], metric.get("selector")
    field = next((one for one in (AVERAGE, VALUE) if target.get(one) is not None), None)
    if field is None:
        raise CalculationError(no_target("external", _TARGETS))
    about = f"failed to get {name} external metric" if field == AVERAGE else f"failed to get external metric {name}"

    async def asked() -> int:
        return total(await metrics.external(name, scaled.namespace, from_label_selector(selector)))

    place = f"external metric {scaled.namespace}/{name}/{shown(selector)}"
    wanted = await _wanted(_named(asked(), place), scaled, field, target[field], about)
    current = {"metric": metric, "current": {field: quantity(wanted.usage)}}
    return Proposal(wanted.replicas, _external_name(metric), {"type": "External", "external": current})


async def _named(asked: Awaitable[int], place: str) -> int:
    """What is asked for; an error says of what."""
    try:
        return await asked
    except MetricsError as error:
        raise MetricsError(f"unable to get {place}: {error}") from error


async def _wanted(asked: Awaitable[int], scaled: Scaled, field: str, target: str, about: str) -> Wanted:
    """`about` is what errors begin with, but in the condition."""
    try:
        usage = await asked
        if field == AVERAGE:
            return for_value_per_pod(scaled.there, usage, thousandths(target), scaled.tolerances)
        return for_value(scaled.asked, usage, thousandths(target), scaled.pods(), scaled.tolerances)
    except (MetricsError, CalculationError, SelectorError) as error:
        if not about:
            raise
        raise BriefError(about, error) from error


def _external_name(metric: Object) -> str:
    return f"external metric {metric['name']}({shown(metric.get('selector'))})"
