"""subPath mounts that can't be tricked out of their volume (CVE-2017-1002101, CVE-2021-25741).

A container that can write to a volume could swap a directory for a symlink between check and mount. So the path is
resolved once, opened component by component without following links, and what is then bind-mounted is the open file
itself, at a place that no container can write to. Called by volumes/mounts.py.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from sampan.kubelet.mounting import bind, is_mounted
from sampan.kubelet.volumes.content import VolumeError


def bind_subpath(volume: Path, subpath: str, target: Path) -> Path:
    """Bind `subpath` of a volume to `target`, making missing directories; returns `target`.

    What is bound already stays: a container that restarts sees the same file. Raises VolumeError, OSError.
    """
    if is_mounted(target):
        return target
    if subpath.startswith("/") or ".." in Path(subpath).parts:
        raise VolumeError(f'subPath "{subpath}" must be a relative path without ".."')
    resolved = _resolve(volume, subpath)
    with _opened(volume, resolved) as handle:
        _make_target(target, is_directory=stat.S_ISDIR(os.fstat(handle).st_mode))
        bind(f"/proc/self/fd/{handle}", target)
    return target


def _resolve(volume: Path, subpath: str) -> Path:
    """The path below the volume with its links resolved: volumes written atomically consist of links."""
    base = volume.resolve()
    real = (base / subpath).resolve()
    if real != base and base not in real.parents:
        raise VolumeError(f'subpath "{subpath}" not within volume path "{volume}"')
    return real.relative_to(base)


@contextlib.contextmanager
def _opened(volume: Path, relative: Path) -> Iterator[int]:
    """A handle on a path below a volume, each component opened without following links."""
    handle = os.open(volume.resolve(), os.O_PATH | os.O_DIRECTORY)
    try:
        for part in relative.parts:
            below = _step(handle, part)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _step(handle: int, part: str) -> int:
    flags = os.O_PATH | os.O_NOFOLLOW
    try:
        below = os.open(part, flags, dir_fd=handle)
    except FileNotFoundError:
        parent = os.fstat(handle)
        os.mkdir(part, parent.st_mode & 0o777, dir_fd=handle)
        below = os.open(part, flags | os.O_DIRECTORY, dir_fd=handle)
    if stat.S_ISLNK(os.fstat(below).st_mode):
        os.close(below)
        raise VolumeError(f'"{part}" became a symbolic link')
    return below


def _make_target(target: Path, is_directory: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_directory:
        target.mkdir(exist_ok=True)
    else:
        target.touch()
