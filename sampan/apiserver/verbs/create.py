"""POST on a collection: a new object."""

from sampan.apiserver import metadata
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_object
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.options import write_options
from sampan.apiserver.services import Services
from sampan.apiserver.writes import pipeline
from sampan.apiserver.writes.write import MAIN, Write


async def create(services: Services, call: Call) -> One | Tree:
    """The object as it was stored, 201. Raises AlreadyExists, Invalid, Forbidden, NotFound (namespace)."""
    options = write_options(call.query, "CreateOptions")
    obj = await beside(is_large(call), read_object, call, options.validation)
    metadata.wipe_system_fields(obj)
    if call.served.kind.namespaced:
        metadata.settle_namespace(obj, call.info.namespace)
    return await pipeline.create(services, Write(call=call, change=lambda _: obj, options=options, part=MAIN))
