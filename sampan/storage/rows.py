"""From events to the rows of the log and back: numbers for types, and values encrypted (encryption/).

In rows values are as transformers write them, everywhere else they are plain. Used by logfile.py, in its thread.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sampan.storage.encryption.transformer import ENCRYPTED, TransformFailed
from sampan.storage.encryption.transformers import Transformers
from sampan.storage.protocol import Damaged, Event, EventType, Record, Unreadable

_TYPES = (EventType.CREATE, EventType.UPDATE, EventType.DELETE)
_NUMBER = {type: number for number, type in enumerate(_TYPES)}
TYPES = range(len(_TYPES))  # as rows have them
DELETE = _NUMBER[EventType.DELETE]


class Row(NamedTuple):
    """An event as it is stored, and the key that encrypted it."""

    revision: int
    key: str
    type: int
    previous: int  # the key's revision before this one, 0 for none
    value: bytes | None  # None: that of the previous revision
    writer: str


class Rows:
    """Reads and writes rows by the transformers of the moment."""

    def __init__(self, transformers: Transformers) -> None:
        self.writers: dict[str, str] = {}  # storage key -> the encryption key that wrote its value, where one did
        self.transformers = transformers

    def row(self, event: Event) -> Row:
        """The event as it is to be stored; raises TransformFailed."""
        value, writer = self._written(event)
        previous = event.previous.revision if event.previous else 0
        return Row(event.revision, event.key, _NUMBER[event.type], previous, value, writer)

    def committed(self, rows: Iterable[Row]) -> None:
        """Remember who wrote the values that are current now."""
        for row in rows:
            if row.writer:
                self.writers[row.key] = row.writer
            elif self.writers:
                self.writers.pop(row.key, None)

    def concerns(self, record: Record) -> bool:
        """Whether a stored record may be anything else than it was written."""
        return not self.transformers.idle or record.value.startswith(ENCRYPTED)

    def current(self, record: Record) -> Record:
        """A current record, with its value as it was written."""
        value = record.value if isinstance(record.value, Damaged) else bytes(record.value)
        return record._replace(value=self._read(record.key, value, current=True))

    def event(
        self, revision: int, key: str, type: int, previous: int, value: bytes | None, before: bytes | None
    ) -> Event:
        """The event of a row and of the value before it."""
        old = Record(key, self._read(key, b"" if before is None else before), previous) if previous else None
        new = old.value if old is not None and value == before else self._read(key, b"" if value is None else value)
        return Event(_TYPES[type], key, new, revision, old)

    def reread(self, records: Iterable[Record]) -> Iterator[Record]:
        """Those of the records that were unreadable and are so no more, by keys that have come meanwhile."""
        for record in records:
            if isinstance(record.value, Unreadable) and not isinstance(record.value, Damaged):
                again = self.current(record)
                if not isinstance(again.value, Unreadable):
                    yield again

    def _written(self, event: Event) -> tuple[bytes | None, str]:
        gone = event.type is EventType.DELETE
        if gone and event.previous is not None and event.value == event.previous.value:
            return None, ""
        if self.transformers.idle:
            return event.value, ""
        try:
            value, writer = self.transformers.of(event.key).to_storage(event.value, event.key.encode())
        except TransformFailed:
            if gone:  # what has to go goes, also where nothing can be encrypted; its last state is the one before
                return None, ""
            raise
        return value, "" if gone else writer

    def _read(self, key: str, stored: bytes, *, current: bool = False) -> bytes:
        if isinstance(stored, Damaged):
            return stored
        try:
            value, writer = self.transformers.of(key).from_storage(stored, key.encode())
        except TransformFailed as error:
            return Unreadable.of(stored, str(error))
        if current and writer:
            self.writers[key] = writer
        return value
