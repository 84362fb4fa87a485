"""A Store in one SQLite file: the default for a server of its own. The event loop's side of writer.py.

    store = await SQLiteStore.open(Path("/var/lib/sampan/sampan/state.db"))

One process at a time: a second one gets StoreInUse. The working set is in memory anyway, because the watch cache
serves it from there (and shares these very bytes), so nothing here reads the file in normal operation.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from sampan.storage.encryption.transformer import TransformFailed
from sampan.storage.encryption.transformers import Transformers
from sampan.storage.index import Index, page
from sampan.storage.listeners import Listeners
from sampan.storage.logfile import LogFile
from sampan.storage.protocol import (
    Compacted,
    Event,
    FutureRevision,
    Listener,
    Page,
    Record,
    RevisionMismatch,
    StoreError,
    StoreFailing,
    StoreFull,
)
from sampan.storage.writer import Call, Write, Writer

T = TypeVar("T")

_COMPACT_STEP = 2000  # revisions compacted at a time, so that writes get their turn in between


class SQLiteStore:
    """See protocol.Store; made by `open`."""

    def __init__(self, path: Path, transformers: Transformers) -> None:
        self._transformers = transformers
        self._writers: Mapping[str, str] = {}  # storage key -> the encryption key that wrote its value
        self._listeners = Listeners()
        self._refused = ""  # why the last value was not taken
        self._growing = ""  # why the last compaction failed
        self._revision = 0
        self._compacted = 0
        self._compacting = 0  # history up to here is gone or going
        self._open = False
        self._writer = Writer(path, transformers, self._publish)
        self._writer.closed.add_done_callback(self._ended)

    @classmethod
    async def open(cls, path: Path, transformers: Transformers | None = None) -> "SQLiteStore":
        """Open or make the file; raises StoreInUse, StoreCorrupt, StoreFull, StoreError."""
        store = cls(path, transformers or Transformers())
        store._writer.start()
        try:
            store._revision, store._compacted = await store._writer.opened
        except StoreError:
            await store._writer.closed  # so that whoever mends it, or tries again, finds the file unlocked
            raise
        store._open = True
        store._writers = await store._call(lambda _, file: file.rows.writers)
        store._compacting = store._compacted
        return store

    async def get(self, key: str) -> Record | None:
        return await self._call(lambda index, _: index.records.get(key))

    async def list(self, prefix: str, *, start_after: str = "", limit: int = 0, revision: int = 0) -> Page:
        def read(index: Index, file: LogFile) -> Page:
            if 0 < revision < file.compacted:
                raise Compacted(revision, file.compacted)
            since = file.since(revision, prefix, newest_first=True) if 0 < revision < index.revision else ()
            return page(index, prefix, start_after, limit, revision, since)

        return await self._call(read)

    async def create(self, key: str, value: bytes) -> int:
        return await self._write(lambda index: index.create(key, value), len(value))

    async def update(self, key: str, value: bytes, expected: int) -> int:
        return await self._write(lambda index: index.update(key, value, expected), len(value))

    async def delete(self, key: str, expected: int, value: bytes | None = None) -> int:
        return await self._write(lambda index: index.delete(key, value, expected), len(value or b""), deletes=True)

    def subscribe(self, listener: Listener, after: int) -> Callable[[], None]:
        if after < self._compacting:
            raise Compacted(after, self._compacting)
        subscription = self._listeners.add(listener, after)
        history = self._submit(lambda _, file: file.since(after))
        history.add_done_callback(lambda done: self._listeners.begin(subscription, done.result()))
        return lambda: self._listeners.remove(subscription)

    async def wait_failed(self) -> None:
        await self._listeners.wait_failed()

    async def compact(self, revision: int) -> int:
        if revision > self._revision:
            raise FutureRevision(f"revision {revision} has not happened yet; the newest is {self._revision}")
        gone = 0
        try:
            while self._compacted < revision:
                gone += await self._compact_to(min(self._compacted + _COMPACT_STEP, revision))
            if self.trouble:  # there may be space again, with nothing new to compact
                await self._call(lambda _, file: file.compact(0))
        except StoreError as error:
            self._growing = f"history is not compacted: {error}"
            raise
        self._growing = ""
        return gone

    def is_stale(self, key: str) -> bool:
        if self._transformers.idle:
            return False
        try:
            return self._transformers.of(key).writer() != self._writers.get(key, "")
        except TransformFailed:  # no key can write now, so none is better than the one that has
            return False

    async def reread(self) -> int:
        """Look again at values that were unreadable, for keys may have come; each that is readable now is written anew.
        Returns how many. Raises StoreError."""
        readable = await self._call(lambda index, file: list(file.rows.reread(index.records.values())))
        for record in readable:
            with contextlib.suppress(RevisionMismatch):  # it has been deleted meanwhile
                await self.update(record.key, record.value, record.revision)
        return len(readable)

    @property
    def trouble(self) -> str:
        return self._refused or self._growing

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def compacted(self) -> int:
        return self._compacted

    async def close(self) -> None:
        self._open = False
        self._writer.stop()
        await asyncio.shield(self._writer.closed)
        self._listeners.clear()

    async def _compact_to(self, step: int) -> int:
        self._compacting = max(self._compacting, step)
        try:
            gone = await self._call(lambda _, file: file.compact(step))
        except StoreError:
            self._compacting = self._compacted
            raise
        self._compacted = max(self._compacted, step)
        return gone

    def _publish(self, events: Sequence[Event]) -> None:
        self._revision = events[-1].revision
        self._listeners.publish(events)

    def _ended(self, _: "asyncio.Future[None]") -> None:
        """The thread has ended; of itself only by a bug, and then the server has to start anew."""
        if self._open:
            self._listeners.fail(StoreError("the thread that writes the store has ended"))

    async def _write(self, decide: Callable[[Index], Event], size: int, *, deletes: bool = False) -> int:
        self._listeners.check()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._writer.submit(Write(decide, size, future, deletes))
        try:
            revision = await future
        except (StoreFull, StoreFailing) as error:
            self._refused = str(error)
            raise
        finally:
            del future  # an error would keep this frame, and it the error
        if not deletes:  # which have space of their own
            self._refused = ""
        return revision

    def _submit(self, run: Callable[[Index, LogFile], T]) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.submit(Call(run, future))
        return future

    async def _call(self, run: Callable[[Index, LogFile], T]) -> T:
        return await self._submit(run)
