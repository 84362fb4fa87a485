"""DELETE of one object: at once, or begun and left to grace period and finalizers."""

from typing import Any

from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_options
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import storage_key
from sampan.apiserver.options import delete_options
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.unsafe_delete import delete_unreadable
from sampan.apiserver.writes import deleting
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Object


async def delete(services: Services, call: Call) -> One | Tree:
    """The object while its deletion is under way, a Status (or the last state) when it is gone. Raises NotFound."""
    options = delete_options(call.query, await beside(is_large(call), read_options, call))
    if options.ignore_read_error:
        return await delete_unreadable(services, call, options)
    kind, info = call.served.kind, call.info
    deleted = await deleting.delete(services, call, storage_key(kind, info.namespace, info.name), options)
    if deleted.gone and not kind.returns_deleted:
        return Tree(_success(kind, deleted.object))
    if not deleted.gone and options.orphan is False:
        deleted.result.status = 202
    return deleted.result


def _success(kind: Kind, obj: Object) -> Object:
    meta = obj["metadata"]
    details: dict[str, Any] = {"name": meta["name"], "group": kind.group, "kind": kind.plural, "uid": meta["uid"]}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {name: value for name, value in details.items() if value},
    }
