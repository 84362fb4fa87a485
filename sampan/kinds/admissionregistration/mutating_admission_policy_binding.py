"""MutatingAdmissionPolicyBinding: where a mutating policy holds, and with which parameters. Old versions are alike."""

from sampan.kinds.admissionregistration.bindings import COLUMNS, binding_rules, validate_binding
from sampan.kinds.admissionregistration.policies import DEFAULTS, mutating_versions
from sampan.kinds.admissionregistration.rules import (
    CATEGORIES,
    static_name_warnings,
    validate_mutating_operations,
    validate_static_name,
)
from sampan.kinds.checks import SPEC, Errors
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object

_NAME = "MutatingAdmissionPolicyBinding"


def _validate(binding: Object) -> Errors:
    yield from validate_binding(binding)
    yield from validate_mutating_operations(binding["spec"].get("matchResources"), SPEC.child("matchResources"))


KIND = Kind(
    name=_NAME,
    plural="mutatingadmissionpolicybindings",
    versions=mutating_versions(_NAME),
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
