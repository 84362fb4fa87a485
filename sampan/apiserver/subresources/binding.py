"""pods/binding and bindings: the scheduler assigns a pod to a node, once.

Rules and messages: k8s.io/kubernetes/pkg/registry/core/pod/storage (BindingREST).
"""

from typing import Any

from sampan.apiserver.admission.foreign import mutated
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_body, recognized, unrecognized
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.keys import storage_key
from sampan.apiserver.metadata import check_namespace
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.apiserver.writes.storing import guaranteed_update
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import (
    FIELD_NOT_SUPPORTED,
    FIELD_REQUIRED,
    BadRequest,
    Conflict,
    FieldError,
    Invalid,
)
from sampan.machinery.meta import Object, format_time
from sampan.machinery.tree import REMOVED, with_changes

_SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


async def bind(services: Services, call: Call) -> Tree:
    """A Status, 201. Raises Conflict where the pod is bound, being deleted or another than the Binding means."""
    options = write_options(call.query, "CreateOptions")
    sent = await beside(is_large(call), read_body, call, "Binding")
    name = call.info.name or _name(sent)
    if name != _name(sent):
        raise BadRequest("name in URL does not match name in Binding object")
    if not name:
        raise BadRequest("name is required")
    body = {**sent, "apiVersion": "v1", "kind": "Binding"}
    admission = await mutated(services, call, body, options, call.info.subresource)
    binding = _checked(admission.new)
    check_namespace(binding.get("metadata") or {}, call.info.namespace)
    await services.admission.validate(services, admission)

    # KEP-5067 as released: the node of a pod is no part of what its generation counts
    key = storage_key(POD, call.info.namespace, name)
    await guaranteed_update(services, POD, key, lambda pod: _bound(call, name, binding, pod), dry_run=options.dry_run)
    return Tree(_SUCCESS, 201)


def _name(binding: Object) -> str:
    meta = binding.get("metadata") or {}
    return str(meta.get("name") or "") if isinstance(meta, dict) else ""


def _bound(call: Call, name: str, binding: Object, pod: Object) -> Object:
    """The pod on its node; raises Conflict."""
    meta = binding.get("metadata") or {}
    _check_bindable(name, meta, pod)
    changes: dict[tuple[str, ...], Any] = {("spec", "nodeName"): binding["target"]["name"]}
    for field in ("annotations", "labels"):
        if more := meta.get(field):
            changes["metadata", field] = (pod["metadata"].get(field) or {}) | more
    changes["status", "conditions"] = _scheduled(pod, call)
    changes["status", "nominatedNodeName"] = REMOVED  # it has come true, or is wrong (KEP-5278)
    return with_changes(pod, changes)


def _checked(binding: Any) -> Object:
    target = recognized(binding, "Binding").get("target") or {}
    if not isinstance(target, dict) or not isinstance(binding.get("metadata") or {}, dict):
        raise unrecognized("Binding")
    errors = []
    if target.get("kind") not in ("", None, "Node"):
        detail = 'supported values: "Node", "<empty>"'
        errors.append(FieldError(FIELD_NOT_SUPPORTED, "target.kind", detail, target["kind"]))
    if not isinstance(target.get("name"), str) or not target["name"]:
        errors.append(FieldError(FIELD_REQUIRED, "target.name"))
    if errors:
        raise Invalid.of("Binding", "", str((binding.get("metadata") or {}).get("name") or ""), errors)
    return dict(binding)


def _check_bindable(name: str, meta: Object, pod: Object) -> None:
    def conflict(why: str) -> Conflict:
        return Conflict.of("pods/binding", "", name, why)

    uid, version = meta.get("uid"), meta.get("resourceVersion")
    if uid and uid != pod["metadata"]["uid"]:
        found = pod["metadata"]["uid"]
        raise conflict(f"Precondition failed: UID in precondition: {uid}, UID in object meta: {found}")
    if version and version != pod["metadata"]["resourceVersion"]:
        raise Conflict.of("pods/binding", "", name)
    if pod["metadata"].get("deletionTimestamp"):
        raise conflict(f"pod {name} is being deleted, cannot be assigned to a host")
    if pod["spec"].get("nodeName"):
        raise conflict(f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"')
    if pod["spec"].get("schedulingGates"):
        raise conflict(f"pod {name} has non-empty .spec.schedulingGates")


def _scheduled(pod: Object, call: Call) -> list[Object]:
    conditions = (pod.get("status") or {}).get("conditions") or []
    scheduled: Object = {"type": "PodScheduled", "status": "True", "lastTransitionTime": format_time(call.now)}
    if generation := pod["metadata"].get("generation"):
        scheduled["observedGeneration"] = generation
    return [*(c for c in conditions if c.get("type") != "PodScheduled"), scheduled]
