"""The log in a SQLite file: one table, row id = revision. Synchronous; owned by one thread (writer.py).

Every question is a range of revisions, so the table needs no index: loading reads the rows in order, history is
`revision > n`, an old listing takes back the rows above its revision (index.py), and compaction removes what the
rows of its range have superseded. WAL with synchronous=FULL: a commit that returns is on disk. The file is locked
for as long as it is open, and the kernel unlocks it when the process dies.

Values are encrypted in rows and plain everywhere else (rows.py). Each row has a checksum (checksums.py): one that is
not what was written costs its own object. A file beside tells how far the log has come (end_record.py).
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sampan.storage.checksums import checksum_of, is_good
from sampan.storage.encryption.transformers import Transformers
from sampan.storage.end_record import EndRecord
from sampan.storage.index import Index
from sampan.storage.protocol import (
    Damaged,
    Event,
    Record,
    StoreCorrupt,
    StoreError,
    StoreFailing,
    StoreFull,
    StoreInUse,
)
from sampan.storage.reserve import Reserve
from sampan.storage.rows import DELETE, TYPES, Row, Rows

APPLICATION_ID = 0x53414D50  # "SAMP", in the file's header
FORMAT = 2  # user_version: raised when an older Sampan could not read the file

_SCHEMA = f"""
BEGIN EXCLUSIVE;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE IF NOT EXISTS log (
    revision INTEGER PRIMARY KEY,
    key      TEXT    NOT NULL,
    type     INTEGER NOT NULL,  -- 0 create, 1 update, 2 delete
    previous INTEGER NOT NULL,  -- the key's revision before this one, 0 for none
    value    BLOB,              -- NULL: that of the previous revision
    checksum INTEGER            -- NULL: written when there were none
);
CREATE TABLE IF NOT EXISTS compaction (revision INTEGER NOT NULL);
INSERT INTO compaction SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM compaction);
COMMIT;
"""
_COLUMNS = "revision, key, type, previous, value, checksum"
_ROWS = 100  # rows inserted by one statement

_SMALL_STEP, _PAGES_IN_STEP = 64, 400  # revisions and pages of 4 kB, while the disk is full
_PAGES_GIVEN_BACK = 4000  # at most, by one compaction: 16 MB


class LogFile:
    """An open file. Raises StoreFull, StoreInUse, StoreCorrupt, StoreError, never a sqlite3.Error."""

    def __init__(self, path: Path, transformers: Transformers) -> None:
        self.path = path
        self.compacted = 0
        self._first_sum = 1 << 63  # the first revision that has a checksum, as those after it have
        self.rows = Rows(transformers)
        self.reserve = Reserve(path)
        with self._named_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            _check_files(path)
            new = not path.exists()
            path.touch(mode=0o600)  # it holds Secrets; SQLite gives its -wal file the same mode
            self._db = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=2 * _ROWS)
            self._db.text_factory = _text
            try:
                self._prepare()
                self.reserve.take()
                self._end = EndRecord(path)
                if new:
                    _sync_names(path)
            except BaseException:
                self._db.close()
                raise

    def load(self) -> Index:
        """The current state, from all rows in order; raises StoreCorrupt where the chain of revisions is broken."""
        index = Index()
        with self._named_errors():
            (self.compacted,) = self._db.execute("SELECT revision FROM compaction").fetchone()
            for row in self._db.execute(f"SELECT {_COLUMNS} FROM log ORDER BY revision"):
                self._check_next(row[0], max(index.revision, self.compacted))
                self._replay(index.records, *row)
                index.revision = row[0]
        # The newest rows may be deletions that have been compacted away.
        index.revision = max(index.revision, self.compacted)
        self._check_end(index.revision)
        index.records |= {key: self.rows.current(one) for key, one in index.records.items() if self.rows.concerns(one)}
        return index

    def append(self, rows: Sequence[Row]) -> None:
        """Commit rows as one transaction; they are on disk when this returns, or did not happen when it raises."""
        with self._named_errors():
            if len(rows) <= _ROWS:
                self._insert(rows)  # a statement is a transaction: one call into SQLite, one release of the GIL
            else:
                with self._transaction():
                    for start in range(0, len(rows), _ROWS):
                        self._insert(rows[start : start + _ROWS])
            self._end.write(rows[-1].revision)
        self.rows.committed(rows)
        if self.reserve.in_use:
            self._fold_if_possible()  # or the space would go into the write-ahead log

    def since(self, revision: int, prefix: str = "", *, newest_first: bool = False) -> list[Event]:
        """Every event above `revision` on keys below `prefix`, oldest first unless told otherwise."""
        query = (
            f"SELECT {_of('e')}, {_of('p')} FROM log e LEFT JOIN log p ON p.revision = e.previous "
            "WHERE e.revision > ? AND substr(e.key, 1, ?) = ? "
            f"ORDER BY e.revision {'DESC' if newest_first else 'ASC'}"
        )
        with self._named_errors():
            return [self._event(*row) for row in self._db.execute(query, (revision, len(prefix), prefix))]

    def compact(self, revision: int) -> int:
        """Remove what is superseded or deleted at `revision`, give pages back; return how many rows went."""
        gone = 0
        if revision > self.compacted:
            try:
                gone = self._forget(revision)
                self._shrink(_PAGES_GIVEN_BACK)
            except StoreFull:
                gone = self._compact_in_steps(revision)
        with self._named_errors():
            self.reserve.take()
            # SQLite does so by itself, and tells nobody where the file cannot be written.
            with contextlib.suppress(StoreFull):
                self._fold("PASSIVE")
        return gone

    def make_room(self) -> bool:
        """Give up the reserve and fold the write-ahead log into the file, for what leads out of a full disk. Whether
        there was a reserve."""
        had = self.reserve.give_up()
        self._fold_if_possible()
        return had

    def _fold_if_possible(self) -> None:
        with contextlib.suppress(StoreFull, StoreFailing):  # the file itself may find no space to grow
            self._fold()

    def _fold(self, mode: str = "TRUNCATE") -> None:
        with self._named_errors():
            self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    def _compact_in_steps(self, revision: int) -> int:
        """With little space: what is written in a step is folded into the file before the next."""
        gone, step = 0, _SMALL_STEP
        while self.compacted < revision:
            self.make_room()
            try:
                gone += self._forget(min(self.compacted + step, revision))
            except StoreFull:
                if step == 1:
                    raise
                step //= 2
        for _ in range(0, _PAGES_GIVEN_BACK, _PAGES_IN_STEP):
            self._fold()
            self._shrink(_PAGES_IN_STEP)
        self._fold()
        return gone

    def _forget(self, revision: int) -> int:
        low = self.compacted
        superseded = "SELECT previous FROM log WHERE revision > ? AND revision <= ? AND previous > 0"
        with self._named_errors(), self._transaction():
            gone = self._db.execute(f"DELETE FROM log WHERE revision IN ({superseded})", (low, revision)).rowcount
            gone += self._db.execute(
                "DELETE FROM log WHERE revision > ? AND revision <= ? AND type = ?", (low, revision, DELETE)
            ).rowcount
            self._db.execute("UPDATE compaction SET revision = ?", (revision,))
        self.compacted = revision
        return gone

    def _shrink(self, pages: int) -> None:
        with self._named_errors():
            # A row per page, without columns: `execute` would stop after the first.
            self._db.executescript(f"PRAGMA incremental_vacuum({pages})")

    def close(self) -> None:
        """Fold the write-ahead log into the file and unlock it."""
        with self._named_errors():
            self._db.close()
            self._end.close()

    def _prepare(self) -> None:
        owner, format = self._number("PRAGMA application_id"), self._number("PRAGMA user_version")
        if owner != APPLICATION_ID and self._number("SELECT count(*) FROM sqlite_master"):
            raise StoreError(f"{self.path} is a database of another program, or damaged. {_way_out(self.path)}")
        if format > FORMAT:
            raise StoreError(
                f"{self.path} was written by a newer Sampan (format {format}; this one reads {FORMAT}), or is damaged. "
                + _way_out(self.path)
            )
        for pragma in (
            "auto_vacuum = INCREMENTAL",  # before the first table, or it has no effect
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            "synchronous = FULL",
            "wal_autocheckpoint = 2000",  # pages: the -wal file stays near 8 MB ...
            "journal_size_limit = 16777216",  # ... and shrinks back after a larger transaction
            "secure_delete = ON",  # a Secret that is gone, or encrypted by now, is gone from the disk too
        ):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.executescript(_SCHEMA)
        if not self._number("SELECT count(*) FROM pragma_table_info('log') WHERE name = 'checksum'"):
            self._db.execute("ALTER TABLE log ADD COLUMN checksum INTEGER")  # a file of format 1

    def _number(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])

    def _replay(
        self,
        records: dict[str, Record],
        revision: int,
        key: str,
        type: int,
        previous: int,
        value: bytes | None,
        checksum: int | None,
    ) -> None:
        if type not in TYPES or not isinstance(key, str) or not isinstance(previous, int):
            raise StoreCorrupt(
                f"{self.path} is damaged: the row of revision {revision} is none of ours. " + _way_out(self.path)
            )
        before = records.get(key)
        if revision > self.compacted and (before.revision if before else 0) != previous:
            raise StoreCorrupt(
                f"{self.path} is damaged: revision {revision} does not follow {key}'s last revision. "
                + _way_out(self.path)
            )
        value = self._believed(revision, key, type, previous, value, checksum)
        if type == DELETE and not isinstance(value, Damaged):
            records.pop(key, None)
        else:
            records[key] = Record(key, b"" if value is None else value, revision)

    def _believed(
        self, revision: int, key: str, type: int, previous: int, value: bytes | None, checksum: int | None
    ) -> bytes | None:
        """A row's value, or what stands for it where the row is not what was written."""
        if not isinstance(value, bytes | None):  # SQLite has types for values, not for columns
            value = b""
        elif checksum is None and revision < self._first_sum:
            return value  # written when there were none
        elif is_good(revision, key, type, previous, value, checksum):
            self._first_sum = min(self._first_sum, revision)
            return value
        return Damaged.of(value or b"", f"revision {revision} in {self.path} is damaged: its checksum is wrong")

    def _event(self, *row: Any) -> Event:
        """The event of a row and of the one before it."""
        (revision, key, type, previous), before = row[:4], None
        value = self._believed(*row[:6])
        if previous and row[6] is not None:
            before = self._believed(*row[6:])
        return self.rows.event(revision, key, type, previous, before if value is None else value, before)

    def _check_next(self, revision: int, last: int) -> None:
        """Raises StoreCorrupt where rows are missing: above what has been compacted, each revision has one."""
        if revision > last + 1:
            raise StoreCorrupt(
                f"{self.path} is damaged: revision {revision} does not follow {last}. " + _way_out(self.path)
            )

    def _check_end(self, revision: int) -> None:
        """Raises StoreCorrupt where the log ends before what was committed."""
        end = self._end.read()
        if end > revision:
            what = "is damaged, or what follows it in its -wal file" if revision else "is missing, empty or damaged"
            raise StoreCorrupt(
                f"{self.path} {what}: writes up to revision {end} were acknowledged, and those up to {revision} are "
                f"left. Restore a snapshot or, to go on with what is left:\n    rm {self._end.path}"
            )

    def _insert(self, rows: Sequence[Row]) -> None:
        places = ",".join(["(?,?,?,?,?,?)"] * len(rows))
        fields = [field for row in rows for field in (*row[:5], checksum_of(*row[:5]))]
        self._db.execute(f"INSERT INTO log ({_COLUMNS}) VALUES {places}", fields)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:  # SQLite itself rolls back after some errors
                self._db.execute("ROLLBACK")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _named(self.path, error) from error
        except OSError as error:
            raise StoreError(f"cannot open {error.filename or self.path}: {error.strerror}") from error


def _text(data: bytes) -> str:
    """A key that is no text any more reads like one: its checksum tells, and it costs its own object."""
    return data.decode("utf-8", "backslashreplace")


def _of(table: str) -> str:
    """The columns of one of several tables."""
    return ", ".join(f"{table}.{column}" for column in _COLUMNS.split(", "))


def _way_out(path: Path) -> str:
    aside = path.with_name("damaged")
    return f"Restore a snapshot or, to start empty:\n    mkdir -p {aside} && mv {path}* {aside}/"


def _check_files(path: Path) -> None:
    """SQLite would only say that it is unable to open something; raises StoreCorrupt, PermissionError."""
    for file in (path, path.with_name(f"{path.name}-wal")):
        if file.is_dir():
            raise StoreCorrupt(f"{file} is a directory. {_way_out(path)}")
        if file.exists() and not os.access(file, os.R_OK | os.W_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))


def _named(path: Path, error: sqlite3.Error) -> StoreError:
    """The Store's error for one of SQLite's, by its result code (sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY) or code == sqlite3.SQLITE_IOERR_WRITE:
        # IOERR_WRITE is what a quota or a file size limit gives
        return StoreFull(f"cannot write {path}: {error}")
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreInUse(f"{path} is in use by another process; stop that server first")
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        # ERROR is what a schema that is not ours gives
        return StoreCorrupt(f"{path} is damaged: {error}. {_way_out(path)}")
    if code & 0xFF == sqlite3.SQLITE_IOERR:
        return StoreFailing(f"cannot read or write {path}: {error}")
    return StoreError(f"{path}: {error}")


def _sync_names(path: Path) -> None:
    """What a new directory holds is lost with its own name, which is there for certain once its parent is written."""
    for folder in path.parents:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError:  # then it is not we who made what is in it
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
