"""What is stored and watched, as far as it makes a request more or less work. Called by fairness.py."""

from collections.abc import Callable

from sampan.apiserver import keys
from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.catalogue import Catalogue
from sampan.storage.cache import Cache


class Load:
    """Of one server; `catalogue` is that of the moment."""

    def __init__(self, cache: Cache, catalogue: Callable[[], Catalogue]) -> None:
        self._cache, self._catalogue = cache, catalogue

    def stored(self, info: RequestInfo) -> tuple[int, int]:
        """Objects and bytes of a resource, in all namespaces; none where another server has it."""
        served = self._catalogue().by_resource.get((info.group, info.version, info.resource))
        return self._cache.stored(keys.storage_prefix(served.kind)) if served else (0, 0)

    def watches(self, info: RequestInfo) -> int:
        """Watches that see what a write does: of the resource, of its namespace in it, of the object."""
        root, watchers = keys.collection(info.group, info.resource), self._cache.watchers
        found = watchers(root)
        place = root
        if info.namespace:
            place = f"{root}{info.namespace}/"
            found += watchers(place)
        return found + watchers(place + info.name) if info.name else found
