"""Space on the disk that is kept for deletions and compaction: with a full disk they are the way out.

Given up when there is no other space left, taken again by the next compaction that finds some; in between, nothing else
is written, or it would be gone as well. Used by logfile.py and writer.py.
"""

import errno
import os
from pathlib import Path

SIZE = 4 << 20  # bytes: a few hundred deletions, or a compaction
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Reserve:
    """A file of no content beside the log. Raises OSError, but not where there is no space for it."""

    def __init__(self, log: Path) -> None:
        self.path = log.with_name(f"{log.name}-reserve")
        self.in_use = False

    def take(self) -> None:
        """Take the space, where there is some."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(file).st_size < SIZE:
                os.posix_fallocate(file, 0, SIZE)
            self.in_use = False
        except OSError as error:
            os.ftruncate(file, 0)
            if error.errno not in _FULL:
                raise
        finally:
            os.close(file)

    def give_up(self) -> bool:
        """Give the space back; whether there was any."""
        try:
            had = self.path.stat().st_size > 0
        except FileNotFoundError:
            return False
        self.path.unlink()
        self.in_use = self.in_use or had
        return had
