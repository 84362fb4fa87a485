"""DELETE on a collection: delete all that the selectors match, each as if by itself."""

from typing import Any

from sampan.apiserver.bodies import read_body
from sampan.apiserver.call import Call, Many
from sampan.apiserver.options import delete_options, list_options
from sampan.apiserver.services import Services
from sampan.apiserver.verbs.delete import delete_one
from sampan.apiserver.verbs.listing import selection
from sampan.machinery.errors import NotFound
from sampan.storage.cached import Cached, Items


async def deletecollection(services: Services, call: Call) -> Many:
    """The objects that were there, as a list, at most `limit`. What vanishes meanwhile is no error."""
    body: Any = None if call.payload.is_empty else read_body(call)
    listed = list_options(call.query)
    options, chosen = delete_options(call.query, body), selection(call, listed)
    found = _found(services, chosen.prefix)
    deleted: list[Cached] = []
    for entry in found:
        if listed.limit and len(deleted) >= listed.limit:
            break
        if chosen.matches is not None and not chosen.matches(entry):
            continue
        try:
            deleted.append((await delete_one(services, call, entry.key, options))[0])
        except NotFound:
            continue
    return Many(Items(deleted), services.cache.revision)


def _found(services: Services, prefix: str) -> Items:
    if prefix.endswith("/"):
        return services.cache.list(prefix).items
    entry = services.cache.get(prefix)
    return Items([entry] if entry else [])
