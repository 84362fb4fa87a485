"""LimitRange: what containers, pods and claims of a namespace may ask for, and what those that don't ask get.

Here is only what a LimitRange may say. Defaults, rules and texts: k8s.io/kubernetes/pkg/apis/core
(SetDefaults_LimitRangeItem, ValidateLimitRange).
"""

from collections.abc import Iterable, Mapping

from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import CREATED_AT, NAME
from sampan.kinds.core.resource_validation import (
    may_overcommit,
    validate_container_resource_name,
    validate_resource_name,
)
from sampan.machinery import quantity
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, check, duplicate, forbidden, invalid, qualified_name, required

_DEFINITION = "io.k8s.api.core.v1.LimitRange"
_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_LIMITS = SPEC.child("limits")
_AMOUNTS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_LARGEST_MILLI = (1 << 63) // 1000  # beyond this, ratios are of whole units

# (bigger, smaller, where the error is reported, whose value it shows, names of both): no first may be below the second.
_ORDERED = (
    ("max", "min", "min", "min", "min value {1} is greater than max value {0}"),
    (
        "defaultRequest",
        "min",
        "defaultRequest",
        "defaultRequest",
        "min value {1} is greater than default request value {0}",
    ),
    (
        "max",
        "defaultRequest",
        "defaultRequest",
        "defaultRequest",
        "default request value {1} is greater than max value {0}",
    ),
    (
        "default",
        "defaultRequest",
        "defaultRequest",
        "defaultRequest",
        "default request value {1} is greater than default limit value {0}",
    ),
    ("default", "min", "default", "min", "min value {1} is greater than default value {0}"),
    ("max", "default", "default", "max", "default value {1} is greater than max value {0}"),
)


def _default_item(item: Object) -> None:
    """Of a container: the default limit is the maximum, the default request the default limit, or else the minimum."""
    if item.get("type") != "Container":
        return
    limits = {**(item.get("max") or {}), **(item.get("default") or {})}
    requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
    for field, amounts in (("default", limits), ("defaultRequest", requests)):
        if amounts:
            item[field] = amounts


def _validate(limit_range: Object) -> Errors:
    seen: set[str] = set()
    for index, item in enumerate(limit_range["spec"].get("limits") or ()):
        type_, path = item.get("type") or "", _LIMITS.index(index)
        yield from _type(type_, path.child("type"))
        if type_ in seen:
            yield duplicate(path.child("type"), type_)
        seen.add(type_)
        yield from _item(item, type_, path)


def _type(type_: str, path: Path) -> Errors:
    wrong = qualified_name(type_)
    yield from check(path, type_, wrong)
    if not wrong and "/" not in type_ and type_ not in _TYPES:
        yield invalid(path, type_, "must be a standard limit type or fully qualified")


def _item(item: Object, type_: str, path: Path) -> Errors:
    amounts = {field: item.get(field) or {} for field in _AMOUNTS}
    for field in _AMOUNTS:
        if type_ == "Pod" and field.startswith("default"):
            if amounts[field]:
                yield forbidden(path.child(field), "may not be specified when `type` is 'Pod'")
            amounts[field] = {}
        yield from _names(amounts[field], type_, path.child(field))
    if type_ == "PersistentVolumeClaim" and not any("storage" in amounts[field] for field in ("min", "max")):
        detail = "either minimum or maximum storage value is required, but neither was provided"
        yield required(path.child("limits"), detail)
    for name in dict.fromkeys(name for field in _AMOUNTS for name in amounts[field]):
        yield from _resource(name, {field: named[name] for field, named in amounts.items() if name in named}, path)


def _names(names: Iterable[str], type_: str, path: Path) -> Errors:
    rule = validate_container_resource_name if type_ in ("Pod", "Container") else validate_resource_name
    for name in names:
        yield from rule(name, path.key(name))


def _resource(name: str, amount: Mapping[str, str], path: Path) -> Errors:
    """The five amounts of one resource contradict each other nowhere."""
    for bigger, smaller, where, shown, text in _ORDERED:
        if bigger in amount and smaller in amount and quantity.compare(amount[smaller], amount[bigger]) > 0:
            yield invalid(path.child(where).key(name), amount[shown], text.format(amount[bigger], amount[smaller]))
    if "maxLimitRequestRatio" in amount:
        yield from _ratio(amount, path.child("maxLimitRequestRatio").key(name))
    limit, request = amount.get("default"), amount.get("defaultRequest")
    if limit and request and not may_overcommit(name) and quantity.compare(limit, request):
        detail = f"default value {limit} must equal to defaultRequest value {request} in {name}"
        yield invalid(path.child("defaultRequest").key(name), request, detail)


def _ratio(amount: Mapping[str, str], path: Path) -> Errors:
    ratio = amount["maxLimitRequestRatio"]
    if quantity.compare(ratio, "1") < 0:
        yield invalid(path, ratio, f"ratio {ratio} is less than 1")
    if "min" not in amount or "max" not in amount:
        return
    most, least, wanted = amount["max"], amount["min"], float(quantity.value(ratio))
    values = quantity.value(most), quantity.value(least)
    if max(*values, quantity.value(ratio)) < _LARGEST_MILLI:
        wanted, values = quantity.milli(ratio) / 1000, (quantity.milli(most), quantity.milli(least))
    limit = values[0] / values[1] if values[1] else float("inf")
    if wanted > limit:
        yield invalid(path, ratio, f"ratio {ratio} is greater than max/min = {limit:f}")


KIND = Kind(
    name="LimitRange",
    plural="limitranges",
    versions=(ServedVersion("", "v1", _DEFINITION),),
    short_names=("limits",),
    columns=(NAME, CREATED_AT),
    validate=_validate,
    has_status=False,
    has_generation=False,
    defaults={_DEFINITION: {"spec": {}}},
    default_functions={_DEFINITION + "Item": _default_item},
    allow_create_on_update=True,
)
