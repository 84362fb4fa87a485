"""Facts about the machine: memory, processors, disk, kernel, identity. Reads /proc, /etc and /sys; decides nothing."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from sampan.kubelet.config import KubeletConfig

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What does not change while the machine is up. Bytes and counts."""

    cpus: int
    memory: int
    disk: int  # of the file system where pods live
    architecture: str  # Go's name
    kernel: str
    os_image: str
    machine_id: str
    system_uuid: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class Pressure:
    """What is left."""

    memory_available: int
    disk_available: int
    disk_capacity: int
    inodes_free: int
    inodes: int
    processes: int
    max_processes: int


def go_architecture() -> str:
    """This machine's architecture in Go's words, which images and labels use."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def read_machine(config: KubeletConfig) -> Machine:
    """This machine."""
    disk = os.statvfs(config.root_dir)
    return Machine(
        cpus=len(os.sched_getaffinity(0)),
        memory=_meminfo()["MemTotal"],
        disk=disk.f_blocks * disk.f_frsize,
        architecture=go_architecture(),
        kernel=platform.release(),
        os_image=_os_image(),
        machine_id=_text("/etc/machine-id"),
        system_uuid=_text("/sys/class/dmi/id/product_uuid") or _text("/etc/machine-id"),
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
    )


def read_pressure(config: KubeletConfig) -> Pressure:
    """What is left now."""
    disk = os.statvfs(config.root_dir)
    return Pressure(
        memory_available=_meminfo()["MemAvailable"],
        disk_available=disk.f_bavail * disk.f_frsize,
        disk_capacity=disk.f_blocks * disk.f_frsize,
        inodes_free=disk.f_ffree,
        inodes=disk.f_files,
        processes=int(_text("/proc/loadavg").split()[3].partition("/")[2]),
        max_processes=int(_text("/proc/sys/kernel/pid_max")),
    )


def _meminfo() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {fields[0].rstrip(":"): int(fields[1]) * (1024 if len(fields) > 2 else 1) for fields in lines}


def _os_image() -> str:
    for line in _text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return "Linux"


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:  # a container or a sandbox may hide it
        return ""
