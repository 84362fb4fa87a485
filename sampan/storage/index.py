"""The current record of every key, and the one place where compare-and-swap is decided.

Used by memory.py and by the thread of sqlite.py; pure, in memory, without locks: exactly one thread calls it. A log on
disk needs no index beside this one, for every question to it is a range of revisions.
"""

from collections.abc import Iterable

from sampan.storage.protocol import Event, EventType, FutureRevision, KeyExists, Page, Record, RevisionMismatch


class Index:
    """The newest state. Each decision returns the event that it makes, and is undone by `undo`, newest first."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.revision = 0

    def create(self, key: str, value: bytes) -> Event:
        """Raises KeyExists."""
        if key in self.records:
            raise KeyExists(key)
        return self._put(EventType.CREATE, key, value, None)

    def update(self, key: str, value: bytes, expected: int) -> Event:
        """Raises RevisionMismatch."""
        return self._put(EventType.UPDATE, key, value, self._expect(key, expected))

    def delete(self, key: str, value: bytes | None, expected: int) -> Event:
        """Raises RevisionMismatch."""
        previous = self._expect(key, expected)
        self.revision += 1
        del self.records[key]
        return Event(EventType.DELETE, key, previous.value if value is None else value, self.revision, previous)

    def undo(self, event: Event) -> None:
        """Take back the newest event: its commit failed."""
        _take_back(self.records, event)
        self.revision = event.revision - 1

    def _expect(self, key: str, expected: int) -> Record:
        current = self.records.get(key)
        if current is None or current.revision != expected:
            raise RevisionMismatch(key, current)
        return current

    def _put(self, type: EventType, key: str, value: bytes, previous: Record | None) -> Event:
        self.revision += 1
        self.records[key] = Record(key, value, self.revision)
        return Event(type, key, value, self.revision, previous)


def page(
    index: Index, prefix: str, start_after: str, limit: int, revision: int = 0, since: Iterable[Event] = ()
) -> Page:
    """A listing, as of `revision` by taking back `since`: every later event, newest first. Raises FutureRevision."""
    if revision > index.revision:
        raise FutureRevision(f"revision {revision} has not happened yet; the newest is {index.revision}")
    records = {key: record for key, record in index.records.items() if key.startswith(prefix)}
    for event in since:
        if event.key.startswith(prefix):
            _take_back(records, event)
    keys = sorted(key for key in records if key > start_after)
    chosen = keys[:limit] if limit else keys
    remaining = len(keys) - len(chosen)
    return Page([records[key] for key in chosen], revision or index.revision, remaining > 0, remaining)


def _take_back(records: dict[str, Record], event: Event) -> None:
    if event.previous is None:
        del records[event.key]
    else:
        records[event.key] = event.previous
