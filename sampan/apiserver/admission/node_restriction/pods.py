"""NodeRestriction on pods: a node makes mirror pods of what it runs by itself, and tells of and ends what it runs."""

from typing import Any

from sampan.apiserver.admission.attributes import CREATE, DELETE, UPDATE, Admission
from sampan.apiserver.admission.refusals import forbidden
from sampan.apiserver.services import Services
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.pod_references import MIRROR_POD, first_reference
from sampan.machinery.errors import NotFound
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.tree import semantic_equal

_SCHEDULERS_STATUS = {  # what the scheduler and its controllers tell a node, and how upstream calls it
    "resourceClaimStatuses": "resource claim statues",
    "extendedResourceClaimStatus": "extended resource claim status",
    "nodeAllocatableResourceClaimStatuses": "node allocatable resource claim statuses",
}


def check(services: Services, admission: Admission, node: str) -> None:
    """Raises Forbidden, NotFound."""
    match admission.subresource, admission.operation:
        case "", operation if operation == CREATE:
            _check_mirror(services, admission, admission.new, node)
        case "", operation if operation == DELETE:
            if (admission.old or {}).get("spec", {}).get("nodeName") != node:
                raise forbidden(admission, f'node "{node}" can only delete pods with spec.nodeName set to itself')
        case "", operation:
            why = f'unexpected operation "{operation}", node "{node}" can only create and delete mirror pods'
            raise forbidden(admission, why)
        case "status", operation if operation == UPDATE and admission.old:
            _check_status(admission, admission.old, admission.new, node)
        case "eviction", operation if operation == CREATE:
            _check_eviction(services, admission, node)
        case "status" | "eviction", operation:
            raise forbidden(admission, f'unexpected operation "{operation}"')
        case subresource, _:
            why = f"unexpected pod subresource \"{subresource}\", only 'status' and 'eviction' are allowed"
            raise forbidden(admission, why)


def _check_mirror(services: Services, admission: Admission, pod: Object, node: str) -> None:
    """A node may show the static pods that it runs; they may not borrow what other pods have."""
    if MIRROR_POD not in annotations_of(pod):
        why = f'pod does not have "{MIRROR_POD}" annotation, node "{node}" can only create mirror pods'
        raise forbidden(admission, why)
    if pod["spec"].get("nodeName") != node:
        raise forbidden(admission, f'node "{node}" can only create pods with spec.nodeName set to itself')
    _check_owner(services, admission, pod["metadata"].get("ownerReferences") or [], node)
    try:
        named = first_reference(pod)
    except ValueError as error:
        raise forbidden(admission, f"error checking mirror pod for API references: {error}") from None
    if named:
        raise forbidden(admission, f'node "{node}" can not create pods that reference {named}')


def _check_owner(services: Services, admission: Admission, owners: list[dict[str, Any]], node: str) -> None:
    can = f'node "{node}" can only create pods with'
    if len(owners) > 1:
        raise forbidden(admission, f"{can} a single owner reference set to itself")
    owner = owners[0] if owners else {}
    if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
        raise forbidden(admission, f"{can} an owner reference set to itself")
    if not owner.get("controller"):
        raise forbidden(admission, f"{can} a controller owner reference set to itself")
    if owner.get("blockOwnerDeletion"):
        raise forbidden(admission, f'node "{node}" must not set blockOwnerDeletion on an owner reference')
    found = services.find(NODE, "", node)
    if found is None:
        raise NotFound.of("node", "", node)
    if owner.get("uid") != (uid := found["metadata"]["uid"]):
        raise forbidden(admission, f"node {node} UID mismatch: expected {owner.get('uid') or ''} got {uid}")


def _check_status(admission: Admission, old: Object, new: Object, node: str) -> None:
    if old["spec"].get("nodeName") != node:
        why = f'node "{node}" can only update pod status for pods with spec.nodeName set to itself'
        raise forbidden(admission, why)
    if (old["metadata"].get("labels") or {}) != (new["metadata"].get("labels") or {}):
        raise forbidden(admission, f'node "{node}" cannot update labels through pod status')
    before, after = old.get("status") or {}, new.get("status") or {}
    for field, called in _SCHEDULERS_STATUS.items():
        if not semantic_equal(before.get(field), after.get(field)):
            raise forbidden(admission, f'node "{node}" cannot update {called}')


def _check_eviction(services: Services, admission: Admission, node: str) -> None:
    pod = services.find(POD, admission.namespace, admission.name)
    if pod is None:
        raise NotFound.of("pod", "", admission.name)
    if pod["spec"].get("nodeName") != node:
        raise forbidden(admission, f"node {node} can only evict pods with spec.nodeName set to itself")
