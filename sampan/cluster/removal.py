"""Removing a directory tree, which may take long, with word of how far it is. Called by lifecycle.py."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

INTERVAL = 2.0  # seconds between two words
_MANY = 1000  # files; fewer go in a moment


def remove_tree(directory: Path, say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
    """Remove all of it. What another process removes first is no error; raises OSError for what resists."""
    files, size = _count(directory)
    if files >= _MANY:
        say(f"removing {files:,} files, {size / 1e6:,.0f} MB")
    told = now()
    for gone in _remove(directory):
        if now() - told >= INTERVAL:
            say(f"{gone:,} of {files:,} files are gone")
            told = now()


def _count(directory: Path) -> tuple[int, int]:
    """How many files there are, and the bytes that they take."""
    files = size = 0
    for _, _, names, descriptor in os.fwalk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                size += os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_blocks * 512
                files += 1
    return files, size


def _remove(directory: Path) -> Iterator[int]:
    """Remove the files, each directory after what is in it; yields how many files are gone."""
    gone = 0
    for _, folders, names, descriptor in os.fwalk(directory, topdown=False):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=descriptor)
            gone += 1
            yield gone
        for name in folders:
            with contextlib.suppress(FileNotFoundError):
                _remove_folder(name, descriptor)
    with contextlib.suppress(FileNotFoundError):
        directory.rmdir()


def _remove_folder(name: str, descriptor: int) -> None:
    """A link to a directory is listed among the directories, and goes like a file."""
    try:
        os.rmdir(name, dir_fd=descriptor)
    except NotADirectoryError:
        os.unlink(name, dir_fd=descriptor)
