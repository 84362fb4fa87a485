"""OwnerReferencesPermissionEnforcement: nobody has the garbage collector delete, or keep, what they may not. By flag.

Rules and messages: docs, Admission Controllers; k8s.io/kubernetes/plugin/pkg/admission/gc.
"""

from collections.abc import Iterator

from sampan.apiserver.admission.attributes import CREATE, Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.authorization.attributes import Attributes
from sampan.apiserver.services import Services
from sampan.machinery.kind import Served
from sampan.machinery.meta import Object

_NOT_ASKED = (("", "pods"), "status")  # its strategy keeps owners as they are
_DENIED = ", <nil>"  # how upstream shows a refusal without a reason


async def validate(services: Services, admission: Admission) -> None:
    """Raises Forbidden for owners that the caller may not set."""
    kind = admission.kind
    place = ((kind.group, kind.plural), admission.subresource)
    if admission.foreign or place == _NOT_ASKED or _owners(admission.new) == _owners(admission.old):
        return
    if admission.operation != CREATE and not await services.authorizers.allows(_delete(admission)):
        raise forbidden(admission, f"cannot set an ownerRef on a resource you can't delete: {_DENIED}")
    blocking = list(_newly_blocking(admission))
    everything = Attributes(admission.user, "update", True, "", "*", "*", "*", "finalizers", "*")
    if not blocking or await services.authorizers.allows(everything):
        return
    for ref in blocking:
        await _check_owner(services, admission, ref)


async def _check_owner(services: Services, admission: Admission, ref: Object) -> None:
    """To keep an owner from going is to set a finalizer on it."""
    version, name = ref.get("apiVersion") or "", ref.get("kind") or ""
    served = services.catalogue.by_kind.get((version, name))
    if served is None:
        why = f"cannot find RESTMapping for APIVersion {version} Kind {name}"
        missing = f'no matches for kind "{name}" in version "{version}"'
        raise forbidden(admission, f"cannot set blockOwnerDeletion in this case because {why}: {missing}")
    if not await services.authorizers.allows(_finalize(admission, served, ref)):
        what = "an ownerReference refers to a resource you can't set finalizers on"
        raise forbidden(admission, f"cannot set blockOwnerDeletion if {what}: {_DENIED}")


def _owners(obj: Object | None) -> list[Object]:
    return list((obj or {"metadata": {}})["metadata"].get("ownerReferences") or ())


def _newly_blocking(admission: Admission) -> Iterator[Object]:
    before = {ref.get("uid") for ref in _owners(admission.old) if ref.get("blockOwnerDeletion")}
    return (ref for ref in _owners(admission.new) if ref.get("blockOwnerDeletion") and ref.get("uid") not in before)


def _delete(admission: Admission) -> Attributes:
    info, version = admission.call.info, admission.served.version
    resource = (version.group, version.version, admission.kind.plural, admission.subresource)
    return Attributes(admission.user, "delete", True, info.namespace, *resource, info.name)


def _finalize(admission: Admission, served: Served, ref: Object) -> Attributes:
    namespace = admission.call.info.namespace if served.kind.namespaced else ""
    resource = (served.version.group, served.version.version, served.kind.plural, "finalizers")
    return Attributes(admission.user, "update", True, namespace, *resource, ref.get("name") or "")
