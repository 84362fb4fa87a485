"""What the machine and its containers use, as numbers: from /proc, the file systems, and CRI. Decides nothing.

Called by summary.py and metrics.py, which put the numbers into their forms.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.cri import CRI
from sampan.kubelet.runtime import POD_NAME, POD_NAMESPACE, POD_UID
from sampan.machinery.meta import Object

_TICK = os.sysconf("SC_CLK_TCK")
_BUSY = slice(0, 3), slice(5, 8)  # of /proc/stat's processor line: user nice system, irq softirq steal


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system, in bytes and inodes."""

    capacity: int
    available: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface since it came up."""

    name: str
    rx_bytes: int
    rx_errors: int
    tx_bytes: int
    tx_errors: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, and page faults since the beginning."""

    usage: int
    working_set: int
    rss: int = 0
    available: int | None = None
    faults: int = 0
    major_faults: int = 0


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """All that runs on this machine, the node's pods among it."""

    cpus: int
    memory_capacity: int
    booted: int  # seconds since 1970
    cpu: int  # nanoseconds since then
    memory: Memory
    interfaces: Sequence[Interface]
    disk: Disk  # where pods and their logs live
    processes: int
    max_processes: int


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """One running container."""

    uid: str  # the pod's
    namespace: str
    pod: str
    name: str
    id: str
    at: int  # nanoseconds since 1970
    cpu: int  # nanoseconds
    memory: Memory
    layer_bytes: int  # what it has written over its image
    layer_inodes: int


def read_machine_usage(config: KubeletConfig) -> MachineUsage:
    """Now; it blocks for some microseconds."""
    stat = {line.split()[0]: line.split()[1:] for line in _lines("/proc/stat")}
    ticks = [int(number) for number in stat["cpu"]]
    info = {name.rstrip(":"): int(value) * 1024 for name, value, *_ in map(str.split, _lines("/proc/meminfo"))}
    return MachineUsage(
        cpus=len(os.sched_getaffinity(0)),
        memory_capacity=info["MemTotal"],
        booted=int(stat["btime"][0]),
        cpu=sum(sum(ticks[part]) for part in _BUSY) * (1_000_000_000 // _TICK),
        memory=_memory(info),
        interfaces=[_interface(line) for line in _lines("/proc/net/dev")[2:]],
        disk=disk_of(config.root_dir),
        processes=int(_lines("/proc/loadavg")[0].split()[3].partition("/")[2]),
        max_processes=int(_lines("/proc/sys/kernel/pid_max")[0]),
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _memory(info: Mapping[str, int]) -> Memory:
    events = {name: int(value) for name, value in map(str.split, _lines("/proc/vmstat"))}
    total, available = info["MemTotal"], info["MemAvailable"]
    return Memory(
        usage=total - info["MemFree"],
        working_set=total - available,
        rss=info.get("AnonPages", 0),
        available=available,
        faults=events.get("pgfault", 0),
        major_faults=events.get("pgmajfault", 0),
    )


def _interface(line: str) -> Interface:
    name, _, numbers = line.partition(":")
    fields = [int(number) for number in numbers.split()]
    return Interface(name.strip(), fields[0], fields[2], fields[8], fields[10])


def disk_of(path: Path) -> Disk:
    """The file system that a path is on; raises OSError."""
    found = os.statvfs(path)
    size = found.f_frsize
    return Disk(found.f_blocks * size, found.f_bavail * size, found.f_files, found.f_ffree)


async def container_usage(cri: CRI) -> list[ContainerUsage]:
    """Of all running containers; raises CRIError."""
    return [_container(entry) for entry in await cri.container_stats()]


def _container(entry: Any) -> ContainerUsage:
    labels: Mapping[str, str] = entry.attributes.labels
    memory = entry.memory
    return ContainerUsage(
        uid=labels.get(POD_UID, ""),
        namespace=labels.get(POD_NAMESPACE, ""),
        pod=labels.get(POD_NAME, ""),
        name=entry.attributes.metadata.name,
        id=entry.attributes.id,
        at=entry.cpu.timestamp,
        cpu=entry.cpu.usage_core_nano_seconds.value,
        memory=Memory(
            usage=memory.usage_bytes.value,
            working_set=memory.working_set_bytes.value,
            rss=memory.rss_bytes.value,
            available=memory.available_bytes.value if memory.HasField("available_bytes") else None,
            faults=memory.page_faults.value,
            major_faults=memory.major_page_faults.value,
        ),
        layer_bytes=entry.writable_layer.used_bytes.value,
        layer_inodes=entry.writable_layer.inodes_used.value,
    )


async def read_usage(config: KubeletConfig, cri: CRI) -> tuple[MachineUsage, list[ContainerUsage]]:
    """Both; raises CRIError."""
    machine = await asyncio.to_thread(read_machine_usage, config)
    return machine, await container_usage(cri)


def started_at(pod: Object, container: str) -> str:
    """When a running container of a pod was started, as its status says; empty where that is not known yet."""
    status = pod.get("status") or {}
    for statuses in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for one in status.get(statuses) or ():
            if one["name"] == container:
                return str(((one.get("state") or {}).get("running") or {}).get("startedAt") or "")
    return ""
