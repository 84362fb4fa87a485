"""What autoscaling/v1 and v2beta1 keep in annotations: JSON that anybody may write, read as its types or not at all.

Upstream reads it into Go types, case-insensitively, and ignores what does not fit; here a shape says what does. A shape
is a name of a type, a dict of fields, or a list of one shape.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.quantity import QuantityError, canonical

PREFIX = "autoscaling.alpha.kubernetes.io/"
METRICS, BEHAVIOR, STATUSES, CONDITIONS = (
    PREFIX + name for name in ("metrics", "behavior", "current-metrics", "conditions")
)
DROPPED = (
    *(METRICS, BEHAVIOR, STATUSES, CONDITIONS),
    *(PREFIX + name for name in ("scale-down-tolerance", "scale-up-tolerance")),
)

Shape = Any
REFERENCE: Shape = {"kind": "string", "name": "string", "apiVersion": "string"}
_SELECTOR: Shape = {
    "matchLabels": "labels",
    "matchExpressions": [{"key": "string", "operator": "string", "values": ["string"]}],
}
SOURCES: Mapping[str, Mapping[str, Shape]] = {  # of metrics before v2beta2; their statuses follow from them
    "object": {
        "target": REFERENCE,
        "metricName": "string",
        "targetValue": "quantity",
        "selector": _SELECTOR,
        "averageValue": "quantity",
    },
    "pods": {"metricName": "string", "targetAverageValue": "quantity", "selector": _SELECTOR},
    "resource": {"name": "string", "targetAverageUtilization": "int32", "targetAverageValue": "quantity"},
    "containerResource": {
        "name": "string",
        "targetAverageUtilization": "int32",
        "targetAverageValue": "quantity",
        "container": "string",
    },
    "external": {
        "metricName": "string",
        "metricSelector": _SELECTOR,
        "targetValue": "quantity",
        "targetAverageValue": "quantity",
    },
}
_POLICY: Shape = {"type": "string", "value": "int32", "periodSeconds": "int32"}
_RULES: Shape = {
    "stabilizationWindowSeconds": "int32",
    "selectPolicy": "string",
    "policies": [_POLICY],
    "tolerance": "quantity",
}
_CONDITION: Shape = {
    **dict.fromkeys(("type", "status", "lastTransitionTime", "reason", "message"), "string"),
    "observedGeneration": "int64",
}


def of_status(name: str) -> str:
    """What a field of a metric is called in the metric's status."""
    return name if name == "target" else name.replace("target", "current")


_METRIC: Shape = {"type": "string", **SOURCES}
_STATUS: Shape = {
    "type": "string",
    **{kind: {of_status(name): shape for name, shape in fields.items()} for kind, fields in SOURCES.items()},
}


class _Unfit(ValueError):
    """A value that does not have its shape."""


def metrics_of(scaler: Object) -> list[Object] | None:
    """The metrics in their annotation; None where it is missing or of no use."""
    return _list(scaler, METRICS, [_METRIC])


def statuses_of(scaler: Object) -> list[Object] | None:
    """The states of metrics in theirs."""
    return _list(scaler, STATUSES, [_STATUS])


def conditions_of(scaler: Object) -> list[Object] | None:
    """The conditions in theirs."""
    return _list(scaler, CONDITIONS, [_CONDITION])


def behavior_of(scaler: Object) -> Object | None:
    """The behavior in its annotation; an empty one is none."""
    return _read(scaler, BEHAVIOR, {"scaleUp": _RULES, "scaleDown": _RULES}) or None


def _list(scaler: Object, annotation: str, shape: Shape) -> list[Object] | None:
    found = _read(scaler, annotation, shape)
    return found if isinstance(found, list) else None


def _read(scaler: Object, annotation: str, shape: Shape) -> Any:
    text = annotations_of(scaler).get(annotation)
    if text is None:
        return None
    try:
        return _fitted(orjson.loads(text), shape)
    except (orjson.JSONDecodeError, _Unfit):
        return None


def _fitted(value: Any, shape: Shape) -> Any:
    """The value without unknown fields and nulls; raises _Unfit."""
    if isinstance(shape, dict):
        return _fields(value, shape)
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise _Unfit
        return [_fitted(item, shape[0]) for item in value]
    return _SCALARS[shape](value)


def _fields(value: Any, shape: Mapping[str, Shape]) -> Object:
    if not isinstance(value, dict):
        raise _Unfit
    names = {name.lower(): name for name in shape}
    known = ((names[key.lower()], item) for key, item in value.items() if key.lower() in names and item is not None)
    return {name: _fitted(item, shape[name]) for name, item in known}


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unfit
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
        raise _Unfit
    return value


def _quantity(value: Any) -> str:
    try:
        return canonical(value if isinstance(value, str) else str(_integer(value)))
    except QuantityError:
        raise _Unfit from None


def _labels(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _Unfit
    return {key: _string(item) for key, item in value.items()}


_SCALARS = {"string": _string, "int32": _integer, "int64": _integer, "quantity": _quantity, "labels": _labels}


def with_annotations(scaler: Object, hidden: Mapping[str, Any]) -> Object:
    """The metadata of an object with those annotations of this file that hold something, and no others of them."""
    kept = {key: value for key, value in annotations_of(scaler).items() if key not in DROPPED}
    kept |= {key: orjson.dumps(value).decode() for key, value in hidden.items() if value}
    metadata = {field: value for field, value in scaler["metadata"].items() if field != "annotations"}
    return {**metadata, "annotations": kept} if kept else metadata


def written_behavior(behavior: Object | None) -> Object | None:
    """A behavior as its annotation has it: in Go's names, with every field."""
    if not behavior:
        return None
    return {name[0].upper() + name[1:]: _written(behavior.get(name), _RULES) for name in ("scaleUp", "scaleDown")}


def _written(value: Any, shape: Shape) -> Any:
    if isinstance(shape, list) and value is not None:
        return [_written(item, shape[0]) for item in value]
    if isinstance(shape, dict) and value is not None:
        return {name[0].upper() + name[1:]: _written(value.get(name), inner) for name, inner in shape.items()}
    return value
