"""Replacing all files of a volume at once, so that readers see the old set or the new set, never a mixture.

The layout is upstream's, which programs rely on: files are symlinks into `..data`, itself a symlink to a directory
named after the moment; an update swaps that one link by rename(2). Called by volumes/manager.py.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

DATA = "..data"
_NEW = "..data_tmp"


class Content(NamedTuple):
    """One file of a volume."""

    data: bytes
    mode: int = 0o644
    owner: int = -1  # user id; -1: root


def write(volume: Path, files: Mapping[str, Content], group: int | None, now: datetime) -> bool:
    """Make `files` (by relative path) the content of a volume; whether that changed it. Raises OSError.

    With a `group` (fsGroup), files belong to it and it may read them.
    """
    if _is_current(volume, files):
        return False
    fresh = Path(tempfile.mkdtemp(prefix=f"..{now:%Y_%m_%d_%H_%M_%S}.", dir=volume))
    fresh.chmod(0o755)
    for path, content in files.items():
        _write_file(fresh, path, content, group)
    _own(fresh, group)
    old = _target(volume)
    _swap(volume, fresh.name)
    _link_names(volume, files)
    if old is not None:
        shutil.rmtree(volume / old)
    return True


def _write_file(directory: Path, path: str, content: Content, group: int | None) -> None:
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    target.write_bytes(content.data)
    if content.owner >= 0:
        os.chown(target, content.owner, -1)
    if group is not None:
        os.chown(target, -1, group)
    target.chmod(content.mode | (0o440 if group is not None else 0))


def _own(directory: Path, group: int | None) -> None:
    if group is None:
        return
    for current, _, _ in os.walk(directory):
        os.chown(current, -1, group)
        Path(current).chmod(0o2775)


def _target(volume: Path) -> str | None:
    link = volume / DATA
    return str(link.readlink()) if link.is_symlink() else None


def _swap(volume: Path, fresh: str) -> None:
    new = volume / _NEW
    new.unlink(missing_ok=True)
    new.symlink_to(fresh)
    new.rename(volume / DATA)


def _link_names(volume: Path, files: Mapping[str, Content]) -> None:
    names = {path.split("/")[0] for path in files}
    for name in names:
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"{DATA}/{name}")
    for entry in volume.iterdir():
        if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()


def _is_current(volume: Path, files: Mapping[str, Content]) -> bool:
    current = volume / DATA
    if not current.is_dir():
        return False
    there = {str(path.relative_to(current)): path for path in current.rglob("*") if path.is_file()}
    same_names = there.keys() == {os.path.normpath(path) for path in files}
    return same_names and all(there[os.path.normpath(path)].read_bytes() == file.data for path, file in files.items())
