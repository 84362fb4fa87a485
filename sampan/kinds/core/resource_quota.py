"""ResourceQuota: how much of each resource all objects of a namespace may use together.

Here is only what a quota may say; admission counts. Rules and texts: k8s.io/kubernetes/pkg/apis/core
(ValidateResourceQuota) and pkg/registry/core/resourcequota.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sampan.kinds.checks import IMMUTABLE, SPEC, Errors
from sampan.kinds.columns import AGE, NAME
from sampan.kinds.core.resource_validation import (
    is_quota_resource,
    validate_quota_resource_name,
    validate_resource_amount,
)
from sampan.kinds.prepare import fresh_status
from sampan.machinery import quantity
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path
from sampan.machinery.validation import Path, invalid, required

_DEFINITION = "io.k8s.api.core.v1.ResourceQuota"
_SCOPES, _EXPRESSIONS = SPEC.child("scopes"), SPEC.child("scopeSelector", "matchExpressions")

_POD_RESOURCES = frozenset(
    ("pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"),
)
SCOPES = {  # scope -> the resources of Kubernetes's own that it can be applied to
    "Terminating": _POD_RESOURCES,
    "NotTerminating": _POD_RESOURCES,
    "BestEffort": frozenset(("pods",)),
    "NotBestEffort": _POD_RESOURCES,
    "PriorityClass": _POD_RESOURCES,
    "CrossNamespacePodAffinity": _POD_RESOURCES,
    "VolumeAttributesClass": frozenset(("persistentvolumeclaims", "requests.storage")),
}
_WITH_VALUES = ("PriorityClass", "VolumeAttributesClass")
_CONFLICTS = ({"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"})
_ONLY_EXISTS = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def _validate(quota: Object) -> Errors:
    spec = quota["spec"]
    hard, scopes = spec.get("hard") or {}, spec.get("scopes") or []
    yield from _amounts(hard, SPEC.child("hard"))
    for scope in scopes:
        if scope not in SCOPES:
            yield invalid(_SCOPES, scopes, "unsupported scope")
        for _ in _misapplied(scope, hard):
            yield invalid(_SCOPES, scopes, "unsupported scope applied to resource")
    yield from _conflicts(scopes, scopes)
    if (selector := spec.get("scopeSelector")) is not None:
        yield from _selector(selector, hard, scopes)


def _amounts(amounts: Object, path: Path) -> Errors:
    for name, amount in amounts.items():
        yield from validate_quota_resource_name(name, path.key(name))
        yield from validate_resource_amount(name, amount, path.key(name))


def _misapplied(scope: str, hard: Iterable[str]) -> Iterator[str]:
    if scope in SCOPES:
        yield from (name for name in hard if is_quota_resource(name) and name not in SCOPES[scope])


def _conflicts(scopes: Iterable[str], shown: Sequence[str]) -> Errors:
    for pair in _CONFLICTS:
        if pair <= set(scopes):
            yield invalid(_SCOPES, shown, "conflicting scopes")


def _selector(selector: Object, hard: Object, scopes: Sequence[str]) -> Errors:
    terms = selector.get("matchExpressions") or []
    for term in terms:
        scope = term.get("scopeName") or ""
        if scope not in SCOPES:
            yield invalid(_EXPRESSIONS.child("scopeName"), scope, "unsupported scope")
        for _ in _misapplied(scope, hard):
            yield invalid(_EXPRESSIONS, selector, "unsupported scope applied to resource")
        yield from _operator(scope, term.get("operator") or "", term.get("values") or [])
    yield from _conflicts([term.get("scopeName") or "" for term in terms], scopes)


def _operator(scope: str, operator: str, values: Sequence[str]) -> Errors:
    path = _EXPRESSIONS.child("operator")
    if scope in SCOPES and scope not in _WITH_VALUES and operator != "Exists":
        yield invalid(path, operator, _ONLY_EXISTS)
    if operator in ("In", "NotIn"):
        if not values:
            detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            yield required(_EXPRESSIONS.child("values"), detail)
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            yield invalid(_EXPRESSIONS.child("values"), values, detail)
    else:
        yield invalid(path, operator, "not a valid selector operator")


def _validate_update(new: Object, old: Object) -> Errors:
    scopes = new["spec"].get("scopes") or []
    if set(scopes) != set(old["spec"].get("scopes") or ()):
        yield invalid(_SCOPES, scopes, IMMUTABLE)


def _validate_status_update(new: Object, old: Object) -> Errors:
    for field in ("hard", "used"):
        yield from _amounts(get_path(new, ("status", field), {}), Path("status").child(field))


def _warnings(quota: Object) -> Iterator[str]:
    """A quota that allows more requests than limits: the surplus can never be used."""
    hard = quota["spec"].get("hard") or {}
    for name in ("cpu", "memory", "storage", "ephemeral-storage"):
        limit, request = f"limits.{name}", f"requests.{name}"
        if request not in hard and name in ("cpu", "memory"):
            request = name
        if request in hard and limit in hard and quantity.compare(hard[request], hard[limit]) > 0:
            yield f"ResourceQuota {request} ({hard[request]}) should be less than {limit} ({hard[limit]})"


def _usage(limits: bool) -> Column:
    """A column of `resource: used/hard`, of the limits or of everything else."""

    def cell(quota: Object, now: datetime) -> str:
        hard, used = (get_path(quota, ("status", field), {}) for field in ("hard", "used"))
        names = sorted(name for name in hard if name.startswith("limits.") == limits)
        return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in names)

    if limits:
        return Column("Limit", cell, description="Use of what containers may take at most.")
    return Column("Request", cell, description="Use of what is asked for, and numbers of objects.")


KIND = Kind(
    name="ResourceQuota",
    plural="resourcequotas",
    versions=(ServedVersion("", "v1", _DEFINITION),),
    short_names=("quota",),
    columns=(NAME, _usage(limits=False), _usage(limits=True), AGE),
    prepare_create=fresh_status(),
    validate=_validate,
    validate_update=_validate_update,
    validate_status_update=_validate_status_update,
    create_warnings=_warnings,
    has_generation=False,
    defaults={_DEFINITION: {"spec": {}}},
    returns_deleted=True,
)
