"""/stats/summary: what the node and its pods use, in the form of k8s.io/kubelet/pkg/apis/stats/v1alpha1.

Of pods, network and volumes are not known.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.endpoints.answers import NOT_FOUND, HTTPError, document
from sampan.kubelet.endpoints.finding import Pods
from sampan.kubelet.endpoints.rates import Rates
from sampan.kubelet.endpoints.usage import (
    ContainerUsage,
    Disk,
    Interface,
    MachineUsage,
    Memory,
    read_usage,
    started_at,
)
from sampan.kubelet.podspec import uid_of
from sampan.machinery.meta import Object, format_time
from sampan.transport.messages import Reply, Request


class Summary:
    """The endpoint of one kubelet."""

    def __init__(self, context: KubeletContext, pods: Pods) -> None:
        self._context, self._pods, self._rates = context, pods, Rates()

    async def serve(self, request: Request, rest: Sequence[str]) -> Reply:
        """/stats/summary; raises HTTPError, CRIError."""
        if list(rest) != ["summary"]:
            raise HTTPError(404, NOT_FOUND)
        only = parse_qs(request.raw_query).get("only_cpu_and_memory", [""])[-1] == "true"
        config, now = self._context.config, self._context.clock.now()
        machine, containers = await read_usage(config, self._context.cri)
        nanoseconds = round(now.timestamp() * 1e9)
        rates = self._rates.take({"": (nanoseconds, machine.cpu), **{c.id: (c.at, c.cpu) for c in containers}})
        node = _node(config.node_name, machine, rates.get(""), now)
        pods = [_pod(pod, containers, rates, machine.disk, config.log_dir, now) for pod in self._pods()]
        if only:
            node, pods = _reduced(node), [_reduced(pod) for pod in pods]
        return document({"node": node, "pods": pods})


def _reduced(stats: Object) -> Object:
    kept = {"nodeName", "podRef", "startTime", "cpu", "memory", "containers", "name"}
    return {
        name: [_reduced(one) for one in value] if name == "containers" else value
        for name, value in stats.items()
        if name in kept
    }


def _node(name: str, machine: MachineUsage, rate: int | None, now: datetime) -> Object:
    time = format_time(now)
    disk = {"time": time, **_disk(machine.disk, machine.disk.capacity - machine.disk.available)}
    return {
        "nodeName": name,
        "startTime": format_time(datetime.fromtimestamp(machine.booted, UTC)),
        "cpu": _cpu(machine.cpu, rate, time),
        "memory": _memory(machine.memory, time),
        "network": _network(machine.interfaces, time),
        "fs": disk,
        "runtime": {"imageFs": disk, "containerFs": disk},
        "rlimit": {"time": time, "maxpid": machine.max_processes, "curproc": machine.processes},
    }


def _pod(
    pod: Object,
    everything: Sequence[ContainerUsage],
    rates: dict[str, int],
    disk: Disk,
    log_dir: Path,
    now: datetime,
) -> Object:
    meta, time = pod["metadata"], format_time(now)
    found = [one for one in everything if one.uid == uid_of(pod)]
    place = log_dir / f"{meta['namespace']}_{meta['name']}_{meta['uid']}"
    containers = [_container(pod, one, rates.get(one.id), disk, _size(place / one.name), time) for one in found]
    used = sum(c["rootfs"]["usedBytes"] + c["logs"]["usedBytes"] for c in containers)
    rate = sum(rates[one.id] for one in found) if all(one.id in rates for one in found) else None
    return {
        "podRef": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
        "startTime": (pod.get("status") or {}).get("startTime") or time,
        "containers": containers,
        "cpu": _cpu(sum(one.cpu for one in found), rate, time),
        "memory": _memory(_sum([one.memory for one in found]), time),
        "ephemeral-storage": {"time": time, **_disk(disk, used)},
    }


def _container(pod: Object, one: ContainerUsage, rate: int | None, disk: Disk, log_bytes: int, time: str) -> Object:
    rootfs = {"time": time, **_disk(disk, one.layer_bytes), "inodesUsed": one.layer_inodes}
    return {
        "name": one.name,
        "startTime": started_at(pod, one.name) or time,
        "cpu": _cpu(one.cpu, rate, time),
        "memory": _memory(one.memory, time),
        "rootfs": rootfs,
        "logs": {"time": time, **_disk(disk, log_bytes)},
    }


def _cpu(nanoseconds: int, rate: int | None, time: str) -> Object:
    known = {} if rate is None else {"usageNanoCores": rate}
    return {"time": time, **known, "usageCoreNanoSeconds": nanoseconds}


def _memory(memory: Memory, time: str) -> Object:
    known = {} if memory.available is None else {"availableBytes": memory.available}
    return {
        "time": time,
        **known,
        "usageBytes": memory.usage,
        "workingSetBytes": memory.working_set,
        "rssBytes": memory.rss,
        "pageFaults": memory.faults,
        "majorPageFaults": memory.major_faults,
    }


def _sum(memories: Sequence[Memory]) -> Memory:
    return Memory(
        usage=sum(m.usage for m in memories),
        working_set=sum(m.working_set for m in memories),
        rss=sum(m.rss for m in memories),
        faults=sum(m.faults for m in memories),
        major_faults=sum(m.major_faults for m in memories),
    )


def _network(interfaces: Sequence[Interface], time: str) -> Object:
    """The first interface that leads out, and all but loopback."""
    known = [_interface(one) for one in interfaces if one.name != "lo"]
    return {"time": time, **(known[0] if known else {"name": ""}), "interfaces": known}


def _interface(one: Interface) -> Object:
    return {
        "name": one.name,
        "rxBytes": one.rx_bytes,
        "rxErrors": one.rx_errors,
        "txBytes": one.tx_bytes,
        "txErrors": one.tx_errors,
    }


def _disk(disk: Disk, used: int) -> Object:
    return {
        "availableBytes": disk.available,
        "capacityBytes": disk.capacity,
        "usedBytes": used,
        "inodesFree": disk.inodes_free,
        "inodes": disk.inodes,
        "inodesUsed": disk.inodes - disk.inodes_free,
    }


def _size(directory: Path) -> int:
    try:
        with os.scandir(directory) as found:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in found)
    except FileNotFoundError:
        return 0
