"""The Node authorizer: what a kubelet may do, as a table from resources to rules.

A kubelet reads what its pods name (graph.py) and writes what concerns itself; where the name or the content decides and
is not known yet, NodeRestriction (admission/node_restriction) has the second word. Resources that are not in the table
go by the rules of the role system:node, for all nodes alike. Never a no: others may allow more.
Rules and messages: documentation, "Using Node Authorization"; k8s.io/kubernetes/plugin/pkg/auth/authorizer/node.
"""

from collections.abc import Callable, Iterable

from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import ALLOWED, NO_OPINION, Attributes, Decision, Verdict
from sampan.apiserver.authorization.authorizer import Known
from sampan.apiserver.authorization.node.graph import Graph, Place
from sampan.apiserver.authorization.node.identity import node_of
from sampan.apiserver.authorization.rules import Rule, RuleSet

_LEASES = "kube-node-lease"
_READ = frozenset({"get", "list", "watch"})
_OWN_OBJECT = frozenset({"get", "create", "update", "patch", "delete"})
_RESOURCE_SLICE_VERBS = "get, watch, list, create, update, patch, delete, deletecollection"

_Check = Callable[[Graph, str, Attributes], Decision]


class NodeAuthorizer:
    """One of the chain. `rules` are those of the role system:node."""

    def __init__(self, graph: Graph, rules: Iterable[Rule]) -> None:
        self.graph = graph
        self._rules = RuleSet((rule, ALLOWED) for rule in rules)

    def decide(self, attributes: Attributes) -> Decision:
        """A yes for a node that has to do with the object."""
        node = node_of(attributes.user)
        if node is None:
            return NO_OPINION
        if not node:
            return _unsure(f'unknown node for user "{attributes.user.name}"')
        check = _CHECKS.get((attributes.group, attributes.resource)) if attributes.is_resource else None
        if check is not None:
            return check(self.graph, node, attributes)
        return self._rules.find(attributes) or NO_OPINION

    def known_rules(self, user: User, namespace: str) -> Known:
        """Nobody can list what a node may do: it depends on its pods."""
        if node_of(user) is None:
            return Known()
        return Known((), True, "node authorizer does not support user rule resolution")


def _unsure(reason: str) -> Decision:
    return Decision(Verdict.NO_OPINION, reason)


def _related(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if not attributes.name:
        return _unsure("No Object name found")
    if graph.reaches(node, Place(attributes.resource, attributes.namespace, attributes.name)):
        return ALLOWED
    return _unsure(f"no relationship found between node '{node}' and this object")


def _only_get(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if attributes.verb != "get":
        return _unsure("can only get individual resources of this type")
    if attributes.subresource:
        return _unsure("cannot get subresource")
    return _related(graph, node, attributes)


def _only_read(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if attributes.verb not in _READ:
        return _unsure("can only read resources of this type")
    if attributes.subresource:
        return _unsure("cannot read subresource")
    if not attributes.namespace:
        return _unsure("can only read namespaced object of this type")
    return _related(graph, node, attributes)


def _claim(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if attributes.subresource != "status":
        return _only_get(graph, node, attributes)
    if attributes.verb not in ("update", "patch"):
        return _unsure("can only get/update/patch this type")
    return _related(graph, node, attributes)


def _service_account(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if attributes.verb == "get" and not attributes.subresource:
        return _only_read(graph, node, attributes)
    if attributes.verb != "create" or not attributes.name:
        return _unsure("can only create tokens for individual service accounts")
    if attributes.subresource != "token":
        return _unsure("can only create token subresource of serviceaccount")
    return _related(graph, node, attributes)


def _lease(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if attributes.verb not in _OWN_OBJECT:
        return _unsure("can only get, create, update, patch, or delete a node lease")
    if attributes.namespace != _LEASES:
        return _unsure(f'can only access leases in the "{_LEASES}" system namespace')
    return _own(node, attributes, "can only access node lease with the same name as the requesting node")


def _csi_node(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if attributes.subresource == "status":
        return _unsure("CSINode status access requires CSIVolumeHealth feature")  # alpha, and off here as upstream
    if attributes.subresource:
        return _unsure("cannot authorize CSINode subresources")
    if attributes.verb not in _OWN_OBJECT:
        return _unsure("can only get, create, update, patch, or delete a CSINode")
    return _own(node, attributes, "can only access CSINode with the same name as the requesting node")


def _own(node: str, attributes: Attributes, refusal: str) -> Decision:
    """For objects that are called like their node; the name of a new one is in its body, which admission sees."""
    return ALLOWED if attributes.verb == "create" or attributes.name == node else _unsure(refusal)


def _resource_slice(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if attributes.subresource:
        return _unsure("cannot authorize ResourceSlice subresources")
    match attributes.verb:
        case "create":
            return ALLOWED
        case "get" | "update" | "patch" | "delete":
            return _related(graph, node, attributes)
        case "watch" | "list" | "deletecollection":
            refusal = "can only list/watch/deletecollection resourceslices with nodeName field selector"
            return ALLOWED if attributes.selectors.selects("spec.nodeName", node) else _unsure(refusal)
    return _unsure(f"only the following verbs are allowed for a ResourceSlice: {_RESOURCE_SLICE_VERBS}")


def _pod_certificate_request(graph: Graph, node: str, attributes: Attributes) -> Decision:
    if attributes.subresource:
        return _unsure("nodes may not access the status subresource of PodCertificateRequests")
    match attributes.verb:
        case "create":
            return ALLOWED
        case "get":
            return _related(graph, node, attributes)
        case "list" | "watch":
            refusal = "can only list/watch podcertificaterequests with nodeName field selector"
            return ALLOWED if attributes.selectors.selects("spec.nodeName", node) else _unsure(refusal)
    return _unsure(f"nodes may not {attributes.verb} podcertificaterequests")


def _node(graph: Graph, node: str, attributes: Attributes) -> Decision:
    """By its name, not by the graph: a kubelet looks for its Node before there is one."""
    name = attributes.name
    match attributes.subresource, attributes.verb:
        case "", "create" | "update" | "patch":
            return ALLOWED
        case "", "get" | "list" | "watch":
            if name == node:
                return ALLOWED
            what = f"'{name}'" if name else "all nodes"
            return _unsure(f"node '{node}' cannot read {what}, only its own Node object")
        case "status", "update" | "patch":
            return ALLOWED
    return NO_OPINION


def _pod(graph: Graph, node: str, attributes: Attributes) -> Decision:
    match attributes.subresource, attributes.verb:
        case "", "get":
            return _related(graph, node, attributes)
        case "", "list" | "watch":
            if attributes.selectors.selects("spec.nodeName", node):
                return ALLOWED
            if attributes.name:
                return _related(graph, node, attributes)
            return _unsure("can only list/watch pods with spec.nodeName field selector")
        case ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create"):
            return ALLOWED  # NodeRestriction holds it to mirror pods, and to its own
    return NO_OPINION


_CHECKS: dict[tuple[str, str], _Check] = {
    ("", "secrets"): _only_read,
    ("", "configmaps"): _only_read,
    ("", "persistentvolumeclaims"): _claim,
    ("", "persistentvolumes"): _only_get,
    ("", "serviceaccounts"): _service_account,
    ("", "nodes"): _node,
    ("", "pods"): _pod,
    ("certificates.k8s.io", "podcertificaterequests"): _pod_certificate_request,
    ("coordination.k8s.io", "leases"): _lease,
    ("resource.k8s.io", "resourceclaims"): _only_get,
    ("resource.k8s.io", "resourceslices"): _resource_slice,
    ("storage.k8s.io", "csinodes"): _csi_node,
    ("storage.k8s.io", "volumeattachments"): _only_get,
}
