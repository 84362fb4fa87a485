"""Ending containers and clearing away pods: preStop, TERM, KILL; sandbox, cgroup, volumes, logs.

Called by worker.py.
"""

import asyncio
import logging
import shutil

from sampan.kubelet import cgroups
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.handlers import Target
from sampan.kubelet.hooks import HookFailed, hook_of, run_hook
from sampan.kubelet.podspec import grace_period
from sampan.kubelet.records import PodRuntime
from sampan.kubelet.resources import cgroup_parent
from sampan.machinery.meta import Object

log = logging.getLogger(__name__)

MIN_GRACE = 2  # seconds that every container gets, also where its preStop hook has used up the grace period
CGROUP_TRIES, CGROUP_WAIT = 20, 0.05  # the kernel needs a moment after the last process


async def end_container(
    context: KubeletContext, pod: Object, spec: Object | None, identity: str, pod_ip: str, grace: int | None = None
) -> None:
    """preStop and TERM within the grace period, then KILL; returns when it has ended. Raises CRIError."""
    grace = grace_period(pod) if grace is None else grace
    hook = hook_of(spec, "preStop") if spec else None
    if hook is not None and spec is not None and grace > 0:
        began = context.clock.monotonic()
        try:
            await run_hook(hook, Target(spec, identity, pod_ip), context.handlers, grace)
        except HookFailed as error:
            context.tell(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", spec["name"])
            log.info("the preStop hook of %s in %s failed: %s", spec["name"], pod["metadata"]["name"], error)
        grace = round(grace - (context.clock.monotonic() - began))
    await context.cri.stop_container(identity, max(grace, MIN_GRACE))


async def release_resources(context: KubeletContext, pod: Object) -> None:
    """Volumes and the pod's cgroup, after the last container has ended; raises OSError."""
    await context.volumes.tear_down(pod["metadata"]["uid"])
    if not context.config.systemd_cgroup:
        await remove_cgroup(context, cgroup_parent(pod, context.config.cgroup_root, False))


async def remove_cgroup(context: KubeletContext, path: str) -> None:
    """Remove a cgroup, waiting a moment for processes that are about to be gone."""
    for _ in range(CGROUP_TRIES):
        if await asyncio.to_thread(cgroups.remove, path):
            return
        await context.clock.sleep(CGROUP_WAIT)
    log.warning("the cgroup %s is still in use", path)


async def forget_pod(context: KubeletContext, pod: Object, runtime: PodRuntime) -> None:
    """Remove the runtime's records and the logs of a pod that is gone."""
    for sandbox in runtime.sandboxes:
        try:
            await context.cri.remove_sandbox(sandbox.id)
        except CRIError as error:  # housekeeping comes back to it
            log.warning("the sandbox %s could not be removed: %s", sandbox.id, error)
    meta = pod["metadata"]
    logs = context.config.pod_log_dir(meta["namespace"], meta["name"], meta["uid"])
    await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)
