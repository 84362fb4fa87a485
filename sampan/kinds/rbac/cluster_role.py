"""ClusterRole: what may be done in the whole cluster, or, bound by a RoleBinding, in one namespace."""

from sampan.kinds.checks import Errors, each
from sampan.kinds.columns import CREATED_AT, NAME
from sampan.kinds.rbac.rules import GROUP, OLD, POLICY_RULES, cluster_rule
from sampan.kinds.versions import versions
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object
from sampan.machinery.validation import Path, required, validate_label_selector


def _validate(role: Object) -> Errors:
    yield from each(Path("rules"), role.get("rules"), cluster_rule)
    if (aggregation := role.get("aggregationRule")) is not None:
        path, selectors = Path("aggregationRule.clusterRoleSelectors"), aggregation.get("clusterRoleSelectors")
        if not selectors:
            yield required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")
        yield from each(path, selectors, validate_label_selector)


KIND = Kind(
    name="ClusterRole",
    plural="clusterroles",
    versions=versions(GROUP, "io.k8s.api.rbac.v1.ClusterRole", **OLD),
    namespaced=False,
    columns=(NAME, CREATED_AT),
    rules=POLICY_RULES,
    validate=_validate,
    name_rule="path-segment",
    has_status=False,
    has_generation=False,
    allow_create_on_update=True,
)
