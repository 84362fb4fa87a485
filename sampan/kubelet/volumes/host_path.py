"""hostPath volumes: checking, and where asked for making, what is at the path. Docs: "Volumes", hostPath."""

import stat
from pathlib import Path

from sampan.kubelet.volumes.content import VolumeError

_CHECKS = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "FileOrCreate": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def prepare_host_path(path: Path, type_: str) -> None:
    """See that a path is of its type; "" accepts anything, even nothing. Raises VolumeError, OSError."""
    if not type_:
        return
    if type_ == "DirectoryOrCreate" and not path.exists():
        path.mkdir(parents=True, mode=0o755)
    elif type_ == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    is_right, shown = _CHECKS[type_]
    if not path.exists() or not is_right(path.stat().st_mode):
        raise VolumeError(f"hostPath type check failed: {path} is not {shown}")
