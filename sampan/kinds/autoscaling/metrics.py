"""What is wrong with the metrics that a HorizontalPodAutoscaler follows: k8s.io/kubernetes/pkg/apis/autoscaling."""

from collections.abc import Callable

from sampan.kinds.checks import Errors
from sampan.kinds.core.resource_validation import validate_container_resource_name
from sampan.machinery import quantity
from sampan.machinery.meta import Object
from sampan.machinery.validation import (
    Path,
    check,
    dns_label,
    forbidden,
    invalid,
    not_supported,
    path_segment,
    required,
)

# type -> the field that describes it; in the order in which upstream looks at them
SOURCES = {
    "Object": "object",
    "External": "external",
    "Pods": "pods",
    "Resource": "resource",
    "ContainerResource": "containerResource",
}
_NOTHING = "must populate information for the given metric source"
_TARGETS = ("Utilization", "Value", "AverageValue")


def validate_metric(metric: Object, path: Path, any_version: bool) -> Errors:
    """One metric: of the type that it says, and of no other."""
    type_ = metric.get("type") or ""
    if not type_:
        yield required(path.child("type"), "must specify a metric source type")
    if type_ not in SOURCES:
        yield not_supported(path.child("type"), type_, sorted(SOURCES))
    present = [field for field in SOURCES.values() if metric.get(field) is not None]
    if present:
        yield from _CHECKS[present[0]](metric[present[0]], path.child(present[0]), any_version)
    expected = SOURCES.get(type_, "")
    if not expected:
        yield not_supported(path.child("type"), type_, sorted(SOURCES))
    elif expected not in present:
        yield required(path.child(expected), _NOTHING)
    if len(present) != 1:
        for field in present:
            if field != expected:
                yield forbidden(path.child(field), "must populate the given metric source only")


def validate_reference(ref: Object, path: Path, *, any_version: bool, any_group: bool) -> Errors:
    """A CrossVersionObjectReference. `any_version`: its apiVersion does not matter; `any_group`: also the core."""
    for field in ("kind", "name"):
        if not (value := ref.get(field)):
            yield required(path.child(field))
        else:
            yield from check(path.child(field), value, path_segment(value))
    if not any_version and (wrong := api_version_error(ref.get("apiVersion") or "", any_group)):
        yield invalid(path.child("apiVersion"), ref.get("apiVersion") or "", wrong)


def api_version_error(text: str, any_group: bool) -> str:
    """What is wrong with an apiVersion, "" if nothing is."""
    if text.count("/") > 1:
        return f"unexpected GroupVersion string: {text}"
    group = text.rpartition("/")[0]
    return "" if group or any_group else "apiVersion must specify API group"


def _object(source: Object, path: Path, any_version: bool) -> Errors:
    described = source.get("describedObject") or {}
    yield from validate_reference(described, path.child("describedObject"), any_version=any_version, any_group=True)
    target = source.get("target") or {}
    yield from _named(source, target, path)
    if target.get("value") is None and target.get("averageValue") is None:
        yield required(path.child("target", "averageValue"), "must set either a target value or averageValue")


def _external(source: Object, path: Path, any_version: bool) -> Errors:
    target = source.get("target") or {}
    yield from _named(source, target, path)
    value, average = target.get("value"), target.get("averageValue")
    if value is None and average is None:
        detail = "must set either a target value for metric or a per-pod target"
        yield required(path.child("target", "averageValue"), detail)
    if value is not None and average is not None:
        detail = "may not set both a target value for metric and a per-pod target"
        yield forbidden(path.child("target", "value"), detail)


def _pods(source: Object, path: Path, any_version: bool) -> Errors:
    target = source.get("target") or {}
    yield from _named(source, target, path)
    if target.get("averageValue") is None:
        yield required(path.child("target", "averageValue"), "must specify a positive target averageValue")


def _named(source: Object, target: Object, path: Path) -> Errors:
    """The identifier of a metric, and its target."""
    at, name = path.child("metric", "name"), (source.get("metric") or {}).get("name") or ""
    if not name:
        yield required(at, "must specify a metric name")
    yield from check(at, name, path_segment(name))
    yield from _target(target, path.child("target"))


def _container_resource(source: Object, path: Path, any_version: bool) -> Errors:
    name, container = source.get("name") or "", source.get("container") or ""
    if not name:
        yield required(path.child("name"), "must specify a resource name")
    else:
        yield from validate_container_resource_name(name, path.child("name"))
    if not container:
        yield required(path.child("container"), "must specify a container")
    else:
        yield from check(path.child("container"), container, dns_label(container))
    yield from _utilization(source.get("target") or {}, path.child("target"))


def _resource(source: Object, path: Path, any_version: bool) -> Errors:
    if not source.get("name"):
        yield required(path.child("name"), "must specify a resource name")
    yield from _utilization(source.get("target") or {}, path.child("target"))


def _utilization(target: Object, path: Path) -> Errors:
    yield from _target(target, path)
    share, average = target.get("averageUtilization"), target.get("averageValue")
    if share is None and average is None:
        detail = "must set either a target raw value or a target utilization"
        yield required(path.child("averageUtilization"), detail)
    if share is not None and average is not None:
        detail = "may not set both a target raw value and a target utilization"
        yield forbidden(path.child("averageValue"), detail)


def _target(target: Object, path: Path) -> Errors:
    type_ = target.get("type") or ""
    if not type_:
        yield required(path.child("type"), "must specify a metric target type")
    if type_ not in _TARGETS:
        yield invalid(path.child("type"), type_, "must be either Utilization, Value, or AverageValue")
    for field in ("value", "averageValue"):
        if (amount := target.get(field)) is not None and quantity.compare(amount, "0") <= 0:
            yield invalid(path.child(field), amount, "must be positive")
    if (share := target.get("averageUtilization")) is not None and share < 1:
        yield invalid(path.child("averageUtilization"), share, "must be greater than 0")


_CHECKS: dict[str, Callable[[Object, Path, bool], Errors]] = {
    "object": _object,
    "external": _external,
    "pods": _pods,
    "resource": _resource,
    "containerResource": _container_resource,
}
