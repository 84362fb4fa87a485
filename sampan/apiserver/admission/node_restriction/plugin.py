"""Who is a node, and which rule is for what it writes: a table.

Rules and messages: k8s.io/kubernetes/plugin/pkg/admission/noderestriction; documentation, "NodeRestriction".
"""

from collections.abc import Awaitable, Callable

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.admission.node_restriction import certificates, nodes, own, pods, tokens
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.authorization.node.identity import node_of
from sampan.apiserver.services import Services

_Check = Callable[[Services, Admission, str], Awaitable[None] | None]


async def mutate(services: Services, admission: Admission) -> None:
    """Raises Forbidden where a node reaches for another's, NotFound where it names what is not there."""
    node = node_of(admission.user)
    if node is None:
        return
    if not node:
        raise forbidden(admission, f'could not determine node from user "{admission.user.name}"')
    check = _CHECKS.get((admission.kind.group, admission.kind.plural))
    if check is not None and (waiting := check(services, admission, node)) is not None:
        await waiting


_CHECKS: dict[tuple[str, str], _Check] = {
    ("", "pods"): pods.check,
    ("", "nodes"): nodes.check,
    ("", "persistentvolumeclaims"): own.check_claim_status,
    ("", "serviceaccounts"): tokens.check,
    ("certificates.k8s.io", "podcertificaterequests"): certificates.check_pod_request,
    ("certificates.k8s.io", "certificatesigningrequests"): certificates.check_request,
    ("coordination.k8s.io", "leases"): own.check_lease,
    ("resource.k8s.io", "resourceslices"): own.check_resource_slice,
    ("storage.k8s.io", "csinodes"): own.check_csi_node,
}
