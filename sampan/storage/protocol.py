"""The Store protocol: an append-only log of key-value revisions, as etcd's MVCC presents it.

Implemented by sqlite.py and memory.py (and later etcd); one contract suite runs over all. Not here: what values
mean. The API server is the only caller, through the watch cache.

Promises of every Store:
- Revisions are positive integers, strictly growing, one per write; an acknowledged write is durable (as far as the
  store is) and every watcher sees it, in revision order, exactly once.
- Events are published after the commit and before the writer's await returns, so a reader that follows the log has
  seen a write by the time that the writer knows of it.
- Nothing is polled.
- A value that can't be read (encrypted by a key that is not there) is Unreadable and harms nothing else.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """A key at a revision."""

    key: str
    value: bytes
    revision: int


class Unreadable(bytes):
    """In place of a stored value that can't be turned into what was written; these are the stored bytes."""

    why: str

    @classmethod
    def of(cls, stored: bytes, why: str) -> "Unreadable":
        """The bytes, with what is wrong with them."""
        value = cls(stored)
        value.why = why
        return value


class Damaged(Unreadable):
    """In place of a value of which not even the stored bytes are those that were written."""


class EventType(Enum):
    """What a revision did to its key."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Event(NamedTuple):
    """One revision of the log. `value` of a DELETE is the last value; `previous` of a CREATE is None."""

    type: EventType
    key: str
    value: bytes
    revision: int
    previous: Record | None


class Page(NamedTuple):
    """Part of a listing, in key order, all as of `revision`."""

    records: Sequence[Record]
    revision: int
    more: bool  # whether keys follow the last record
    remaining: int  # how many


class StoreError(Exception):
    """Any failure of a Store."""


class KeyExists(StoreError):
    """create of a key that exists."""


class RevisionMismatch(StoreError):
    """update or delete against a revision that is not the current one; `current` is None where the key is gone."""

    def __init__(self, key: str, current: Record | None) -> None:
        super().__init__(f"{key} is at revision {current.revision if current else 'none'}")
        self.current = current


class Compacted(StoreError):
    """A read or watch from a revision older than the history that is kept."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"revision {asked} has been compacted; the oldest is {oldest}")
        self.asked, self.oldest = asked, oldest


class FutureRevision(StoreError):
    """A read from a revision that has not happened yet."""


class StoreFull(StoreError):
    """The disk is full or the store is read-only; the write did not happen."""


class StoreFailing(StoreError):
    """The disk fails; whether the write happened is known after the next start only."""


class StoreInUse(StoreError):
    """Another process has the store open."""


class StoreCorrupt(StoreError):
    """What is stored cannot be read back; the message names the file and the damage."""


class ListenerFailed(StoreError):
    """A listener raised, so that what follows the log is no longer what is stored; the server has to start anew."""


# Receives one committed batch, in revision order, on the event loop. Must not block; raising ends the store.
Listener = Callable[[Sequence[Event]], None]


class Store(Protocol):
    """See the module's promises. All methods are called on one event loop."""

    @property
    def trouble(self) -> str:
        """Why it takes no new values, since the last one was refused, or why it keeps growing; "" where all is well."""

    async def get(self, key: str) -> Record | None:
        """The current record of a key."""

    async def list(self, prefix: str, *, start_after: str = "", limit: int = 0, revision: int = 0) -> Page:
        """Records below a prefix, current or as of `revision`; raises Compacted, FutureRevision."""

    async def create(self, key: str, value: bytes) -> int:
        """Write a new key, return its revision; raises KeyExists, StoreFull."""

    async def update(self, key: str, value: bytes, expected: int) -> int:
        """Compare-and-swap, return the new revision; raises RevisionMismatch, StoreFull."""

    async def delete(self, key: str, expected: int, value: bytes | None = None) -> int:
        """Compare-and-delete, return the revision of the deletion. `value` replaces the last value in the event."""

    def subscribe(self, listener: Listener, after: int) -> Callable[[], None]:
        """Deliver every event with a revision above `after`, history first. Returns the unsubscribe function.

        Raises Compacted. History is delivered in later turns of the event loop, never inside this call.
        """

    async def wait_failed(self) -> None:
        """Wait for the store's end by a listener that raised; raises ListenerFailed, as every write from then on."""

    async def compact(self, revision: int) -> int:
        """Forget superseded history up to `revision`; return how many rows went."""

    def is_stale(self, key: str) -> bool:
        """Whether the value lies there in another form than it would be written in now (by a key that was rotated), so
        that a write that changes nothing is a write all the same."""

    @property
    def revision(self) -> int:
        """The newest committed revision known here."""

    @property
    def compacted(self) -> int:
        """The newest revision that has been compacted; 0 if none."""

    async def close(self) -> None:
        """Finish what was accepted, then release every resource."""
