"""RoleBinding: gives a Role or ClusterRole to subjects, within one namespace."""

from sampan.kinds.checks import Errors
from sampan.kinds.rbac.bindings import COLUMNS, DEFAULTS, rules, validate_binding
from sampan.kinds.rbac.v1alpha1 import binding_versions, define
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object


def _validate(binding: Object) -> Errors:
    return validate_binding(binding, ("ClusterRole", "Role"), namespaced=True)


KIND = Kind(
    name="RoleBinding",
    plural="rolebindings",
    versions=binding_versions("RoleBinding"),
    columns=COLUMNS,
    validate=_validate,
    rules=rules("RoleBinding"),
    name_rule="path-segment",
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
    definitions=lambda known: define(known, "RoleBinding"),
    defaults=DEFAULTS,
)
