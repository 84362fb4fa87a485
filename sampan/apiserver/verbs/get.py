"""GET of one object: straight from the cache, no task, no copy.

`resourceVersion` is accepted and needs no wait: the cache shows every acknowledged write.
"""

from collections.abc import Awaitable

from sampan.apiserver.call import Call, One
from sampan.apiserver.extensions.views import prepare
from sampan.apiserver.keys import storage_key
from sampan.apiserver.services import Services
from sampan.machinery.errors import NotFound
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
    entry = services.cache.get(storage_key(kind, info.namespace, info.name))
    if entry is None:
        raise NotFound.of(kind.plural, kind.group, info.name)
    return entry
