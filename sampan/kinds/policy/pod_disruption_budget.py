"""PodDisruptionBudget: how many of some pods must stay when pods are moved away.

In v1beta1 an empty selector selects no pod, in v1 every pod. A label that no pod has stands for the other meaning where
a version cannot express it. Rules: k8s.io/kubernetes/pkg/apis/policy (validation, v1beta1/conversion.go, helpers.go).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sampan.kinds.apps.rolling_update import at_most_all, int_or_percent
from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.columns import AGE, NAME, count_column
from sampan.kinds.conditions import validate_conditions
from sampan.kinds.prepare import fresh_status
from sampan.machinery.kind import Column, Conversion, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Enum
from sampan.machinery.tree import get_path, semantic_equal
from sampan.machinery.validation import Path, invalid, non_negative, validate_label_selector

_DEFINITION = "io.k8s.api.policy.v1.PodDisruptionBudget"
_LABEL = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"
_NO_POD_IN_V1: Object = {"matchExpressions": [{"key": _LABEL, "operator": "Exists"}]}
_EVERY_POD_IN_V1BETA1: Object = {"matchExpressions": [{"key": _LABEL, "operator": "DoesNotExist"}]}
_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
_fresh = fresh_status(**dict.fromkeys(_COUNTS, 0))


def _converting(convert: Callable[[Object], Object]) -> Callable[[Object], Object]:
    def with_selector(budget: Object) -> Object:
        selector = get_path(budget, ("spec", "selector"))
        return budget if selector is None else {**budget, "spec": {**budget["spec"], "selector": convert(selector)}}

    return with_selector


def _to_v1(selector: Object) -> Object:
    if semantic_equal(selector, {}):
        return _NO_POD_IN_V1
    return {} if semantic_equal(selector, _EVERY_POD_IN_V1BETA1) else _without_label(selector)


def _from_v1(selector: Object) -> Object:
    if semantic_equal(selector, _NO_POD_IN_V1):
        return {}
    return _EVERY_POD_IN_V1BETA1 if semantic_equal(selector, {}) else selector


def _without_label(selector: Object) -> Object:
    """The selector without the label that only this file may use."""
    kept = dict(selector)
    if labels := selector.get("matchLabels"):
        kept["matchLabels"] = {key: value for key, value in labels.items() if key != _LABEL}
    if expressions := selector.get("matchExpressions"):
        kept["matchExpressions"] = [item for item in expressions if item.get("key") != _LABEL]
    return kept


def _prepare_create(budget: Object) -> None:
    _fresh(budget)
    _clean(budget)


def _prepare_update(new: Object, old: Object) -> None:
    if not semantic_equal(new["spec"].get("selector"), old["spec"].get("selector")):
        _clean(new)


def _clean(budget: Object) -> None:
    selector = budget["spec"].get("selector")
    if selector is not None and not semantic_equal(selector, _NO_POD_IN_V1):
        budget["spec"]["selector"] = _without_label(selector)


def _validate(budget: Object, any_value: bool = False) -> Errors:
    spec = budget["spec"]
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield invalid(SPEC, spec, "minAvailable and maxUnavailable cannot be both set")
    for field in ("minAvailable", "maxUnavailable"):
        if (value := spec.get(field)) is not None:
            yield from int_or_percent(value, SPEC.child(field))
            yield from at_most_all(value, SPEC.child(field))
    yield from validate_label_selector(spec.get("selector"), SPEC.child("selector"), any_value=any_value)


def _validate_update(new: Object, old: Object) -> Errors:
    return _validate(new, any(validate_label_selector(old["spec"].get("selector"), Path())))


def _validate_status_update(new: Object, old: Object) -> Errors:
    status, path = new.get("status") or {}, Path("status")
    yield from validate_conditions(status.get("conditions") or (), path.child("conditions"))
    for field in _COUNTS:
        yield from non_negative(path.child(field), status.get(field))


def _bound(field: str) -> Callable[[Object, datetime], str]:
    def cell(budget: Object, now: datetime) -> str:
        value: Any = get_path(budget, ("spec", field))
        return "N/A" if value is None else str(value)

    return cell


KIND = Kind(
    name="PodDisruptionBudget",
    plural="poddisruptionbudgets",
    versions=(
        ServedVersion("policy", "v1", _DEFINITION),
        ServedVersion(
            "policy",
            "v1beta1",
            _DEFINITION,
            convert=Conversion(_converting(_to_v1), _converting(_from_v1)),
            deprecated="1.21",
            removed="1.25",
            replacement="policy/v1 PodDisruptionBudget",
        ),
    ),
    short_names=("pdb",),
    columns=(
        NAME,
        Column("Min Available", _bound("minAvailable"), description="How many pods must stay."),
        Column("Max Unavailable", _bound("maxUnavailable"), description="How many pods may be missing."),
        count_column("Allowed Disruptions", "status", "disruptionsAllowed", description="How many may go now."),
        AGE,
    ),
    prepare_create=_prepare_create,
    prepare_update=_prepare_update,
    rules={_DEFINITION + "Spec": {"unhealthyPodEvictionPolicy": Enum()}},
    validate_create=_validate,
    validate_update=_validate_update,
    validate_status_update=_validate_status_update,
    allow_unconditional_update=False,
)
