"""GET of one object: straight from the cache, no task, no copy.

`resourceVersion` is accepted and needs no wait: the cache shows every acknowledged write.
"""

from sampan.apiserver.call import Call, One
from sampan.apiserver.keys import storage_key
from sampan.apiserver.services import Services
from sampan.machinery.errors import NotFound
from sampan.storage.cached import Cached


def get(services: Services, call: Call) -> One:
    """The stored object; raises NotFound."""
    return One(current(services, call))


def current(services: Services, call: Call) -> Cached:
    """The stored object that the call names; raises NotFound."""
    kind, info = call.served.kind, call.info
    entry = services.cache.get(storage_key(kind, info.namespace, info.name))
    if entry is None:
        raise NotFound.of(kind.plural, kind.group, info.name)
    return entry
