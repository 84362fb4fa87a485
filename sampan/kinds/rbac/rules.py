"""Policy rules, as Roles and ClusterRoles list them: what is wrong with one."""

from sampan.kinds.checks import Errors
from sampan.machinery.meta import Object
from sampan.machinery.rules import FieldRules, Required
from sampan.machinery.validation import Path, invalid, required

GROUP = "rbac.authorization.k8s.io"
OLD = {"v1beta1": ("1.17", "1.22"), "v1alpha1": ("1.17", "1.23")}  # when they were deprecated and removed
POLICY_RULES: FieldRules = {
    "io.k8s.api.rbac.v1.PolicyRule": {"verbs": Required("verbs must contain at least one value")},
}


def cluster_rule(rule: Object, path: Path) -> Errors:
    """A rule is for resources or for URLs, never both: ValidatePolicyRule, but what POLICY_RULES declares."""
    if urls := rule.get("nonResourceURLs"):
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            detail = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(path.child("nonResourceURLs"), urls, detail)
        return
    if not rule.get("apiGroups"):
        yield required(path.child("apiGroups"), "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(path.child("resources"), "resource rules must supply at least one resource")


def namespaced_rule(rule: Object, path: Path) -> Errors:
    """As cluster_rule, but URLs don't belong to a namespace."""
    if urls := rule.get("nonResourceURLs"):
        detail = "namespaced rules cannot apply to non-resource URLs"
        yield invalid(path.child("nonResourceURLs"), urls, detail)
    yield from cluster_rule(rule, path)
