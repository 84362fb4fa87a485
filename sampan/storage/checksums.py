"""Whether a row is what was written: a CRC-32 over all of it, kept beside it, for disks and file systems that lie.

SQLite checks its write-ahead log, but no page of the file itself. Rows that an older Sampan wrote have no checksum;
they come first, and logfile.py, which uses this, believes them.
"""

from zlib import crc32


def checksum_of(revision: int, key: str, type: int, previous: int, value: bytes | None) -> int:
    """Of a row's columns; a value that is empty and none at all are told apart."""
    columns = f"{revision} {type} {previous} {'=' if value is None else len(value)} {key}\n"
    return crc32(value or b"", crc32(columns.encode("utf-8", "surrogatepass")))


def is_good(revision: int, key: str, type: int, previous: int, value: bytes | None, checksum: int | None) -> bool:
    """Whether the columns are those that the checksum was made of."""
    return checksum == checksum_of(revision, key, type, previous, value)
