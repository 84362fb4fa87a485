"""NodeRestriction on what bears the node's name, and on the little of a claim's status that a node measures."""

from sampan.apiserver.admission.attributes import CREATE, DELETE, UPDATE, Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.machinery.meta import Object
from sampan.machinery.tree import semantic_equal

_LEASES = "kube-node-lease"
_MEASURED = frozenset({"capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"})
_BY_THE_SERVER = frozenset({"resourceVersion", "managedFields"})


def check_lease(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden."""
    if admission.namespace != _LEASES:
        raise forbidden(admission, f'can only access leases in the "{_LEASES}" system namespace')
    if admission.name != node:
        raise forbidden(admission, "can only access node lease with the same name as the requesting node")


def check_csi_node(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden."""
    if admission.name != node:
        raise forbidden(admission, "can only access CSINode with the same name as the requesting node")
    if admission.subresource == "status":
        raise forbidden(admission, "CSIVolumeHealth feature gate is disabled")


def check_resource_slice(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden. That an update is of the node's own, the authorizer sees by the name."""
    obj = {CREATE: admission.obj, DELETE: admission.old}.get(admission.operation)
    if obj is not None and obj["spec"].get("nodeName") != node:
        verb = admission.operation.lower()
        raise forbidden(admission, f"can only {verb} ResourceSlice with the same NodeName as the requesting node")


def check_claim_status(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden for all but what a node learns of a volume that it has mounted, or grown."""
    if admission.subresource != "status":
        raise forbidden(admission, "may only update PVC status")
    if admission.operation != UPDATE or admission.old is None:
        raise forbidden(admission, f'unexpected operation "{admission.operation}"')
    before, after = _fixed(admission.old), _fixed(admission.new)
    changed = [field for field in sorted({*before, *after}) if not semantic_equal(before.get(field), after.get(field))]
    if changed:
        why = "is not allowed to update fields other than status.quantity and status.conditions"
        raise forbidden(admission, f'node "{node}" {why}: {", ".join(changed)}')


def _fixed(claim: Object) -> Object:
    """What of a claim is not the node's to change."""
    meta = {field: value for field, value in claim["metadata"].items() if field not in _BY_THE_SERVER}
    status = {field: value for field, value in (claim.get("status") or {}).items() if field not in _MEASURED}
    return {"metadata": meta, "spec": claim.get("spec"), "status": status}
