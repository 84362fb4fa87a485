"""pods/eviction: a polite deletion. There are no PodDisruptionBudgets yet, so nothing stands in its way.

Rules: k8s.io/kubernetes/pkg/registry/core/pod/storage (EvictionREST); documentation, "API-initiated eviction".
"""

from sampan.apiserver.bodies import read_body, recognized
from sampan.apiserver.call import Call, Tree
from sampan.apiserver.keys import key_of
from sampan.apiserver.metadata import check_namespace
from sampan.apiserver.options import delete_options, write_options
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.delete import delete_one
from sampan.machinery.errors import BadRequest


async def evict(services: Services, call: Call) -> Tree:
    """A Status, 201, once the deletion has begun."""
    options = write_options(call.query, "CreateOptions")
    eviction = recognized(read_body(call), "Eviction")
    meta = eviction.get("metadata") or {}
    name = meta.get("name") if isinstance(meta, dict) else None
    if name != call.info.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    check_namespace(meta, call.info.namespace)
    deletion = delete_options({}, eviction.get("deleteOptions") or {})
    if options.dry_run:
        deletion = deletion._replace(dry_run=True)
    await delete_one(services, call, key_of(call.served.kind, call.info.namespace, call.info.name), deletion)
    return Tree({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)
