"""Finds the real kubectl: the one that $PATH leads to, or a newer one in its package. Only looks at directories.

A distribution may keep several beside each other, as kubectl.1.27 ... kubectl.1.33 in one package's folder, where the
plain `kubectl` is only what chooses among them. Called by kubectl.py and env.py.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_VERSIONED = re.compile(r"kubectl\.(\d+)\.(\d+)")


def find_kubectl(search_path: str | None = None) -> Path | None:
    """The newest kubectl beside the first one in $PATH, or None. Without a version in its name it counts as oldest."""
    folders = (os.environ.get("PATH", os.defpath) if search_path is None else search_path).split(os.pathsep)
    found = (Path(folder) / "kubectl" for folder in folders if folder)
    first = next((path for path in found if _executable(path)), None)
    return max([first, *_siblings(first)], key=version_in_name) if first else None


def version_in_name(path: Path) -> tuple[int, int]:
    """(1, 33) of kubectl.1.33; (0, 0) of a plain kubectl."""
    match = _VERSIONED.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _siblings(path: Path) -> Iterator[Path]:
    for sibling in path.resolve().parent.glob("kubectl.*"):
        if _VERSIONED.fullmatch(sibling.name) and _executable(sibling):
            yield sibling


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
