"""Pods that run here although the API does not know them: deleted while no kubelet ran. Called by app.py."""

import asyncio
import logging
import shutil
from pathlib import Path, PurePosixPath

from sampan.kubelet import cgroups
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.resources import orphan_cgroups
from sampan.kubelet.runtime import POD_GRACE
from sampan.kubelet.stop import remove_cgroup

log = logging.getLogger(__name__)

DEFAULT_GRACE = 30


async def remove_orphan(context: KubeletContext, namespace: str, name: str, uid: str) -> None:
    """End its containers as gently as their pod asked, then remove all that is left. Raises CRIError, OSError."""
    log.info("removing the pod %s/%s, which the API no longer has", namespace, name)
    runtime = await context.runtime.pod(uid)
    running = runtime.running()
    graces = [int(c.annotations.get(POD_GRACE, DEFAULT_GRACE)) for c in running]
    stops = (context.cri.stop_container(c.id, grace) for c, grace in zip(running, graces, strict=True))
    for result in await asyncio.gather(*stops, return_exceptions=True):
        if isinstance(result, CRIError):
            log.warning("a container of the orphan %s/%s: %s", namespace, name, result)
    for sandbox in runtime.sandboxes:
        await context.cri.stop_sandbox(sandbox.id)
        await context.cri.remove_sandbox(sandbox.id)
    await remove_traces(context, uid)


async def remove_traces(context: KubeletContext, uid: str) -> None:
    """Remove volumes, cgroups and logs of a pod that has no containers; raises OSError."""
    await context.volumes.tear_down(uid)
    if not context.config.systemd_cgroup:
        for path in orphan_cgroups(uid, context.config.cgroup_root):
            await remove_cgroup(context, path)
    for logs in await asyncio.to_thread(_log_dirs, context.config.log_dir, uid):
        await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)


def pods_on_disk(directory: Path, cgroup_root: str = "") -> set[str]:
    """The uids of pods that have left something below the kubelet's root directory, or a cgroup.

    A sandbox whose making was cut off by the end of a kubelet leaves nothing else: the runtime undoes its own part.
    """
    pods = {entry.name for entry in (directory / "pods").glob("*")}
    logs = {entry.name.rpartition("_")[2] for entry in (directory / "logs").glob("*_*_*")}
    return pods | logs | (pods_with_cgroups(cgroup_root) if cgroup_root.strip("/") else set())


def pods_with_cgroups(cgroup_root: str) -> set[str]:
    """The uids of pods that have a cgroup, whatever their class."""
    parents = {str(PurePosixPath(path).parent) for path in orphan_cgroups("", cgroup_root)}
    names = {name for parent in parents for name in cgroups.children(parent)}
    return {name.removeprefix("pod") for name in names if name.startswith("pod")}


def _log_dirs(directory: Path, uid: str) -> list[Path]:
    return list(directory.glob(f"*_*_{uid}"))
