"""What a node may read of the objects that pods name: those of its own pods, one by one.

The part of k8s.io/kubernetes/plugin/pkg/auth/authorizer/node that keeps one node from the Secrets of all the others.
Its graph is here a look at the namespace's pods. RBAC (the role system:node) has the first word; this is the second.
"""

from collections.abc import Callable, Iterable

from sampan.apiserver.authentication.user import GROUP_NODES, User
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.pod_references import references
from sampan.machinery.meta import Object

_PREFIX = "system:node:"
_NAMED_BY_PODS = frozenset({"secrets", "configmaps", "persistentvolumeclaims"})
_READ = frozenset({"get", "list", "watch"})

PodsOf = Callable[[str], Iterable[Object]]  # namespace -> its pods


def node_of(user: User) -> str | None:
    """The name of the node that a user is; None for everybody else."""
    if GROUP_NODES not in user.groups or not user.name.startswith(_PREFIX):
        return None
    return user.name[len(_PREFIX) :]


def refusal(attributes: Attributes, pods_of: PodsOf) -> str:
    """Why a node may not do what its role allows; empty where it may, and for all who are no nodes."""
    node = node_of(attributes.user)
    if node is None or attributes.group or attributes.resource not in _NAMED_BY_PODS or attributes.subresource:
        return ""
    if attributes.verb not in _READ:
        return "can only read resources of this type"
    if not attributes.name or not attributes.namespace:
        return "can only read namespaced object of this type"
    wanted = (attributes.resource, attributes.name)
    own = (pod for pod in pods_of(attributes.namespace) if pod["spec"].get("nodeName") == node)
    if any(wanted in set(references(pod)) for pod in own):
        return ""
    return f"no relationship found between node '{node}' and this object"
