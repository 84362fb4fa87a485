"""PUT: replace an object, or its status."""

from sampan.apiserver import metadata
from sampan.apiserver.beside import beside, is_large
from sampan.apiserver.bodies import read_object
from sampan.apiserver.call import Call, One, Tree
from sampan.apiserver.options import WriteOptions, write_options
from sampan.apiserver.services import Services
from sampan.apiserver.writes import pipeline
from sampan.apiserver.writes.write import MAIN, STATUS, Part, Write
from sampan.machinery.meta import Object
from sampan.machinery.tracking import private_copy


async def update(services: Services, call: Call) -> One | Tree:
    """The replaced object; a kind that allows it is created instead. Raises Conflict, NotFound, Invalid."""
    return await update_part(services, call, MAIN)


async def update_status(services: Services, call: Call) -> One | Tree:
    """PUT on /status: everything but the status is kept."""
    return await update_part(services, call, STATUS)


async def update_part(services: Services, call: Call, part: Part) -> One | Tree:
    """PUT of the object by which one of its parts is replaced."""
    options = write_options(call.query, "UpdateOptions")
    sent = await beside(is_large(call), read, call, options)
    creates = part is MAIN and call.served.kind.allow_create_on_update

    def change(old: Object | None) -> Object:
        return private_copy(sent)  # each attempt changes its own

    write = Write(call=call, change=change, options=options, part=part, name=call.info.name, creates=creates)
    return await pipeline.update(services, write)


def read(call: Call, options: WriteOptions) -> Object:
    """The body as the object that the URL names."""
    obj = read_object(call, options.validation)
    if call.served.kind.namespaced:
        metadata.settle_namespace(obj, call.info.namespace)
    metadata.settle_name(obj, call.info.name)
    return obj
