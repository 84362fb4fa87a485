"""What survives: a new kubelet adopts what runs, and clears away what the API no longer knows."""

import os
import signal
from datetime import datetime, timedelta

import pytest

from sampan.cluster.processes import find
from sampan.kinds.core.node import KIND as NODE_KIND
from sampan.kinds.core.pod import KIND as POD
from sampan.kubelet import cgroups
from sampan.kubelet.cri import CRIError
from sampan.kubelet.orphans import pods_on_disk
from sampan.kubelet.resources import Limits
from sampan.machinery.meta import Object, parse_time
from sampan.reconcile.clock import SystemClock
from tests.kubelet.rig import NODE, Rig, container, eventually, is_ready, state_of

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"


def container_id(pod: Object) -> str:
    return str(pod["status"]["containerStatuses"][0]["containerID"])


async def test_a_restarted_kubelet_restarts_no_container(rig: Rig) -> None:
    probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 1, "periodSeconds": 1}
    async with rig.kubelet():
        await rig.create("stays", {"containers": [container(FOREVER, readinessProbe=probe)]})
        before = await rig.until("stays", is_ready)
    async with rig.kubelet() as kubelet:
        await rig.client.patch(POD, "stays", {"metadata": {"labels": {"a": "b"}}}, "default")
        after = await rig.until("stays", lambda pod: (pod["metadata"].get("labels") or {}).get("a") == "b")
        assert is_ready(after) and container_id(after) == container_id(before)
        runtime = await kubelet.services.runtime.pod(after["metadata"]["uid"])
        assert len(runtime.containers) == 1 and len(runtime.sandboxes) == 1
        await rig.delete("stays")


async def test_an_exit_while_no_kubelet_ran_is_noticed(rig: Rig) -> None:
    async with rig.kubelet():
        leaves = container("until test -e /tmp/go; do sleep 0.1; done; exit 7")
        await rig.create("leaves", {"restartPolicy": "Never", "containers": [leaves]})
        pod = await rig.until("leaves", is_ready)
        identity = container_id(pod).removeprefix("containerd://")
    cri = rig.cri()
    try:
        await cri.exec_sync(identity, ["touch", "/tmp/go"], 5)
    finally:
        await cri.close()
    async with rig.kubelet():
        pod = await rig.until("leaves", lambda pod: "terminated" in state_of(pod))
        assert state_of(pod)["terminated"]["exitCode"] == 7
        await rig.delete("leaves")


async def test_a_pod_deleted_while_no_kubelet_ran_is_removed(rig: Rig) -> None:
    async with rig.kubelet():
        await rig.create("orphan", {"containers": [container(FOREVER)]})
        pod = await rig.until("orphan", is_ready)
    await rig.client.delete(POD, "orphan", "default", grace_period=0)
    left = rig.directory / "kubelet" / "pods" / "0-left-over" / "volumes"
    left.mkdir(parents=True)
    cgroups.create(f"{rig.cgroup_root}/kubepods/besteffort/pod0-cut-off", Limits(2))
    assert "0-cut-off" in pods_on_disk(rig.directory / "kubelet", rig.cgroup_root)
    async with rig.kubelet() as kubelet:

        async def gone() -> bool:
            runtime = await kubelet.services.runtime.pod(pod["metadata"]["uid"])
            return not runtime.sandboxes and not pods_on_disk(rig.directory / "kubelet", rig.cgroup_root)

        await eventually(gone)


async def test_containers_outlive_containerd(rig: Rig) -> None:
    async with rig.kubelet() as kubelet:
        await rig.create("outlives", {"containers": [container(FOREVER)]})
        before = await rig.until("outlives", is_ready)
        await rig.containerd.stop(remove_containers=False)
        await rig.containerd.ensure_running()

        async def answers() -> bool:
            try:
                await kubelet.cri.version()
            except CRIError:
                return False
            return True

        await eventually(answers)
        runtime = await kubelet.services.runtime.pod(before["metadata"]["uid"])
        assert [c.id for c in runtime.running()] == [container_id(before).removeprefix("containerd://")]
        await rig.delete("outlives")


class ForwardClock(SystemClock):
    """The machine's clock, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


async def test_a_runtime_that_hangs_makes_the_node_not_ready(rig: Rig) -> None:
    clock = ForwardClock()
    (pid,) = find(lambda words: list(words[1:]) == ["--config", str(rig.containerd.config_file)])

    async def ready() -> Object:
        conditions = (await rig.client.get(NODE_KIND, NODE))["status"]["conditions"]
        found: Object = next(c for c in conditions if c["type"] == "Ready")
        return found

    async def says(status: str, *words: str, since: datetime | None = None) -> None:
        async def check() -> bool:
            found = await ready()
            told = parse_time(found["lastHeartbeatTime"])
            late = since is not None and told < since
            return not late and found["status"] == status and all(word in found["message"] for word in words)

        await eventually(check, 30)

    async with rig.kubelet(clock, lease_interval=0.2, status_interval=0.0):
        await says("True", "kubelet is posting ready status")
        os.kill(pid, signal.SIGSTOP)
        try:
            clock.ahead += 20  # reports go on meanwhile: none waits for the runtime
            await says("True", "kubelet is posting ready status", since=clock.now().replace(microsecond=0))
            clock.ahead += 11
            await says("False", "container runtime is down")
            assert (await ready())["reason"] == "KubeletNotReady"
            clock.ahead += 180
            await says("False", "container runtime is down", "PLEG is not healthy: pleg was last seen active 3m")
        finally:
            os.kill(pid, signal.SIGCONT)
        await says("True", "kubelet is posting ready status")
