"""Which versions are served elsewhere, kept in step with the APIServices in the store. Called by server.py.

Follows the store directly, as extensions/follow.py does, so that whoever learns of an APIService finds it in effect.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from sampan.apiserver.aggregation.backends import Backend, GroupVersion, backend_of
from sampan.apiserver.keys import storage_prefix
from sampan.apiserver.requestinfo import RequestInfo
from sampan.kinds.apiregistration.api_service import KIND as API_SERVICE
from sampan.machinery.meta import Object
from sampan.storage.cache import Cache
from sampan.storage.protocol import Event

log = logging.getLogger(__name__)

_PREFIX = storage_prefix(API_SERVICE)


class Backends:
    """Reads like a mapping; calls back when it has changed."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._callbacks: list[Callable[[], None]] = []
        self.all: Mapping[GroupVersion, Backend] = {}

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back whenever another version is served elsewhere, or a backend has changed or become available."""
        self._callbacks.append(callback)

    def of(self, info: RequestInfo) -> Backend | None:
        """The backend of a request: to a resource, or to the discovery of a version."""
        if not self.all:
            return None
        if info.is_resource:
            return self.all.get((info.group, info.version))
        parts = info.path.strip("/").split("/")
        return self.all.get((parts[1], parts[2])) if len(parts) == 3 and parts[0] == "apis" else None

    def on_events(self, events: Sequence[Event]) -> None:
        """A Listener of the store, subscribed after the cache."""
        if any(event.key.startswith(_PREFIX) for event in events):
            self.refresh()

    def refresh(self) -> None:
        """Look at all APIServices."""
        found = (_backend(entry.object) for entry in self._cache.list(_PREFIX).items)
        backends = {backend.place: backend for backend in found if backend is not None}
        if backends != self.all:
            self.all = backends
            for callback in self._callbacks:
                callback()


def _backend(api_service: Object) -> Backend | None:
    try:
        return backend_of(api_service)
    except (KeyError, TypeError) as error:  # stored under other rules: it harms itself only
        log.error("APIService %s cannot be used: %r", api_service["metadata"]["name"], error)
        return None
