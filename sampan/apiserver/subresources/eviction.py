"""pods/eviction: a deletion that asks the pod's disruption budget first, and that the pod's conditions tell of.

Rules: k8s.io/kubernetes/pkg/registry/core/pod/storage (EvictionREST); documentation, "API-initiated eviction".
"""

from typing import Any

from sampan.apiserver.admission.foreign import mutated
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_body
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import storage_key
from sampan.apiserver.metadata import check_namespace
from sampan.apiserver.options import DeleteOptions, delete_options, write_options
from sampan.apiserver.services import Services
from sampan.apiserver.subresources import disruption
from sampan.apiserver.writes.deleting import delete
from sampan.apiserver.writes.preconditions import check_deletion
from sampan.apiserver.writes.storing import conflict, guaranteed_update
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.codec import SCHEME
from sampan.machinery.errors import BadRequest, Conflict, NotFound
from sampan.machinery.meta import Object, format_time, is_deleting
from sampan.machinery.tree import with_changes

_TRIES = 20
_VERSIONS = ("policy/v1", "policy/v1beta1")
_CONDITION = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
}


async def evict(services: Services, call: Call) -> Tree:
    """A Status, 201, once the deletion has begun."""
    options = write_options(call.query, "CreateOptions")
    sent = await beside(is_large(call), read_body, call, "Eviction", _VERSIONS[0])
    body = {"apiVersion": _VERSIONS[0], "kind": "Eviction", **sent}
    if (version := body["apiVersion"]) not in _VERSIONS:
        raise BadRequest(f'no kind "Eviction" is registered for version "{version}" in scheme "{SCHEME}"')
    admission = await mutated(services, call, body, options, "eviction")
    eviction = admission.new
    _check_name(call, eviction.get("metadata") or {})
    deletion = delete_options({}, eviction.get("deleteOptions") or {})
    if options.dry_run:
        deletion = deletion._replace(dry_run=True)
    await services.admission.validate(services, admission)
    await _within_budget(services, call, deletion)
    return Tree({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _check_name(call: Call, meta: Any) -> None:
    if not isinstance(meta, dict) or meta.get("name") != call.info.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    check_namespace(meta, call.info.namespace)


async def _within_budget(services: Services, call: Call, deletion: DeleteOptions) -> None:
    """Evict a pod that no budget holds; what was decided by a state of the pod is done to that state only."""
    for _ in range(_TRIES):
        pod = services.find(POD, call.info.namespace, call.info.name)
        if pod is None:
            raise NotFound.of("pods", "", call.info.name)
        free, budget = disruption.is_free(pod), None
        if not free and (budget := disruption.budget_of(services, pod)):
            free = disruption.may_go_unhealthy(budget, pod)
            if not free:
                await disruption.take(services, budget, pod, call.now, dry_run=deletion.dry_run)
        if not free or deletion.resource_version or is_deleting(pod):
            return await _evict(services, call, deletion)
        try:
            version = pod["metadata"]["resourceVersion"]
            return await _evict(services, call, deletion._replace(resource_version=version))
        except Conflict as error:
            if budget:
                raise disruption.processing(budget["metadata"]["name"]) from error
    raise conflict(POD, storage_key(POD, call.info.namespace, call.info.name))


async def _evict(services: Services, call: Call, deletion: DeleteOptions) -> None:
    """Say why in the pod's status, then delete it; no admission of its own concerns that deletion."""
    key = storage_key(POD, call.info.namespace, call.info.name)
    if not deletion.dry_run:

        def change(pod: Object) -> Object:
            check_deletion(POD, pod, deletion)
            return _targeted(call, pod)

        marked = await guaranteed_update(services, POD, key, change, dry_run=False)
        if deletion.resource_version and isinstance(marked, One):
            deletion = deletion._replace(resource_version=marked.entry.object["metadata"]["resourceVersion"])
    await delete(services, call, key, deletion, admitted=True)


def _targeted(call: Call, pod: Object) -> Object:
    """The pod with the condition that says what is to come."""
    conditions: list[Object] = (pod.get("status") or {}).get("conditions") or []
    known = next((c for c in conditions if c.get("type") == _CONDITION["type"]), None)
    since = format_time(call.now)
    if known is not None and known.get("status") == "True":
        since = known.get("lastTransitionTime") or since
    condition: Object = {**_CONDITION, "lastTransitionTime": since}
    others = [c for c in conditions if c is not known]
    return with_changes(pod, {("status", "conditions"): [*others, condition]})
