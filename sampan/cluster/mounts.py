"""Mounts below a directory: listing and undoing them, so that nothing is deleted through a mount.

Called when a cluster stops. Not here: making mounts (containerd and kubelet/volumes do).
"""

import ctypes
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
MNT_DETACH = 2


def mounted_below(directory: Path, mountinfo: str) -> list[str]:
    """Mount points at or below a directory, deepest and newest first, from the text of /proc/self/mountinfo."""
    root = str(directory)
    points = [_unescape(line.split(" ")[4]) for line in mountinfo.splitlines()]
    return [point for point in reversed(points) if point == root or point.startswith(root + "/")]


def unmount_below(directory: Path) -> None:
    """Detach every mount at or below a directory; raises OSError where the kernel refuses."""
    for point in mounted_below(directory, Path("/proc/self/mountinfo").read_text()):
        unmount(point)


def unmount(point: str) -> None:
    """Detach one mount, at once for new users and for good when the last one lets go; raises OSError."""
    if _libc.umount2(os.fsencode(point), MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), point)


def mount(source: str, target: str, filesystem: str, options: str = "", flags: int = 0) -> None:
    """mount(2); raises OSError."""
    encoded = [os.fsencode(text) for text in (source, target, filesystem)]
    if _libc.mount(*encoded, ctypes.c_ulong(flags), os.fsencode(options)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


def _unescape(point: str) -> str:
    """Undo the octal escapes of proc(5): space, tab, newline and backslash."""
    for code, char in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        point = point.replace(f"\\{code}", char)
    return point
