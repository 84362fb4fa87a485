"""The file of --audit-log-path: appended to, and put aside when it has grown, as lumberjack does it upstream.

`audit.log` becomes `audit-2026-11-26T08-10-00.000.log`; of those put aside the old ones and the many go, and what is
left may be compressed. All in the thread of log_file.py. Rules: gopkg.in/natefinch/lumberjack.v2,
k8s.io/apiserver/pkg/server/options/audit.go (getWriter).
"""

import gzip
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

_MEGABYTE = 1 << 20
_TIME = "%Y-%m-%dT%H-%M-%S"
_ASIDE = re.compile(r"-([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}\.[0-9]{3})$", re.ASCII)


class Keep(NamedTuple):
    """When a file is put aside, and which are kept; 0: no limit. Days, files, megabytes."""

    max_age: int = 366
    max_backups: int = 100
    max_size: int = 100
    compress: bool = False


class StandardOutput:
    """`-`: the server's standard output."""

    def open(self) -> None:
        """It is."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Raises OSError."""
        sys.stdout.buffer.write(b"".join(lines))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """It stays open."""


class RotatedFile:
    """See the module."""

    def __init__(self, path: Path, keep: Keep, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._keep = keep
        self._now = now
        self._limit = keep.max_size * _MEGABYTE
        self._descriptor = -1
        self._size = 0

    def open(self) -> None:
        """Make the file and its folder where they are missing. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._size = os.fstat(self._descriptor).st_size
        if self._limit:
            self._tidy()

    def write(self, lines: Sequence[bytes]) -> None:
        """Append, changing files in between where the limit is. Raises OSError, ValueError."""
        waiting: list[bytes] = []
        size = self._size
        for line in lines:
            if self._limit and len(line) > self._limit:
                raise ValueError(f"write length {len(line)} exceeds maximum file size {self._limit}")
            if self._limit and size + len(line) > self._limit and size:
                self._append(waiting)
                self._rotate()
                waiting, size = [], 0
            waiting.append(line)
            size += len(line)
        self._append(waiting)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, lines: Sequence[bytes]) -> None:
        left = memoryview(b"".join(lines))
        while left:
            written = os.write(self._descriptor, left)
            self._size += written
            left = left[written:]

    def _rotate(self) -> None:
        mode = os.fstat(self._descriptor).st_mode & 0o777
        self.close()
        self._path.rename(self._aside(self._now()))
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, mode)
        self._size = os.fstat(self._descriptor).st_size
        self._tidy()

    def _aside(self, moment: datetime) -> Path:
        """A name that is free: two files may be put aside in the same millisecond."""
        while True:
            stamp = f"{moment.strftime(_TIME)}.{moment.microsecond // 1000:03}"
            path = self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}")
            if not path.exists() and not path.with_name(f"{path.name}.gz").exists():
                return path
            moment += timedelta(milliseconds=1)

    def _tidy(self) -> None:
        """What goes wrong here costs no event."""
        try:
            for path in _superfluous(self._files(), self._keep, self._now()):
                path.unlink(missing_ok=True)
            for _, path in self._files() if self._keep.compress else ():
                if path.suffix != ".gz":
                    _compress(path)
        except OSError as error:
            log.warning("old audit logs beside %s are left as they are: %s", self._path, error)

    def _files(self) -> list[tuple[datetime, Path]]:
        """The files that were put aside, newest first."""
        found = []
        for path in self._path.parent.iterdir():
            name = path.name.removesuffix(".gz")
            stem = name.removesuffix(self._path.suffix) if self._path.suffix else name
            match = _ASIDE.search(stem)
            if match and name.endswith(self._path.suffix) and stem[: match.start()] == self._path.stem:
                moment = datetime.strptime(match[1], f"{_TIME}.%f").replace(tzinfo=UTC)
                found.append((moment, path))
        return sorted(found, reverse=True)


def _superfluous(files: Sequence[tuple[datetime, Path]], keep: Keep, now: datetime) -> list[Path]:
    """Those that are too many or too old; a file and its compressed form count once."""
    moments = list(dict.fromkeys(moment for moment, _ in files))
    kept = set(moments[: keep.max_backups] if keep.max_backups else moments)
    oldest = now - timedelta(days=keep.max_age)
    return [path for moment, path in files if moment not in kept or (keep.max_age and moment < oldest)]


def _compress(path: Path) -> None:
    target = path.with_name(f"{path.name}.gz")
    draft = target.with_suffix(".tmp")
    with path.open("rb") as plain, gzip.open(draft, "wb") as packed:
        shutil.copyfileobj(plain, packed)
    draft.chmod(path.stat().st_mode & 0o777)
    draft.replace(target)
    path.unlink()
