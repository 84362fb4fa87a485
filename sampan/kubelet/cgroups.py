"""The pods' cgroups: made with their limits before the first container, removed after the last. Cgroup v1 and v2.

Containers' own cgroups below are the runtime's. Called by worker.py. With the systemd driver the runtime makes the
slices and nothing is done here.
"""

import contextlib
import errno
from pathlib import Path

from sampan.kubelet.resources import PERIOD, Limits

ROOT = Path("/sys/fs/cgroup")
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")


def is_v2(root: Path = ROOT) -> bool:
    """Whether there is the one unified hierarchy; hybrid counts as v1, because the controllers are in v1."""
    return (root / "cgroup.controllers").exists()


def create(path: str, limits: Limits, root: Path = ROOT) -> None:
    """Make a cgroup and set its limits; parents are made without. Raises OSError."""
    if is_v2(root):
        _create_v2(root, path.strip("/"))
    else:
        for controller in _v1_settings(limits):
            if (root / controller).is_dir():
                (root / controller / path.strip("/")).mkdir(parents=True, exist_ok=True)
    update(path, limits, root)


def update(path: str, limits: Limits, root: Path = ROOT) -> None:
    """Set the limits of a cgroup that there is; raises OSError."""
    if is_v2(root):
        _write(root / path.strip("/"), _v2_settings(limits))
        return
    for controller, settings in _v1_settings(limits).items():
        if (root / controller).is_dir():
            _write(root / controller / path.strip("/"), settings)


def memory_usage(path: str, root: Path = ROOT) -> int:
    """The bytes that its processes use, caches included; raises OSError."""
    name = path.strip("/")
    file = root / name / "memory.current" if is_v2(root) else root / "memory" / name / "memory.usage_in_bytes"
    return int(file.read_text())


def remove(path: str, root: Path = ROOT) -> bool:
    """Remove a cgroup and those below it in every hierarchy; False while a process is still in one."""
    hierarchies = [root] if is_v2(root) else [entry for entry in root.iterdir() if entry.is_dir()]
    left = [hierarchy for hierarchy in hierarchies if not _remove_tree(hierarchy / path.strip("/"))]
    return not left


def children(path: str, root: Path = ROOT) -> set[str]:
    """The names of the cgroups right below one, in whatever hierarchy they are; none where it does not exist."""
    directories = root.glob(f"{path.strip('/')}/*/" if is_v2(root) else f"*/{path.strip('/')}/*/")
    return {directory.name for directory in directories}


def _v1_settings(limits: Limits) -> dict[str, dict[str, str]]:
    cpu = {"cpu.shares": str(limits.cpu_shares), "cpu.cfs_period_us": str(PERIOD)}
    cpu["cpu.cfs_quota_us"] = str(limits.cpu_quota or -1)
    return {"cpu": cpu, "memory": {"memory.limit_in_bytes": str(limits.memory or -1)}, "pids": {}}


def _v2_settings(limits: Limits) -> dict[str, str]:
    return {
        "cpu.weight": str(shares_to_weight(limits.cpu_shares)),
        "cpu.max": f"{limits.cpu_quota or 'max'} {PERIOD}",
        "memory.max": str(limits.memory or "max"),
    }


def shares_to_weight(shares: int) -> int:
    """v1's 2..262144 mapped onto v2's 1..10000, linearly, as runtimes do (KEP-2254)."""
    return 1 + (shares - 2) * 9999 // 262_142


def _create_v2(root: Path, path: str) -> None:
    current = root
    for part in path.split("/"):
        _delegate(current)
        current = current / part
        current.mkdir(exist_ok=True)


def _write(directory: Path, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        with contextlib.suppress(FileNotFoundError):  # a controller that this machine does not have
            (directory / name).write_text(value)


def _delegate(directory: Path) -> None:
    """Enable for the children every controller that is available."""
    available = (directory / "cgroup.controllers").read_text().split()
    wanted = [f"+{name}" for name in _V2_CONTROLLERS if name in available]
    (directory / "cgroup.subtree_control").write_text(" ".join(wanted))


def _remove_tree(directory: Path) -> bool:
    if not directory.is_dir():
        return True
    left = [child for child in directory.iterdir() if child.is_dir() and not _remove_tree(child)]
    try:
        directory.rmdir()
    except FileNotFoundError:
        return not left
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    return not left
