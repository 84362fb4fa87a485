"""local volumes: a directory of the node's that a PersistentVolume stands for, given to the pod's group.

Docs: "Volumes", local; "Configure a Security Context", fsGroup and fsGroupChangePolicy.
"""

import os
import stat
from pathlib import Path

from sampan.kubelet.volumes.content import VolumeError

_OF_GROUP = stat.S_IRGRP | stat.S_IWGRP
_OF_DIRECTORY = _OF_GROUP | stat.S_IXGRP | stat.S_ISGID


def prepare_local(path: Path, group: int | None, policy: str) -> None:
    """See that a path is there, and owned by the group; raises VolumeError, OSError.

    By policy OnRootMismatch, what is below is left alone where the directory itself is right already.
    """
    if not path.exists():
        raise VolumeError(f'path "{path}" does not exist')
    if not path.is_dir():
        raise VolumeError(f'path "{path}" is not a directory')
    if group is None or (policy == "OnRootMismatch" and _is_right(path.lstat(), group)):
        return
    for directory, _, files in os.walk(path, topdown=False):  # the root comes last: it tells that all is done
        for name in files:
            _give(Path(directory, name), group)
        _give(Path(directory), group)


def _is_right(found: os.stat_result, group: int) -> bool:
    return found.st_gid == group and found.st_mode & _OF_DIRECTORY == _OF_DIRECTORY


def _give(path: Path, group: int) -> None:
    """To a group, to read and write; links are given as they are, never followed."""
    found = path.lstat()
    os.chown(path, -1, group, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        path.chmod(stat.S_IMODE(found.st_mode) | (_OF_DIRECTORY if stat.S_ISDIR(found.st_mode) else _OF_GROUP))
