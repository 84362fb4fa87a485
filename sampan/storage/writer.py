"""The thread that owns the log file: it decides, commits in groups, and reports back to the event loop.

Writes that queue up while a commit is under way go to disk together in the next one, so concurrent writers share an
fsync and a lone one never waits. Used by sqlite.py alone. Everything else that touches the file (history, old
listings, compaction) queues here too, so it sees exactly the commits before it.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from sampan.storage.encryption.transformers import Transformers
from sampan.storage.index import Index
from sampan.storage.logfile import LogFile
from sampan.storage.protocol import Event, StoreError, StoreFull
from sampan.storage.rows import Row

_GROUP_ROWS = 400  # writes in one commit
_GROUP_BYTES = 8 << 20


class Write(NamedTuple):
    """A write to be decided against the index; the future gets its revision."""

    decide: Callable[[Index], Event]
    size: int
    future: "asyncio.Future[int]"
    deletes: bool = False


class Call(NamedTuple):
    """Anything else to be done with the file; the future gets what it returns."""

    run: Callable[[Index, LogFile], Any]
    future: "asyncio.Future[Any]"


Outcome = tuple["asyncio.Future[Any]", Any, StoreError | None]
# Called on the loop after each commit, before the outcomes are settled.
Publish = Callable[[Sequence[Event]], None]


class Writer(threading.Thread):
    """Start it, await `opened`, then `submit`. The thread ends after `stop`, or with the event loop."""

    def __init__(self, path: Path, transformers: Transformers, publish: Publish) -> None:
        super().__init__(name=f"storage {path.name}", daemon=True)
        self._loop = asyncio.get_running_loop()
        self._path = path
        self._transformers = transformers
        self._publish = publish
        self._queue: SimpleQueue[Write | Call | None] = SimpleQueue()
        self._held: list[Write | Call | None] = []  # taken from the queue too early: at most one
        self._hand: Sequence[Write | Call] = ()  # what is being done
        self._ended = False
        self.opened: asyncio.Future[tuple[int, int]] = self._loop.create_future()  # (revision, compacted)
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def submit(self, item: Write | Call) -> None:
        """Queue work; raises StoreError when the store is closed."""
        if self._ended:
            raise StoreError(f"{self._path} is closed")
        self._queue.put(item)

    def stop(self) -> None:
        """Finish what is queued, then end; await `closed`."""
        if not self._ended:
            self._ended = True
            self._queue.put(None)

    def run(self) -> None:
        """The thread."""
        try:
            file = LogFile(self._path, self._transformers)
        except StoreError as error:
            self._post([], [(self.opened, None, error), (self.closed, None, None)])
            return
        try:
            self._serve(file)
        finally:
            self._end(file)

    def _serve(self, file: LogFile) -> None:
        try:
            index = file.load()
        except StoreError as error:
            self._post([], [(self.opened, None, error)])
            return
        going = self._post([], [(self.opened, (index.revision, file.compacted), None)])
        while going and (item := self._next()) is not None:
            if isinstance(item, Write):
                self._hand = group = self._group(item)
                going = self._commit(group, index, file)
            else:
                self._hand = (item,)
                going = self._call(item, index, file)
            self._hand = ()
            del item  # what it came to is not to be kept until the next one comes: a history may be large

    def _next(self) -> Write | Call | None:
        return self._held.pop() if self._held else self._queue.get()

    def _group(self, first: Write) -> list[Write]:
        """A write and those that wait behind it, up to the first item that is not a write."""
        group, size = [first], first.size
        while len(group) < _GROUP_ROWS and size < _GROUP_BYTES:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if not isinstance(item, Write):
                self._held.append(item)
                break
            group.append(item)
            size += item.size
        return group

    def _commit(self, group: Sequence[Write], index: Index, file: LogFile) -> bool:
        events: list[Event] = []
        rows: list[Row] = []
        outcomes: list[Outcome] = []
        for write in group:
            try:
                event, row = _decided(write, index, file)
            except StoreError as error:
                outcomes.append((write.future, None, error.with_traceback(None)))  # which would keep this frame
            else:
                events.append(event)
                rows.append(row)
                outcomes.append((write.future, event.revision, None))
        try:
            if rows:
                file.append(rows)
        except StoreError as error:
            for event in reversed(events):
                index.undo(event)
            # Refusals fall too: they were decided against writes that did not happen.
            return self._refuse(group, error, index, file)
        return self._post(events, outcomes)

    def _refuse(self, group: Sequence[Write], error: StoreError, index: Index, file: LogFile) -> bool:
        """Where the disk is full, deletions are tried once more: without the others, and in the space kept for them."""
        again = [write for write in group if write.deletes] if isinstance(error, StoreFull) else []
        if again and not file.make_room() and len(again) == len(group):
            again = []
        refused = [(write.future, None, error) for write in group if not (again and write.deletes)]
        going = self._post([], refused)
        return self._commit(again, index, file) if again and going else going

    def _call(self, call: Call, index: Index, file: LogFile) -> bool:
        try:
            result = call.run(index, file)
        except StoreError as error:
            return self._post([], [(call.future, None, error)])
        return self._post([], [(call.future, result, None)])

    def _end(self, file: LogFile) -> None:
        """Close the file and refuse what came too late, also when a bug has ended the thread."""
        self._ended = True
        outcomes: list[Outcome] = []
        if not self.opened.done():
            outcomes.append((self.opened, None, StoreError(f"{self._path} could not be read: see the server's log")))
        outcomes += [
            (item.future, None, StoreError(f"{self._path} failed: see the server's log")) for item in self._hand
        ]
        while not self._queue.empty():
            if (item := self._queue.get()) is not None:
                outcomes.append((item.future, None, StoreError(f"{self._path} is closed")))
        try:
            file.close()
        except StoreError as error:
            self._post([], [*outcomes, (self.closed, None, error)])
        else:
            self._post([], [*outcomes, (self.closed, None, None)])

    def _post(self, events: Sequence[Event], outcomes: Sequence[Outcome]) -> bool:
        """Report to the loop; False when there is no loop any more."""
        try:
            self._loop.call_soon_threadsafe(self._settle, events, outcomes)
        except RuntimeError:  # the loop was closed without closing the store
            return False
        return True

    def _settle(self, events: Sequence[Event], outcomes: Sequence[Outcome]) -> None:
        try:
            if events:
                self._publish(events)
        finally:
            for future, result, error in outcomes:
                if future.done():  # its caller was cancelled; the write stands
                    continue
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(error)


def _decided(write: Write, index: Index, file: LogFile) -> tuple[Event, Row]:
    """The event that a write makes, and its row; raises StoreError, and then nothing has happened."""
    if file.reserve.in_use and not write.deletes:
        raise StoreFull(f"cannot write {file.path}: the disk is full, and what is left is for deletions")
    event = write.decide(index)
    try:
        return event, file.rows.row(event)
    except StoreError:
        index.undo(event)
        raise
