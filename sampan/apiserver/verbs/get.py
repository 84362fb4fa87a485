"""GET of one object: straight from the cache, no task, no copy.

`resourceVersion` is accepted and needs no wait: the cache shows every acknowledged write.
"""

from collections.abc import Awaitable

from sampan.apiserver.call import Call, One
from sampan.apiserver.extensions.views import prepare
from sampan.apiserver.keys import storage_key
from sampan.apiserver.services import Services
from sampan.apiserver.writes.storing import missing
from sampan.storage.cached import Cached


def get(services: Services, call: Call) -> One | Awaitable[One]:
    """The stored object; raises NotFound."""
    entry = current(services, call)
    waiting = prepare(services, call.served, (entry,))
    return One(entry) if waiting is None else _later(entry, waiting)


async def _later(entry: Cached, waiting: Awaitable[None]) -> One:
    await waiting
    return One(entry)


def current(services: Services, call: Call) -> Cached:
    """The stored object that the call names; raises NotFound."""
    kind, info = call.served.kind, call.info
    key = storage_key(kind, info.namespace, info.name)
    entry = services.cache.get(key)
    if entry is None:
        raise missing(services, kind, key)
    return entry
