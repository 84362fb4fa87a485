"""MutatingAdmissionPolicyBinding: where a mutating policy holds, and with which parameters. v1beta1 is identical."""

from sampan.kinds.admissionregistration.bindings import COLUMNS, binding_rules, validate_binding
from sampan.kinds.admissionregistration.policies import DEFAULTS, V1BETA1, v1beta1
from sampan.kinds.admissionregistration.rules import (
    CATEGORIES,
    GROUP,
    V1,
    static_name_warnings,
    validate_mutating_operations,
    validate_static_name,
)
from sampan.kinds.checks import SPEC, Errors
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object

_NAME = "MutatingAdmissionPolicyBinding"


def _validate(binding: Object) -> Errors:
    yield from validate_binding(binding)
    yield from validate_mutating_operations(binding["spec"].get("matchResources"), SPEC.child("matchResources"))


KIND = Kind(
    name=_NAME,
    plural="mutatingadmissionpolicybindings",
    versions=(
        ServedVersion(GROUP, "v1", V1 + _NAME),
        v1beta1(_NAME, V1BETA1 + _NAME, "1.37", "1.40"),
    ),
    namespaced=False,
    categories=CATEGORIES,
    columns=COLUMNS,
    validate=_validate,
    validate_create=validate_static_name,
    warnings=static_name_warnings,
    has_status=False,
    allow_unconditional_update=False,
    defaults=DEFAULTS,
    rules=binding_rules(_NAME),
)
