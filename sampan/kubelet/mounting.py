"""mount(2) and umount2(2), and what is mounted where. Linux only; the calls raise OSError.

Called by volumes/ and by cluster/, which must not delete anything through a mount.
"""

import ctypes
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MNT_DETACH = 1, 2, 4, 8, 32, 4096, 2


def mount(source: str, target: Path, filesystem: str, options: str = "", flags: int = 0) -> None:
    """mount(2)."""
    encoded = [os.fsencode(text) for text in (source, target, filesystem)]
    _check(_libc.mount(*encoded, ctypes.c_ulong(flags), os.fsencode(options)), target)


def bind(source: str, target: Path) -> None:
    """Make `source` appear at `target`."""
    mount(source, target, "none", flags=MS_BIND)


def mount_tmpfs(target: Path, size: int = 0) -> None:
    """A file system in memory; `size` in bytes, 0 for the kernel's default of half the memory."""
    mount("tmpfs", target, "tmpfs", f"size={size}" if size else "", MS_NOSUID | MS_NODEV)


def lock_mount(target: Path) -> None:
    """Let nobody write to, or execute from, what is mounted at `target`, nor from binds of it."""
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC | MS_NOSUID | MS_NODEV
    mount("none", target, "none", flags=flags)


def unmount(target: Path) -> None:
    """Detach one mount: at once for new users, for good when the last one lets go."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), target)


def unmount_below(directory: Path) -> None:
    """Detach every mount at or below a directory."""
    for point in mounted_below(directory, _mountinfo()):
        unmount(point)


def is_mounted(target: Path) -> bool:
    """Whether something is mounted right at `target`."""
    return target in mount_points(_mountinfo())


def mounted_below(directory: Path, mountinfo: str) -> list[Path]:
    """Mount points at or below a directory, the newest first, from the text of /proc/self/mountinfo."""
    points = reversed(mount_points(mountinfo))
    return [point for point in points if point == directory or directory in point.parents]


def mount_points(mountinfo: str) -> list[Path]:
    """In the order of mounting."""
    return [Path(_unescape(line.split(" ")[4])) for line in mountinfo.splitlines()]


def _mountinfo() -> str:
    return Path("/proc/self/mountinfo").read_text()


def _unescape(point: str) -> str:
    """Undo the octal escapes of proc(5): space, tab, newline and backslash."""
    for code, char in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        point = point.replace(f"\\{code}", char)
    return point


def _check(result: int, path: Path) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
