"""The HorizontalPodAutoscaler of autoscaling/v1 and v2beta1: types, and conversion to v2 and back.

v1 knows one metric, the use of CPU; everything else is JSON in annotations, which other versions never show. Upstream:
k8s.io/kubernetes/pkg/apis/autoscaling/v1 (conversion.go); the types of v2beta1: k8s.io/api before 1.36.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sampan.kinds.autoscaling.annotations import (
    BEHAVIOR,
    CONDITIONS,
    METRICS,
    REFERENCE,
    SOURCES,
    STATUSES,
    behavior_of,
    conditions_of,
    metrics_of,
    of_status,
    statuses_of,
    with_annotations,
    written_behavior,
)
from sampan.kinds.autoscaling.flat_metrics import metric_from_v2, metric_to_v2, status_from_v2, status_to_v2
from sampan.machinery.kind import Conversion
from sampan.machinery.meta import Object
from sampan.machinery.schema import Field, Schema
from sampan.machinery.tree import get_path

V1, V2, V2BETA1 = (f"io.k8s.api.autoscaling.{version}." for version in ("v1", "v2", "v2beta1"))
DEFAULT_CPU = 80  # percent
_SELECTOR = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"
_REQUIRED = ("target", "metricName", "targetValue", "name", "container", "currentValue", "currentAverageValue")


def cpu_metric(share: int) -> Object:
    """The use of CPU as a metric, in percent of what is requested."""
    target = {"type": "Utilization", "averageUtilization": share}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def define(known: Schema) -> None:
    """Add the types of v2beta1."""
    known.derive(V2BETA1 + "CrossVersionObjectReference", V2 + "CrossVersionObjectReference")
    condition = "HorizontalPodAutoscalerCondition"
    known.derive(V2BETA1 + condition, V2 + condition, drop=["observedGeneration"])
    for kind, shape in SOURCES.items():
        fields = {name: _type(inner) for name, inner in shape.items()}
        statuses = {of_status(name): type_ for name, type_ in fields.items()}
        for what, made in (("Source", fields), ("Status", statuses)):
            required = [name for name in _REQUIRED if name in made and (kind, name) != ("external", "targetValue")]
            known.define(f"{V2BETA1}{_go(kind)}Metric{what}", made, required)
    for what, part in (("Spec", "Source"), ("Status", "Status")):
        sources: dict[str, str | Field] = {kind: f"{V2BETA1}{_go(kind)}Metric{part}" for kind in SOURCES}
        known.derive(f"{V2BETA1}Metric{what}", f"{V2}Metric{what}", sources)
    name = "HorizontalPodAutoscaler"
    spec = {"scaleTargetRef": V2BETA1 + "CrossVersionObjectReference", **_items(known, name + "Spec", "metrics")}
    known.derive(V2BETA1 + name + "Spec", V2 + name + "Spec", spec, drop=["behavior"])
    status = _items(known, name + "Status", "currentMetrics") | _items(known, name + "Status", "conditions")
    known.derive(V2BETA1 + name + "Status", V2 + name + "Status", status)
    known.derive(V2BETA1 + name, V2 + name, {part: f"{V2BETA1}{name}{part.title()}" for part in ("spec", "status")})


def _type(shape: Any) -> str:
    if isinstance(shape, str):
        return shape
    return V2BETA1 + "CrossVersionObjectReference" if shape is REFERENCE else _SELECTOR


def _go(kind: str) -> str:
    return kind[0].upper() + kind[1:]


def _items(known: Schema, definition: str, field: str) -> dict[str, str | Field]:
    """A list field of v2 whose items are of v2beta1."""
    found = known.definition(V2 + definition).fields[field]
    assert found.items is not None
    return {field: replace(found, items=replace(found.items, ref=found.items.ref.replace(V2, V2BETA1)))}


def _each(scaler: Object, part: str, field: str, convert: Callable[[Object], Object]) -> Object:
    items = get_path(scaler, (part, field))
    if items is None:
        return scaler
    return {**scaler, part: {**scaler[part], field: [convert(item) for item in items]}}


def _v2beta1_to_v2(scaler: Object) -> Object:
    converted = _each(_each(scaler, "spec", "metrics", metric_to_v2), "status", "currentMetrics", status_to_v2)
    behavior = behavior_of(scaler)
    spec = {**(converted.get("spec") or {}), **({"behavior": behavior} if behavior else {})}
    return {**converted, "metadata": with_annotations(scaler, {}), "spec": spec}


def _v2_to_v2beta1(scaler: Object) -> Object:
    converted = _each(_each(scaler, "spec", "metrics", metric_from_v2), "status", "currentMetrics", status_from_v2)
    spec = dict(converted.get("spec") or {})
    hidden = {BEHAVIOR: written_behavior(spec.pop("behavior", None))}
    converted = _each(converted, "status", "conditions", _unobserved)
    return {**converted, "metadata": with_annotations(scaler, hidden), "spec": spec}


def _unobserved(condition: Object) -> Object:
    return {name: value for name, value in condition.items() if name != "observedGeneration"}


def _v1_to_v2(scaler: Object) -> Object:
    return {
        **scaler,
        "metadata": with_annotations(scaler, {}),
        "spec": _v1_spec(scaler, dict(scaler.get("spec") or {})),
        "status": _v1_status(scaler, dict(scaler.get("status") or {})),
    }


def _v1_spec(scaler: Object, spec: Object) -> Object:
    share = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = [metric_to_v2(metric) for metric in metrics_of(scaler) or ()]
    metrics += [cpu_metric(share)] if share is not None else []
    spec["metrics"] = metrics or [cpu_metric(DEFAULT_CPU)]
    if behavior := behavior_of(scaler):
        spec["behavior"] = behavior
    return spec


def _v1_status(scaler: Object, status: Object) -> Object:
    """The annotation knows more of the use of CPU than the field does."""
    used = status.pop("currentCPUUtilizationPercentage", None)
    if (current := statuses_of(scaler)) is not None:
        status["currentMetrics"] = [status_to_v2(metric) for metric in current]
    elif used is not None:
        cpu = {"name": "cpu", "current": {"averageUtilization": used}}
        status["currentMetrics"] = [{"type": "Resource", "resource": cpu}]
    if (conditions := conditions_of(scaler)) is not None:
        status["conditions"] = conditions
    return status


def _v2_to_v1(scaler: Object) -> Object:
    spec, status = dict(scaler.get("spec") or {}), dict(scaler.get("status") or {})
    metrics, current = spec.pop("metrics", None) or [], status.pop("currentMetrics", None) or []
    hidden = {
        METRICS: [metric_from_v2(metric) for metric in metrics if _cpu_share(metric, "target") is None],
        STATUSES: [status_from_v2(metric) for metric in current],
        CONDITIONS: status.pop("conditions", None),
        BEHAVIOR: written_behavior(spec.pop("behavior", None)),
    }
    if shares := [share for metric in metrics if (share := _cpu_share(metric, "target")) is not None]:
        spec["targetCPUUtilizationPercentage"] = shares[0]
    if used := [share for metric in current if (share := _cpu_share(metric, "current")) is not None]:
        status["currentCPUUtilizationPercentage"] = used[-1]
    return {**scaler, "metadata": with_annotations(scaler, hidden), "spec": spec, "status": status}


def _cpu_share(metric: Object, part: str) -> int | None:
    if metric.get("type") != "Resource" or get_path(metric, ("resource", "name")) != "cpu":
        return None
    share: int | None = get_path(metric, ("resource", part, "averageUtilization"))
    return share


V1_CONVERSION = Conversion(_v1_to_v2, _v2_to_v1)
V2BETA1_CONVERSION = Conversion(_v2beta1_to_v2, _v2_to_v2beta1)
