"""A state directory is its owner's alone, also one that was made, or copied back, with wider modes.

Called by server.py at each start. What is below kubelet/ and containerd/ belongs to pods and to containerd, whose modes
mean something; nobody else gets to them through a directory that is closed.
"""

from pathlib import Path

_OTHERS = 0o077


def make_private(directory: Path) -> None:
    """Close the directory and pki/ within, and the files of both, to everyone else. Raises OSError."""
    for folder in (directory, directory / "pki"):
        if not folder.is_dir():
            continue
        _close(folder)
        for entry in folder.iterdir():
            if entry.is_file() and not entry.is_symlink():
                _close(entry)


def private_directory(path: Path) -> None:
    """Make a directory for its owner only, or make the one that is there so. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    _close(path)


def _close(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & _OTHERS:
        path.chmod(mode & 0o777 & ~_OTHERS)
