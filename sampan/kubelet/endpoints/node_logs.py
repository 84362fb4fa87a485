"""/logs: the files below the node's log directory, and lists of its directories for people.

As Go's http.FileServer over /var/log, but nothing outside of the directory is shown, wherever links lead: pods may be
given places in it to write to. Range requests are not known.
"""

import asyncio
import mimetypes
import os
import stat
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from sampan.kubelet.endpoints.answers import HTTPError
from sampan.transport.messages import Reply, Request, Response, StreamResponse

_PIECE = 64 * 1024  # bytes
_HTML, _PLAIN, _BINARY = "text/html; charset=utf-8", "text/plain; charset=utf-8", "application/octet-stream"
_MISSING = "404 page not found\n"
_MAX_LISTED = 10_000


class NodeLogs:
    """The endpoint of one kubelet. What is below any of `roots` is shown, found from the first."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._root, self._shown = roots[0], [root.resolve() for root in roots]

    async def serve(self, request: Request, rest: Sequence[str]) -> Reply:
        """/logs[/path]; raises HTTPError."""
        path = self._root.joinpath(*(part for part in rest if part))
        file = _File(await asyncio.to_thread(self._open, path))
        if not file.is_directory:
            return StreamResponse(200, file, _type(path.name), length=file.size)
        try:
            if request.path.endswith("/"):
                return Response(200, await asyncio.to_thread(file.listing), _HTML)
        finally:
            await file.aclose()
        return Response(301, b"", "", [("Location", f"{request.raw_path.rpartition('/')[2]}/")])

    def _open(self, path: Path) -> int:
        """A descriptor of a file or directory; raises HTTPError. What counts is where it turns out to be: links may
        change while they are followed."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would wait for its writer
        except (OSError, ValueError):
            raise HTTPError(404, _MISSING) from None
        found, mode = Path(f"/proc/self/fd/{file}").readlink(), os.fstat(file).st_mode
        if not any(found.is_relative_to(root) for root in self._shown) or not (
            stat.S_ISREG(mode) or stat.S_ISDIR(mode)
        ):
            os.close(file)
            raise HTTPError(404, _MISSING)
        return file


class _File:
    """As many bytes as the file has now: it may be growing."""

    def __init__(self, file: int) -> None:
        found = os.fstat(file)
        self.size, self.is_directory = found.st_size, stat.S_ISDIR(found.st_mode)
        self._file, self._left = file, found.st_size

    def __aiter__(self) -> "_File":
        return self

    async def __anext__(self) -> bytes:
        piece = await asyncio.to_thread(os.read, self._file, min(self._left, _PIECE)) if self._left else b""
        if not piece:
            raise StopAsyncIteration
        self._left -= len(piece)
        return piece

    async def aclose(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def listing(self) -> bytes:
        """What is in the directory."""
        with os.scandir(self._file) as found:
            entries = [entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "") for entry in found]
        lines = [f'<a href="{quote(name)}">{escape(name)}</a>\n' for name in sorted(entries)[:_MAX_LISTED]]
        head = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n'
        return f"{head}<pre>\n{''.join(lines)}</pre>\n".encode()


def _type(name: str) -> str:
    kind, coding = mimetypes.guess_type(name)
    return _BINARY if coding else kind or _PLAIN
