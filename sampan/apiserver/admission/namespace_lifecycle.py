"""NamespaceLifecycle: nothing is created where there is no namespace or one that is going; system namespaces stay.

Rules and messages: k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle.
"""

from sampan.apiserver.admission.chain import Admission
from sampan.apiserver.services import Services
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.machinery.errors import Forbidden, NotFound, qualified
from sampan.machinery.meta import is_deleting

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})
_STILL_CREATED = frozenset({"localsubjectaccessreviews"})  # asking about a namespace does not need it


def admit(services: Services, admission: Admission) -> None:
    """Raises NotFound for a missing namespace, Forbidden for a terminating or protected one."""
    kind, info = admission.kind, admission.call.info
    if kind is NAMESPACE:
        if admission.operation == "DELETE" and admission.old and admission.old["metadata"]["name"] in IMMORTAL:
            raise _immortal(admission.old["metadata"]["name"])
        return
    if not kind.namespaced or admission.operation == "DELETE" or kind.plural in _STILL_CREATED:
        return
    namespace = services.find(NAMESPACE, "", info.namespace)
    if namespace is None:
        raise NotFound.of("namespaces", "", info.namespace)
    if admission.operation == "CREATE" and is_deleting(namespace):
        raise _terminating(admission, info.namespace)


def _immortal(name: str) -> Forbidden:
    return Forbidden(
        f'namespaces "{name}" is forbidden: this namespace may not be deleted',
        details={"name": name, "kind": "namespaces"},
    )


def _terminating(admission: Admission, namespace: str) -> Forbidden:
    kind, name = admission.kind, admission.new["metadata"].get("name") or ""
    shown = f'{qualified(kind.plural, kind.group)} "{name}"' if name else qualified(kind.plural, kind.group)
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    details = {"name": name, "group": kind.group, "kind": kind.plural, "causes": [cause]}
    return Forbidden(
        f"{shown} is forbidden: unable to create new content in namespace {namespace} because it is being terminated",
        details={key: value for key, value in details.items() if value},
    )
