"""One line of a CRI log: `2026-11-23T03:29:56.007107806Z stdout F text`. Pure.

Tag F ends a line of output, P is a part of one that was too long (CRI logging format, design proposal "CRI: Log
Management"). Used by logs.py and messages.py.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    """A line or part of one."""

    time: bytes  # RFC 3339 with nanoseconds
    stream: bytes  # stdout or stderr
    text: bytes  # what the container wrote; ends with a newline when the line is whole


def parse_line(line: bytes) -> Entry | None:
    """An entry; None for a line that is damaged or not finished yet."""
    fields = line.split(b" ", 3)
    if len(fields) != 4 or not line.endswith(b"\n"):
        return None
    time, stream, tag, text = fields
    return Entry(time, stream, text if tag.split(b":")[0] == b"F" else text[:-1])
