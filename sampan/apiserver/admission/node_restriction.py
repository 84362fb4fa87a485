"""NodeRestriction: a kubelet changes its own node, and pods bound to it, and nothing else.

The part of k8s.io/kubernetes/plugin/pkg/admission/noderestriction that concerns nodes, pods and leases.
"""

from sampan.apiserver.admission.chain import Admission
from sampan.apiserver.authentication.user import GROUP_NODES, User
from sampan.apiserver.services import Services
from sampan.machinery.errors import Forbidden, qualified

_PREFIX = "system:node:"
_MIRROR = "kubernetes.io/config.mirror"
_LEASES = "kube-node-lease"


def admit(services: Services, admission: Admission) -> None:
    """Raises Forbidden where a node reaches for another's."""
    node = node_of(admission.call.user)
    if node is None:
        return
    kind = admission.kind
    if kind.plural == "nodes" and not kind.group:
        _check_node(admission, node)
    elif kind.plural == "pods" and not kind.group:
        _check_pod(admission, node)
    elif kind.plural == "leases":
        _check_lease(admission, node)


def node_of(user: User) -> str | None:
    """The name of the node that a user is; None for everybody else."""
    if GROUP_NODES not in user.groups or not user.name.startswith(_PREFIX):
        return None
    return user.name[len(_PREFIX) :]


def _check_node(admission: Admission, node: str) -> None:
    if (admission.obj or admission.old or {})["metadata"].get("name") != node:
        raise _forbidden(admission, f'node "{node}" is not allowed to modify node "{_name(admission)}"')
    if admission.operation == "UPDATE" and admission.old and not admission.subresource:
        before, after = admission.old.get("spec") or {}, admission.new.get("spec") or {}
        if before.get("taints") != after.get("taints"):
            raise _forbidden(admission, f'node "{node}" is not allowed to modify taints')


def _check_pod(admission: Admission, node: str) -> None:
    if admission.operation == "CREATE":
        pod = admission.new
        if _MIRROR not in (pod["metadata"].get("annotations") or {}):
            raise _forbidden(
                admission, f'pod does not have "{_MIRROR}" annotation, node "{node}" can only create mirror pods'
            )
        if pod["spec"].get("nodeName") != node:
            raise _forbidden(admission, f'node "{node}" can only create pods with spec.nodeName set to itself')
        return
    old = admission.old or {}
    if old["spec"].get("nodeName") != node:
        verb = "delete" if admission.operation == "DELETE" else "update status for"
        raise _forbidden(admission, f'node "{node}" can only {verb} pods with spec.nodeName set to itself')


def _check_lease(admission: Admission, node: str) -> None:
    if admission.call.info.namespace != _LEASES:
        raise _forbidden(admission, f'can only access leases in the "{_LEASES}" system namespace')
    if _name(admission) != node:
        raise _forbidden(admission, "can only access node lease with the same name as the requesting node")


def _name(admission: Admission) -> str:
    return str((admission.obj or admission.old or {})["metadata"].get("name") or "")


def _forbidden(admission: Admission, why: str) -> Forbidden:
    kind, name = admission.kind, _name(admission)
    details = {"name": name, "group": kind.group, "kind": kind.plural}
    return Forbidden(
        f'{qualified(kind.plural, kind.group)} "{name}" is forbidden: {why}',
        details={key: value for key, value in details.items() if value},
    )
