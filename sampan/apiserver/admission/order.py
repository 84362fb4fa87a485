"""The plugins, in the order in which they run."""

from sampan.apiserver.admission import (
    default_toleration_seconds,
    escalation,
    namespace_lifecycle,
    node_restriction,
    priority,
    service_account,
    taint_nodes_by_condition,
)
from sampan.apiserver.admission.chain import Plugin

_CREATE, _WRITE = frozenset({"CREATE"}), frozenset({"CREATE", "UPDATE"})
_ALL = frozenset({"CREATE", "UPDATE", "DELETE"})
_PODS = frozenset({("", "pods")})
_RBAC = frozenset(
    ("rbac.authorization.k8s.io", plural) for plural in ("roles", "clusterroles", "rolebindings", "clusterrolebindings")
)

PLUGINS = (
    Plugin("NamespaceLifecycle", namespace_lifecycle.admit, _ALL),
    Plugin("ServiceAccount", service_account.admit, _CREATE, _PODS),
    Plugin("NodeRestriction", node_restriction.admit, _ALL),
    Plugin("TaintNodesByCondition", taint_nodes_by_condition.admit, _CREATE, frozenset({("", "nodes")})),
    Plugin("Priority", priority.admit_pod, _CREATE, _PODS),
    Plugin("Priority", priority.admit_class, _WRITE, frozenset({("scheduling.k8s.io", "priorityclasses")})),
    Plugin("DefaultTolerationSeconds", default_toleration_seconds.admit, _CREATE, _PODS),
    Plugin("RoleEscalation", escalation.admit, _WRITE, _RBAC),
)
