"""The logs of the server and of containerd, which have bounds: five files of 10 MiB, as containers' have.

The server puts its own aside between two records (RotatingLog). containerd holds its file open for as long as it lives,
longer than we do, so that its log is copied and cut instead; what it writes in between, in a moment, is lost.
Called by server.py, containerd.py and node_components.py; `sampan logs` follows by name.
"""

import asyncio
import contextlib
import logging
import os
import shutil
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

LIMIT = 10 * 1024 * 1024  # bytes of a file
OLDER = 4  # files that are kept besides, the newest of them .1
INTERVAL = 10.0  # seconds between two looks at a log that somebody else writes


def open_log(path: Path) -> int:
    """A descriptor that appends to a log, for its owner only. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class RotatingLog(RotatingFileHandler):
    """Writes the log of this process, and takes stdout and stderr along to each new file where they lead to it."""

    def __init__(self, path: Path, limit: int = LIMIT, older: int = OLDER) -> None:
        self._follow = [descriptor for descriptor in (1, 2) if leads_to(descriptor, path)]
        super().__init__(path, maxBytes=limit, backupCount=older, encoding="utf-8")

    def doRollover(self) -> None:
        """Put the file aside; where that fails, for want of space or rights, the log goes on where it is."""
        with contextlib.suppress(OSError):
            super().doRollover()
        if self.stream is not None:
            for descriptor in self._follow:
                os.dup2(self.stream.fileno(), descriptor)

    def _open(self) -> TextIOWrapper:
        return os.fdopen(open_log(Path(self.baseFilename)), "a", encoding=self.encoding)


def leads_to(descriptor: int, path: Path) -> bool:
    """Whether what is written to a descriptor ends in this file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


async def keep_bounded(path: Path, clock: Clock) -> None:
    """Look after a log that another process writes, until cancelled."""
    while True:
        await clock.sleep(INTERVAL)
        try:
            await asyncio.to_thread(cut, path)
        except OSError as error:
            log.warning("%s grows: %s", path, error)


def cut(path: Path, limit: int = LIMIT, older: int = OLDER) -> None:
    """Where a log is too long, copy it aside and empty it, so that who appends to it need not know. Raises OSError."""
    if not path.exists() or path.stat().st_size <= limit:
        return
    for number in range(older - 1, 0, -1):
        with contextlib.suppress(FileNotFoundError):
            _aside(path, number).replace(_aside(path, number + 1))
    try:
        shutil.copyfile(path, _aside(path, 1))
    finally:
        os.truncate(path, 0)  # without space for the copy, too: it is the bound that counts


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
