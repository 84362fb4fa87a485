"""HorizontalPodAutoscaler: how many pods there shall be, by what they are measured to do.

Rules, defaults and cells: k8s.io/kubernetes/pkg/apis/autoscaling (validation, v2/defaults.go), pkg/printers.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sampan.kinds.autoscaling.metrics import SOURCES, api_version_error, validate_metric, validate_reference
from sampan.kinds.autoscaling.versions import (
    DEFAULT_CPU,
    V1,
    V1_CONVERSION,
    V2,
    V2BETA1,
    V2BETA1_CONVERSION,
    cpu_metric,
    define,
)
from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, NONE, UNKNOWN, integer
from sampan.kinds.prepare import fresh_status
from sampan.machinery import quantity
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum, FieldRules, Maximum, Minimum, Required
from sampan.machinery.tree import deep_copy, get_path
from sampan.machinery.validation import Path, forbidden, invalid, non_negative, not_supported

_NAME = "HorizontalPodAutoscaler"
_METRICS, _TARGET = SPEC.child("metrics"), SPEC.child("scaleTargetRef")
_MAX_PERIOD, _SHOWN = 1800, 2
_RULES: FieldRules = {
    V2 + "HorizontalPodAutoscalerSpec": {
        "minReplicas": Minimum(0),
        "maxReplicas": (Required("must be set and greater than 0"), Minimum(1)),
    },
    V2 + "HPAScalingRules": {
        "stabilizationWindowSeconds": (Minimum(0, "must be greater than or equal to zero"), Maximum(3600)),
        "selectPolicy": Enum(("Disabled", "Max", "Min")),
        "policies": Required("must specify at least one Policy"),
    },
}
_UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def _default_metrics(scaler: Object) -> None:
    """CPU at 80 percent; and, where the behavior is given, all of it."""
    spec = scaler["spec"]
    if not spec.get("metrics"):
        spec["metrics"] = [cpu_metric(DEFAULT_CPU)]
    if (behavior := spec.get("behavior")) is not None:
        for field, rules in (("scaleUp", _UP), ("scaleDown", _DOWN)):
            given = {name: value for name, value in (behavior.get(field) or {}).items() if value is not None}
            behavior[field] = {**deep_copy(rules), **given}


def _default_flat(scaler: Object) -> None:
    """CPU at 80 percent, in the form of v2beta1."""
    if not scaler["spec"].get("metrics"):
        cpu = {"name": "cpu", "targetAverageUtilization": DEFAULT_CPU}
        scaler["spec"]["metrics"] = [{"type": "Resource", "resource": cpu}]


def _validate(scaler: Object, same_target: bool = False, any_metric_version: bool = False) -> Errors:
    """`same_target`: the reference was there before; `any_metric_version`: a metric's bad version was."""
    spec = scaler["spec"]
    least, most, target = spec.get("minReplicas"), spec.get("maxReplicas") or 0, spec.get("scaleTargetRef") or {}
    if least is not None and most < least:
        yield invalid(SPEC.child("maxReplicas"), most, "must be greater than or equal to `minReplicas`")
    any_group = target.get("kind") == "ReplicationController"
    yield from validate_reference(target, _TARGET, any_version=same_target, any_group=any_group)
    metrics = spec.get("metrics") or []
    for index, metric in enumerate(metrics):
        yield from validate_metric(metric, _METRICS.index(index), any_metric_version)
    if least == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield forbidden(_METRICS, detail)
    for field in ("scaleUp", "scaleDown"):
        if (rules := get_path(spec, ("behavior", field))) is not None:
            yield from _rules(rules, SPEC.child("behavior", field))


def _rules(rules: Object, path: Path) -> Errors:
    for index, policy in enumerate(rules.get("policies") or ()):
        yield from _policy(policy, path.child("policies").index(index))
    if (tolerance := rules.get("tolerance")) is not None and quantity.compare(tolerance, "0") < 0:
        yield invalid(path.child("tolerance"), tolerance, "must be greater than or equal to 0")


def _policy(policy: Object, path: Path) -> Errors:
    period = policy.get("periodSeconds") or 0
    if policy.get("type") not in ("Percent", "Pods"):
        yield not_supported(path.child("type"), policy.get("type") or "", ("Percent", "Pods"))
    if (policy.get("value") or 0) <= 0:
        yield invalid(path.child("value"), policy.get("value") or 0, "must be greater than zero")
    if period <= 0:
        yield invalid(path.child("periodSeconds"), period, "must be greater than zero")
    if period > _MAX_PERIOD:
        yield invalid(path.child("periodSeconds"), period, f"must be less than or equal to {_MAX_PERIOD}")


def _validate_update(new: Object, old: Object) -> Errors:
    after, before = (scaler["spec"].get("scaleTargetRef") or {} for scaler in (new, old))
    same = all((after.get(field) or "") == (before.get(field) or "") for field in ("apiVersion", "kind"))
    described = (get_path(metric, ("object", "describedObject")) for metric in old["spec"].get("metrics") or ())
    broken = any(ref is not None and api_version_error(ref.get("apiVersion") or "", True) for ref in described)
    return _validate(new, same, broken)


def _validate_status_update(new: Object, old: Object) -> Errors:
    path = Path("status")
    for index, condition in enumerate(get_path(new, ("status", "conditions"), [])):
        at = path.child("conditions").index(index).child("observedGeneration")
        yield from non_negative(at, condition.get("observedGeneration"))
    for field in ("currentReplicas", "desiredReplicas"):
        yield from non_negative(path.child(field), get_path(new, ("status", field)))


def _reference(scaler: Object, now: datetime) -> str:
    target = get_path(scaler, ("spec", "scaleTargetRef"), {})
    return f"{target.get('kind') or ''}/{target.get('name') or ''}"


def _least(scaler: Object, now: datetime) -> str:
    return str(get_path(scaler, ("spec", "minReplicas"), "<unset>"))


def _targets(scaler: Object, now: datetime) -> str:
    """Each metric as `current/target`."""
    metrics: Sequence[Object] = get_path(scaler, ("spec", "metrics"), [])
    statuses: Sequence[Object] = get_path(scaler, ("status", "currentMetrics"), [])
    shown = [_shown(metric, statuses[i] if i < len(statuses) else {}) for i, metric in enumerate(metrics[:_SHOWN])]
    more = f" + {len(metrics) - _SHOWN} more..." if len(metrics) > _SHOWN else ""
    return ", ".join(shown) + more or NONE


def _shown(metric: Object, status: Object) -> str:
    field = SOURCES.get(metric.get("type") or "")
    if field is None:
        return "<unknown type>"
    source = metric.get(field) or {}
    target, current = source.get("target") or {}, get_path(status, (field, "current"), {})
    average = target.get("averageValue")
    if field in ("resource", "containerResource"):
        return f"{source.get('name') or ''}: {_use(target, current)}"
    if field == "pods" or average is not None:
        mark = "" if field == "pods" else " (avg)"
        return f"{current.get('averageValue') or UNKNOWN}/{average or '0'}{mark}"
    return f"{current.get('value') or UNKNOWN}/{target.get('value') or '0'}"


def _use(target: Object, current: Object) -> str:
    if (average := target.get("averageValue")) is not None:
        return f"{current.get('averageValue') or UNKNOWN}/{average}"
    return f"{_percent(current, UNKNOWN)}/{_percent(target, '<auto>')}"


def _percent(values: Object, otherwise: str) -> str:
    share: Any = values.get("averageUtilization")
    return otherwise if share is None else f"{share}%"


KIND = Kind(
    name=_NAME,
    plural="horizontalpodautoscalers",
    versions=(
        ServedVersion("autoscaling", "v2", V2 + _NAME, default=_default_metrics),
        ServedVersion("autoscaling", "v1", V1 + _NAME, convert=V1_CONVERSION),
        ServedVersion(
            "autoscaling",
            "v2beta2",
            V2 + _NAME,
            default=_default_metrics,
            deprecated="1.23",
            removed="1.26",
            replacement="autoscaling/v2 HorizontalPodAutoscaler",
        ),
        ServedVersion(
            "autoscaling",
            "v2beta1",
            V2BETA1 + _NAME,
            convert=V2BETA1_CONVERSION,
            default=_default_flat,
            deprecated="1.22",
            removed="1.25",
            replacement="autoscaling/v2 HorizontalPodAutoscaler",
        ),
    ),
    short_names=("hpa",),
    categories=("all",),
    columns=(
        NAME,
        Column("Reference", _reference, description="What it scales."),
        Column("Targets", _targets, description="What is measured, and what it should be."),
        Column("MinPods", _least, description="The fewest pods."),
        Column("MaxPods", integer("spec", "maxReplicas"), description="The most pods."),
        Column("Replicas", integer("status", "currentReplicas"), description="How many there are."),
        AGE,
    ),
    prepare_create=fresh_status(desiredReplicas=0),
    rules=_RULES,
    validate_create=_validate,
    validate_update=_validate_update,
    validate_status_update=_validate_status_update,
    definitions=define,
    defaults={
        definition + _NAME + part: default
        for definition in (V1, V2, V2BETA1)
        for part, default in (("", {"spec": {}}), ("Spec", {"minReplicas": 1}))
    },
)
