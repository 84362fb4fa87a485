"""Metrics as they were written before autoscaling/v2beta2, with targets and names beside each other, and as they are.

v2beta1 has this form in its fields, v1 in annotations. Each function takes and gives a MetricSpec or MetricStatus.
Upstream: k8s.io/kubernetes/pkg/apis/autoscaling/v1/conversion.go.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sampan.kinds.autoscaling.metrics import SOURCES
from sampan.machinery import quantity
from sampan.machinery.meta import Object

Convert = Callable[[Object], Object]


def _given(**fields: Any) -> Object:
    return {name: value for name, value in fields.items() if value is not None}


def _converting(sources: Mapping[str, Convert]) -> Convert:
    def convert(metric: Object) -> Object:
        made: Object = _given(type=metric.get("type"))
        for field in SOURCES.values():
            if metric.get(field) is not None:
                made[field] = sources[field](metric[field])
        return made

    return convert


def _metric(flat: Object, selector: str) -> Object:
    return _given(name=flat.get("metricName") or "", selector=flat.get(selector))


def _object_to_v2(flat: Object) -> Object:
    average, value = flat.get("averageValue"), flat.get("targetValue") or "0"
    # A value that is zero beside an average stands for none: the field cannot be left out.
    kept = value if average is None or quantity.compare(value, "0") else None
    target = _given(type="Value" if average is None else "AverageValue", value=kept, averageValue=average)
    return {"describedObject": flat.get("target") or {}, "metric": _metric(flat, "selector"), "target": target}


def _object_from_v2(source: Object) -> Object:
    target, metric = source.get("target") or {}, source.get("metric") or {}
    return _given(
        target=source.get("describedObject") or {},
        metricName=metric.get("name") or "",
        targetValue=target.get("value") or "0",
        selector=metric.get("selector"),
        averageValue=target.get("averageValue"),
    )


def _pods_to_v2(flat: Object) -> Object:
    target = {"type": "AverageValue", "averageValue": flat.get("targetAverageValue") or "0"}
    return {"metric": _metric(flat, "selector"), "target": target}


def _pods_from_v2(source: Object) -> Object:
    metric = source.get("metric") or {}
    average = (source.get("target") or {}).get("averageValue") or "0"
    return _given(metricName=metric.get("name") or "", targetAverageValue=average, selector=metric.get("selector"))


def _external_to_v2(flat: Object) -> Object:
    value, average = flat.get("targetValue"), flat.get("targetAverageValue")
    target = _given(type="AverageValue" if value is None else "Value", value=value, averageValue=average)
    return {"metric": _metric(flat, "metricSelector"), "target": target}


def _external_from_v2(source: Object) -> Object:
    metric, target = source.get("metric") or {}, source.get("target") or {}
    return _given(
        metricName=metric.get("name") or "",
        metricSelector=metric.get("selector"),
        targetValue=target.get("value"),
        targetAverageValue=target.get("averageValue"),
    )


def _resource_to_v2(flat: Object) -> Object:
    share, average = flat.get("targetAverageUtilization"), flat.get("targetAverageValue")
    type_ = "AverageValue" if share is None else "Utilization"
    target = _given(type=type_, averageValue=average, averageUtilization=share)
    return _given(name=flat.get("name") or "", container=flat.get("container"), target=target)


def _resource_from_v2(source: Object) -> Object:
    target = source.get("target") or {}
    return _given(
        name=source.get("name") or "",
        container=source.get("container"),
        targetAverageUtilization=target.get("averageUtilization"),
        targetAverageValue=target.get("averageValue"),
    )


def _object_status_to_v2(flat: Object) -> Object:
    current = _given(value=flat.get("currentValue") or "0", averageValue=flat.get("averageValue"))
    return {"describedObject": flat.get("target") or {}, "metric": _metric(flat, "selector"), "current": current}


def _object_status_from_v2(status: Object) -> Object:
    current, metric = status.get("current") or {}, status.get("metric") or {}
    return _given(
        target=status.get("describedObject") or {},
        metricName=metric.get("name") or "",
        currentValue=current.get("value") or "0",
        selector=metric.get("selector"),
        averageValue=current.get("averageValue"),
    )


def _pods_status_to_v2(flat: Object) -> Object:
    current = {"averageValue": flat.get("currentAverageValue") or "0"}
    return {"metric": _metric(flat, "selector"), "current": current}


def _pods_status_from_v2(status: Object) -> Object:
    metric = status.get("metric") or {}
    average = (status.get("current") or {}).get("averageValue") or "0"
    return _given(metricName=metric.get("name") or "", currentAverageValue=average, selector=metric.get("selector"))


def _external_status_to_v2(flat: Object) -> Object:
    current = _given(value=flat.get("currentValue") or "0", averageValue=flat.get("currentAverageValue"))
    return {"metric": _metric(flat, "metricSelector"), "current": current}


def _external_status_from_v2(status: Object) -> Object:
    current, metric = status.get("current") or {}, status.get("metric") or {}
    return _given(
        metricName=metric.get("name") or "",
        metricSelector=metric.get("selector"),
        currentValue=current.get("value") or "0",
        currentAverageValue=current.get("averageValue"),
    )


def _resource_status_to_v2(flat: Object) -> Object:
    average, share = flat.get("currentAverageValue") or "0", flat.get("currentAverageUtilization")
    current = _given(averageValue=average, averageUtilization=share)
    return _given(name=flat.get("name") or "", container=flat.get("container"), current=current)


def _resource_status_from_v2(status: Object) -> Object:
    current = status.get("current") or {}
    return _given(
        name=status.get("name") or "",
        container=status.get("container"),
        currentAverageUtilization=current.get("averageUtilization"),
        currentAverageValue=current.get("averageValue") or "0",
    )


def _each(object_: Convert, external: Convert, pods: Convert, resource: Convert) -> Convert:
    sources = {"object": object_, "external": external, "pods": pods}
    return _converting({**sources, "resource": resource, "containerResource": resource})


metric_to_v2 = _each(_object_to_v2, _external_to_v2, _pods_to_v2, _resource_to_v2)
metric_from_v2 = _each(_object_from_v2, _external_from_v2, _pods_from_v2, _resource_from_v2)
status_to_v2 = _each(_object_status_to_v2, _external_status_to_v2, _pods_status_to_v2, _resource_status_to_v2)
status_from_v2 = _each(_object_status_from_v2, _external_status_from_v2, _pods_status_from_v2, _resource_status_from_v2)
