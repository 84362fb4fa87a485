"""Role: what may be done within one namespace."""

from sampan.kinds.checks import Errors, each
from sampan.kinds.columns import CREATED_AT, NAME
from sampan.kinds.rbac.rules import GROUP, OLD, POLICY_RULES, namespaced_rule
from sampan.kinds.versions import versions
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path


def _validate(role: Object) -> Errors:
    return each(Path("rules"), role.get("rules"), namespaced_rule)


KIND = Kind(
    name="Role",
    plural="roles",
    versions=versions(GROUP, "io.k8s.api.rbac.v1.Role", **OLD),
    columns=(NAME, CREATED_AT),
    rules=POLICY_RULES,
    validate=_validate,
    name_rule="path-segment",
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
)
