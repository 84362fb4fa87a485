"""POST on a collection: a new object."""

from sampan.apiserver import metadata, writes
from sampan.apiserver.bodies import read_object
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services


async def create(services: Services, call: Call) -> One | Tree:
    """The object as it was stored, 201. Raises AlreadyExists, Invalid, Forbidden, NotFound (namespace)."""
    options = write_options(call.query, "CreateOptions")
    obj = read_object(call, options.validation)
    if call.served.kind.namespaced:
        metadata.settle_namespace(obj, call.info.namespace)
    return await writes.create(services, call, obj, options)
