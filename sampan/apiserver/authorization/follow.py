"""Keeps the authorizers current: what they decide by, of the watch cache at start and with every write.

Subscribes to the store itself, behind the cache: a write is in force before its writer is answered.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sampan.apiserver import keys
from sampan.apiserver.authorization.node.graph import PODS, VOLUMES, Graph, Place
from sampan.apiserver.authorization.rbac import BINDINGS, GROUP, RBAC, ROLES
from sampan.machinery.meta import Key, Object
from sampan.storage.cache import Cache
from sampan.storage.protocol import Event, Store

Put = Callable[[Key, Object | None], None]  # an object as it is now; None where it is gone
_OWNED = (
    ("certificates.k8s.io", "podcertificaterequests"),
    ("resource.k8s.io", "resourceslices"),
    ("storage.k8s.io", "volumeattachments"),
)


def listeners(rbac: RBAC, graph: Graph) -> dict[str, Put]:
    """Who is told of what lies below which prefix of the store."""

    def owned(resource: str, key: Key, obj: Object | None) -> None:
        graph.put_owned(Place(resource, *key), obj)

    return {
        **{keys.collection(GROUP, plural): partial(rbac.apply, plural) for plural in (*ROLES, *BINDINGS)},
        keys.collection("", PODS): graph.put_pod,
        keys.collection("", VOLUMES): lambda key, obj: graph.put_volume(key.name, obj),
        **{keys.collection(group, plural): partial(owned, plural) for group, plural in _OWNED},
    }


def follow(told: Mapping[str, Put], cache: Cache, store: Store) -> Callable[[], None]:
    """Load what there is, then follow; returns the function that ends it. The cache must have started."""
    for prefix, put in told.items():
        for entry in cache.list(prefix).items:
            put(_key(entry.key), entry.object)

    def on_events(events: Sequence[Event]) -> None:
        for event in events:
            if (put := told.get(_collection(event.key))) is not None:
                entry = cache.get(event.key)
                put(_key(event.key), entry.object if entry else None)

    return store.subscribe(on_events, cache.revision)


def _collection(path: str) -> str:
    """`/core/pods/` of `/core/pods/default/web`."""
    return "/".join(path.split("/", 3)[:3]) + "/"


def _key(path: str) -> Key:
    *namespace, name = path.split("/")[3:]
    return Key("".join(namespace), name)
