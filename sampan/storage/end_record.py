"""How far the log has come, in a small file beside it, so that a log that is shorter is noticed.

SQLite takes the first frame of its write-ahead log that is damaged for the log's end, and forgets what follows without
a word; a file that is gone, or empty, is a new one to it. The record is written after each commit and before anybody is
told of it, but not synchronized: a power loss may leave an older one, or the zeros of a file whose contents have never
reached the disk, but never a newer one. Used by logfile.py.
"""

import logging
import os
from pathlib import Path
from zlib import crc32

from sampan.storage.protocol import StoreCorrupt

log = logging.getLogger(__name__)

_MAGIC = b"SAMPEND1"


class EndRecord:
    """An open record. Raises OSError, but not where it cannot be written."""

    def __init__(self, log: Path) -> None:
        self.path = log.with_name(f"{log.name}-end")
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._failing = False

    def read(self) -> int:
        """The newest revision that was committed, as far as is known; raises StoreCorrupt."""
        data = os.pread(self._file, 64, 0)
        if not any(data):
            return 0
        revision = int.from_bytes(data[8:16], "little")
        if data == _written(revision):
            return revision
        raise StoreCorrupt(
            f"{self.path} is damaged. It only tells how far the store had come; to go on without:\n    rm {self.path}"
        )

    def write(self, revision: int) -> None:
        """A revision has been committed. That stands, also where the record cannot be written and falls behind."""
        try:
            os.pwrite(self._file, _written(revision), 0)
        except OSError as error:
            if not self._failing:
                log.warning("cannot write %s, so that damage to the store may go unnoticed: %s", self.path, error)
            self._failing = True
        else:
            self._failing = False

    def close(self) -> None:
        """Forget the file."""
        os.close(self._file)


def _written(revision: int) -> bytes:
    """What it is, the newest revision, a checksum of both."""
    head = _MAGIC + revision.to_bytes(8, "little")
    return head + crc32(head).to_bytes(4, "little")
