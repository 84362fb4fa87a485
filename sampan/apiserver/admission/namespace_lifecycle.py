"""NamespaceLifecycle: nothing is created where there is no namespace or one that is going; system namespaces stay.

Rules and messages: k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle.
"""

from sampan.apiserver.admission.attributes import CREATE, DELETE, Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.machinery.errors import Forbidden, NotFound
from sampan.machinery.meta import is_deleting

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})
# Asking about a namespace does not need it.
_REVIEW = ("authorization.k8s.io", "localsubjectaccessreviews")


def mutate(services: Services, admission: Admission) -> None:
    """Raises NotFound for a missing namespace, Forbidden for a terminating or protected one."""
    kind = admission.kind
    if kind.plural == NAMESPACE.plural and kind.group == NAMESPACE.group:
        if admission.operation == DELETE and admission.name in IMMORTAL:
            raise forbidden(admission, "this namespace may not be deleted")
        return
    if not kind.namespaced or admission.operation != CREATE or (kind.group, kind.plural) == _REVIEW:
        return
    namespace = services.find(NAMESPACE, "", admission.namespace)
    if namespace is None:
        raise NotFound.of("namespaces", "", admission.namespace)
    if is_deleting(namespace):
        raise _terminating(admission, admission.namespace)


def _terminating(admission: Admission, namespace: str) -> Forbidden:
    error = forbidden(
        admission, f"unable to create new content in namespace {namespace} because it is being terminated"
    )
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    return Forbidden(error.message, details={**error.details, "causes": [cause]})
