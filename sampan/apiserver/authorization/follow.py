"""Keeps the authorizer current: the four RBAC kinds of the watch cache, at start and with every write.

Subscribes to the store itself, behind the cache: a write is in force before its writer is answered.
"""

from collections.abc import Callable, Sequence

from sampan.apiserver.authorization.rbac import BINDINGS, GROUP, RBAC, ROLES
from sampan.machinery.meta import Key
from sampan.storage.cache import Cache
from sampan.storage.protocol import Event, Store

_PREFIX = f"/{GROUP}/"


def follow(rbac: RBAC, cache: Cache, store: Store) -> Callable[[], None]:
    """Load what there is, then follow; returns the function that ends it. The cache must have started."""
    for plural in (*ROLES, *BINDINGS):
        for entry in cache.list(f"{_PREFIX}{plural}/").items:
            rbac.apply(plural, _key(entry.key), entry.object)

    def on_events(events: Sequence[Event]) -> None:
        for event in events:
            if event.key.startswith(_PREFIX):
                entry = cache.get(event.key)
                rbac.apply(event.key.split("/")[2], _key(event.key), entry.object if entry else None)

    return store.subscribe(on_events, cache.revision)


def _key(path: str) -> Key:
    *namespace, name = path.split("/")[3:]
    return Key("".join(namespace), name)
