"""Metrics as they were written before autoscaling/v2beta2, with targets and names beside each other, and as they are.

v2beta1 has this form in its fields, v1 in annotations. Each function takes and gives a MetricSpec or MetricStatus.
Upstream: k8s.io/kubernetes/pkg/apis/autoscaling/v1/conversion.go.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sampan.kinds.autoscaling.metrics import SOURCES
from sampan.machinery import quantity
from sampan.machinery.meta import Object

Convert = Callable[[Object], Object]


class _Field(NamedTuple):
    """A field of the flat form, and its path in v2. `empty` makes what both have in place of nothing."""

    flat: str
    path: tuple[str, ...]
    empty: Callable[[], Any] | None = None

    def given(self, value: Any) -> Any:
        """What there is of it; None if it is to be left out."""
        return value or self.empty() if self.empty else value


def _zero() -> str:
    return "0"


def _named(selector: str) -> tuple[_Field, ...]:
    return _Field("metricName", ("metric", "name"), str), _Field(selector, ("metric", "selector"))


_OBJECT = (_Field("target", ("describedObject",), dict), *_named("selector"))
_PODS, _EXTERNAL = _named("selector"), _named("metricSelector")
_RESOURCE = (_Field("name", ("name",), str), _Field("container", ("container",)))

_SPECS: Mapping[str, tuple[_Field, ...]] = {
    "object": (
        *_OBJECT,
        _Field("targetValue", ("target", "value"), _zero),
        _Field("averageValue", ("target", "averageValue")),
    ),
    "external": (
        *_EXTERNAL,
        _Field("targetValue", ("target", "value")),
        _Field("targetAverageValue", ("target", "averageValue")),
    ),
    "pods": (*_PODS, _Field("targetAverageValue", ("target", "averageValue"), _zero)),
    "resource": (
        *_RESOURCE,
        _Field("targetAverageUtilization", ("target", "averageUtilization")),
        _Field("targetAverageValue", ("target", "averageValue")),
    ),
}
_STATUSES: Mapping[str, tuple[_Field, ...]] = {
    "object": (
        *_OBJECT,
        _Field("currentValue", ("current", "value"), _zero),
        _Field("averageValue", ("current", "averageValue")),
    ),
    "external": (
        *_EXTERNAL,
        _Field("currentValue", ("current", "value"), _zero),
        _Field("currentAverageValue", ("current", "averageValue")),
    ),
    "pods": (*_PODS, _Field("currentAverageValue", ("current", "averageValue"), _zero)),
    "resource": (
        *_RESOURCE,
        _Field("currentAverageUtilization", ("current", "averageUtilization")),
        _Field("currentAverageValue", ("current", "averageValue"), _zero),
    ),
}


def _nested(fields: tuple[_Field, ...], flat: Object) -> Object:
    made: Object = {}
    for field in fields:
        if (value := field.given(flat.get(field.flat))) is not None:
            *above, last = field.path
            (made.setdefault(above[0], {}) if above else made)[last] = value
    return made


def _flat(fields: tuple[_Field, ...], nested: Object) -> Object:
    made: Object = {}
    for field in fields:
        *above, last = field.path
        value = ((nested.get(above[0]) or {}) if above else nested).get(last)
        if (value := field.given(value)) is not None:
            made[field.flat] = value
    return made


def _object_type(target: Object) -> str:
    if "averageValue" not in target:
        return "Value"
    if not quantity.compare(target["value"], "0"):
        del target["value"]  # zero beside an average stands for none: the flat field cannot be left out
    return "AverageValue"


_TYPES: Mapping[str, Callable[[Object], str]] = {
    "object": _object_type,
    "external": lambda target: "Value" if "value" in target else "AverageValue",
    "pods": lambda target: "AverageValue",
    "resource": lambda target: "Utilization" if "averageUtilization" in target else "AverageValue",
}


def _spec_to_v2(source: str, flat: Object) -> Object:
    made = _nested(_SPECS[source], flat)
    target = made.setdefault("target", {})
    target["type"] = _TYPES[source](target)
    return made


def _each(convert: Callable[[str, Object], Object]) -> Convert:
    """Of a whole metric: its type, and whatever sources it has."""

    def converted(metric: Object) -> Object:
        made: Object = {} if metric.get("type") is None else {"type": metric["type"]}
        for field in SOURCES.values():
            if metric.get(field) is not None:
                made[field] = convert("resource" if field == "containerResource" else field, metric[field])
        return made

    return converted


metric_to_v2 = _each(_spec_to_v2)
metric_from_v2 = _each(lambda source, spec: _flat(_SPECS[source], spec))
status_to_v2 = _each(lambda source, flat: _nested(_STATUSES[source], flat))
status_from_v2 = _each(lambda source, status: _flat(_STATUSES[source], status))
