"""Recent events in memory, so that watches resume without a new list.

Used by cache.py alone. Bounded in number and in bytes, and never reaching further back than the store's own history,
so an idle server gives its memory back at each compaction.
"""

from collections import deque

from sampan.storage.cached import CacheEvent

_FRAMES_KEPT = 64  # newest events whose encoded frames are kept; the watchers of the moment read only these


class History:
    """Events in revision order, oldest dropped first."""

    def __init__(self, limit: int = 10_000, max_bytes: int = 32 << 20) -> None:
        self.limit = limit
        self.complete_after = 0  # every event with a revision above this is here
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: deque[CacheEvent] = deque()

    def begin(self, revision: int) -> None:
        """Start empty: nothing up to `revision` is known."""
        self.complete_after = revision

    def append(self, event: CacheEvent) -> None:
        """Add the newest event; old ones make room."""
        self._events.append(event)
        self._bytes += len(event.gone.value)
        if len(self._events) > _FRAMES_KEPT:
            self._events[-1 - _FRAMES_KEPT].forget_frames()
        while len(self._events) > self.limit or self._bytes > self._max_bytes:
            self._drop()

    def trim(self, compacted: int) -> None:
        """Drop what the store has forgotten too."""
        while self._events and self._events[0].revision <= compacted:
            self._drop()
        self.complete_after = max(self.complete_after, compacted)

    def since(self, revision: int, prefix: str) -> list[CacheEvent]:
        """The events above `revision` below a prefix that ends in "/", or of one whole key, oldest first."""
        found = []
        whole = not prefix.endswith("/")
        for event in reversed(self._events):
            if event.revision <= revision:
                break
            if event.key == prefix if whole else event.key.startswith(prefix):
                found.append(event)
        found.reverse()
        return found

    def _drop(self) -> None:
        event = self._events.popleft()
        self._bytes -= len(event.gone.value)
        self.complete_after = event.revision
