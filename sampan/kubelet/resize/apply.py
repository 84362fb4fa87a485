"""Carrying out the steps of a resize (changes.py), by cgroups and through CRI. Called by operations.py.

What fails is a ResizeError; what has been done by then stays, and the rest is tried again.
"""

import asyncio

from sampan.kubelet import cgroups
from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.records import PodRuntime
from sampan.kubelet.resize.changes import SetPod, Step, decreasing, steps
from sampan.kubelet.resources import PERIOD, Limits, cgroup_parent
from sampan.machinery.meta import Object


class ResizeError(Exception):
    """It can't be done now; str() is what the pod's condition says."""


async def carry_out(context: KubeletContext, pod: Object, runtime: PodRuntime) -> None:
    """Let a pod that runs have what it has been allocated; raises ResizeError."""
    record = context.ledger.record(pod)
    wanted = steps(pod, record, runtime)
    try:
        await _check_memory(context, pod, *decreasing(pod, record, wanted))
        for step in wanted:
            await _do(context, pod, step)
    except (CRIError, OSError) as error:
        raise ResizeError(str(error)) from error


async def _do(context: KubeletContext, pod: Object, step: Step) -> None:
    if isinstance(step, SetPod):
        if not context.config.systemd_cgroup:
            await asyncio.to_thread(cgroups.update, _path(context, pod), step.limits)
        context.ledger.set_cgroup(pod, step.limits)
        return
    await context.cri.update_container(step.id, _resources(step.limits))
    context.ledger.took(pod, step.name, step.resources)


async def _check_memory(
    context: KubeletContext, pod: Object, limit: int, containers: dict[str, tuple[str, int]]
) -> None:
    """Below what is in use there is no limit to be set: the kernel would refuse, or kill."""
    found = []
    if limit and not context.config.systemd_cgroup:
        usage = await asyncio.to_thread(cgroups.memory_usage, _path(context, pod))
        if usage >= limit:
            found.append(f"attempting to set pod memory limit ({limit}) below current usage ({usage})")
    stats = await context.cri.container_stats() if containers else ()
    for one in stats:
        if one.attributes.id not in containers:
            continue
        name, lower = containers[one.attributes.id]
        usage = one.memory.usage_bytes.value or one.memory.working_set_bytes.value
        if usage >= lower:
            told = f'container "{name}" memory limit ({lower}) below current usage ({usage})'
            found.append(f"attempting to set {told}")
    if found:
        listed = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
        raise ResizeError(f"cannot decrease memory limits: {listed}")


def _path(context: KubeletContext, pod: Object) -> str:
    return cgroup_parent(pod, context.config.cgroup_root, False)


def _resources(limits: Limits) -> pb.LinuxContainerResources:
    return pb.LinuxContainerResources(
        cpu_shares=limits.cpu_shares,
        cpu_period=PERIOD,
        cpu_quota=limits.cpu_quota,
        memory_limit_in_bytes=limits.memory,
    )
