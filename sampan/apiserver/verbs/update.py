"""PUT: replace an object, or its status."""

from sampan.apiserver import metadata, writes
from sampan.apiserver.authorization.guard import authorize
from sampan.apiserver.bodies import read_object
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.keys import key_of
from sampan.apiserver.options import WriteOptions, write_options
from sampan.apiserver.services import Services
from sampan.machinery.meta import Object


async def update(services: Services, call: Call) -> One | Tree:
    """The replaced object; a kind that allows it is created instead. Raises Conflict, NotFound, Invalid."""
    return await _update(services, call, "main")


async def update_status(services: Services, call: Call) -> One | Tree:
    """PUT on /status: everything but the status is kept."""
    return await _update(services, call, "status")


async def _update(services: Services, call: Call, part: writes.Part) -> One | Tree:
    kind, info = call.served.kind, call.info
    options = write_options(call.query, "UpdateOptions")
    key = key_of(kind, info.namespace, info.name)
    first = _read(call, options)
    if part == "main" and kind.allow_create_on_update and services.cache.get(key) is None:
        authorize(services, call.user, info._replace(verb="create"))
        return await writes.create(services, call, first, options)
    versioned = bool(first["metadata"].get("resourceVersion"))
    unused = [first]

    def change(old: Object) -> Object:
        # Preparation changes the tree, so that a retry needs a fresh one.
        return unused.pop() if unused else _read(call, options)

    subresource = "status" if part == "status" else ""
    return await writes.update(
        services, call, key, writes.Update(change, options, part, conditional=versioned, subresource=subresource)
    )


def _read(call: Call, options: WriteOptions) -> Object:
    obj = read_object(call, options.validation)
    if call.served.kind.namespaced:
        metadata.settle_namespace(obj, call.info.namespace)
    metadata.settle_name(obj, call.info.name)
    return obj
