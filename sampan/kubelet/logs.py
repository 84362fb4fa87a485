"""Reading a container's log as `kubectl logs` asks for it: tail, since, timestamps, limit, and following.

Follows across rotation. Reading blocks only on the page cache and is done in small pieces. Called by server.py.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path

from sampan.kubelet.log_format import Entry, parse_line
from sampan.machinery.booleans import is_true
from sampan.machinery.meta import format_micro_time, later, parse_time

BLOCK = 64 * 1024
IDLE = 0.2  # how often a follower looks again
MOMENT_DIGITS = 26  # 2026-11-23T03:29:56.007107: as fine as datetime; CRI writes nanoseconds


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The query parameters of v1 PodLogOptions."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: datetime | None = None
    limit: int | None = None  # bytes
    stream: bytes = b""  # stdout, stderr, or both


def parse_options(query: Mapping[str, str], now: datetime) -> LogOptions:
    """From the query of /containerLogs; raises ValueError."""
    since = parse_time(query["sinceTime"]) if query.get("sinceTime") else None
    if query.get("sinceSeconds"):
        since = later(now, -int(query["sinceSeconds"]))
    stream = query.get("stream", "All")
    return LogOptions(
        follow=is_true(query.get("follow", "")),
        previous=is_true(query.get("previous", "")),
        timestamps=is_true(query.get("timestamps", "")),
        tail=int(query["tailLines"]) if query.get("tailLines") else None,
        since=since,
        limit=int(query["limitBytes"]) if query.get("limitBytes") else None,
        stream=b"" if stream == "All" else stream.lower().encode(),
    )


async def read_log(path: Path, options: LogOptions, alive: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    """The log's text in pieces. A follower goes on while `alive` says that more may come. Raises OSError."""
    writer, file = _Writer(options), path.open("rb")
    try:
        if options.tail is not None:
            file.seek(tail_offset(file, options.tail))
        while True:
            piece, done = writer.take(_complete_lines(file))
            if piece:
                yield piece
            if done:
                return
            if not piece:
                fresh = await _more(file, path, alive) if options.follow else None
                if fresh is None:
                    return
                file = fresh
    finally:
        file.close()


async def _more(file: BufferedReader, path: Path, alive: Callable[[], Awaitable[bool]]) -> BufferedReader | None:
    """Wait until there may be more to read; the file to read it from, or None when nothing will come."""
    while True:
        ended = not await alive()  # asked before the size: what was written before the end is then seen
        if _length(file) > file.tell():
            return file
        if _replaced(file, path):
            file.close()
            return path.open("rb")
        if ended:
            return None
        await asyncio.sleep(IDLE)


def tail_offset(file: BufferedReader, lines: int) -> int:
    """Where the last so many lines begin."""
    file.seek(0, 2)
    position, needed = file.tell(), lines + 1  # the end of the line before the first one, too
    if lines == 0:
        return position
    while position > 0:
        start = max(position - BLOCK, 0)
        file.seek(start)
        block = file.read(position - start)
        found = block.count(b"\n")
        if found >= needed:
            parts = block.rsplit(b"\n", needed)
            return start + len(parts[0]) + 1
        needed -= found
        position = start
    return 0


class _Writer:
    """Turns entries into what the client sees."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._since = format_micro_time(options.since).removesuffix("Z").encode() if options.since else b""
        self._left = options.limit
        self._line_open = False

    def take(self, lines: list[bytes]) -> tuple[bytes, bool]:
        """The text of some lines, and whether the limit has been reached."""
        text = b"".join(self._text(entry) for line in lines if (entry := parse_line(line)) and self._wanted(entry))
        if self._left is None:
            return text, False
        text = text[: self._left]
        self._left -= len(text)
        return text, self._left == 0

    def _wanted(self, entry: Entry) -> bool:
        if self._options.stream and entry.stream != self._options.stream:
            return False
        return not self._since or entry.time[:MOMENT_DIGITS] >= self._since

    def _text(self, entry: Entry) -> bytes:
        begins, self._line_open = not self._line_open, not entry.text.endswith(b"\n")
        return entry.time + b" " + entry.text if self._options.timestamps and begins else entry.text


def _complete_lines(file: BufferedReader) -> list[bytes]:
    """A block of whole lines; what is not finished yet is left for the next time."""
    place = file.tell()
    block = file.read(BLOCK)
    whole = block.rfind(b"\n") + 1
    if whole == 0 and len(block) == BLOCK:
        block += file.readline()
        whole = len(block) if block.endswith(b"\n") else 0
    file.seek(place + whole)
    return block[:whole].splitlines(keepends=True)


def _length(file: BufferedReader) -> int:
    place = file.tell()
    end = file.seek(0, 2)
    file.seek(place)
    return end


def _replaced(file: BufferedReader, path: Path) -> bool:
    """Whether the log has been rotated: another file has its name now."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    then = Path(f"/proc/self/fd/{file.fileno()}").stat()
    return now.st_ino != then.st_ino
