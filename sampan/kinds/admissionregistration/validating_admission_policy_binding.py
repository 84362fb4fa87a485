"""ValidatingAdmissionPolicyBinding: where a policy holds, with which parameters, and what follows."""

from dataclasses import replace

from sampan.kinds.admissionregistration.bindings import COLUMNS, binding_rules, validate_binding
from sampan.kinds.admissionregistration.policies import DEFAULTS
from sampan.kinds.admissionregistration.rules import (
    CATEGORIES,
    GROUP,
    V1,
    static_name_warnings,
    validate_static_name,
)
from sampan.kinds.checks import SPEC, Errors
from sampan.kinds.versions import versions
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object
from sampan.machinery.rules import Each, Enum, Required, Unique
from sampan.machinery.tree import get_path
from sampan.machinery.validation import invalid

_NAME = "ValidatingAdmissionPolicyBinding"
_ACTIONS = (Required("at least one validation action is required"), Each(Enum()), Unique())
_REPEATED = (
    "must not contain both Deny and Warn "
    "(repeating the same validation failure information in the API response and headers serves no purpose)"
)


def _validate(binding: Object) -> Errors:
    yield from validate_binding(binding)
    actions, path = binding["spec"].get("validationActions") or [], SPEC.child("validationActions")
    if {"Deny", "Warn"} <= set(actions):
        yield invalid(path, actions, _REPEATED)


def _default_v1alpha1(binding: Object) -> None:
    if (ref := get_path(binding, ("spec", "paramRef"))) is not None:
        ref.setdefault("parameterNotFoundAction", "Deny")


def _versions() -> tuple[ServedVersion, ...]:
    *same, oldest = versions(GROUP, V1 + _NAME, v1beta1=("1.31", "1.34"), v1alpha1=("1.29", "1.32"))
    return (*same, replace(oldest, default=_default_v1alpha1))


KIND = Kind(
    name=_NAME,
    plural="validatingadmissionpolicybindings",
    versions=_versions(),
    namespaced=False,
    categories=CATEGORIES,
    columns=COLUMNS,
    validate=_validate,
    validate_create=validate_static_name,
    warnings=static_name_warnings,
    has_status=False,
    allow_unconditional_update=False,
    defaults=DEFAULTS,
    rules=binding_rules(_NAME, validationActions=_ACTIONS),
)
