"""Pods that are resized while they run, on a real node: what the kernel, the API and a new kubelet have of it."""

import pytest

from sampan.kinds.core.pod import KIND as POD
from sampan.kubelet import cgroups
from sampan.kubelet.app import Kubelet
from sampan.kubelet.resources import cgroup_parent
from sampan.machinery.meta import Object
from tests.kubelet.rig import Rig, container, is_ready

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]

FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
SMALL = {"cpu": "100m", "memory": "32Mi"}
LARGE = {"cpu": "200m", "memory": "64Mi"}


def asks(requests: Object, limits: Object | None = None) -> Object:
    return {"requests": requests} | ({"limits": limits} if limits else {})


def settings(rig: Rig, pod: Object, index: int | None = None) -> tuple[int, int, int]:
    """CPU shares, quota and the memory limit, of the pod's cgroup or of a container's."""
    path = cgroup_parent(pod, rig.cgroup_root, False).strip("/")
    if index is not None:
        path += "/" + pod["status"]["containerStatuses"][index]["containerID"].removeprefix("containerd://")
    if cgroups.is_v2():
        pytest.skip("what is read here is cgroups v1")
    files = ("cpu/{}/cpu.shares", "cpu/{}/cpu.cfs_quota_us", "memory/{}/memory.limit_in_bytes")
    shares, quota, memory = (int((cgroups.ROOT / file.format(path)).read_text()) for file in files)
    return shares, quota, memory


async def resize(rig: Rig, name: str, *resources: Object) -> Object:
    containers = [{"name": f"c{index}", "resources": one} for index, one in enumerate(resources)]
    patch = {"spec": {"containers": containers}}
    return await rig.client.patch(POD, name, patch, "default", type="strategic", subresource="resize")


def told(pod: Object, type_: str) -> Object | None:
    return next((c for c in pod["status"].get("conditions") or () if c["type"] == type_), None)


def settled(generation: int) -> object:
    def test(pod: Object) -> bool:
        waits = told(pod, "PodResizePending") or told(pod, "PodResizeInProgress")
        return pod["status"].get("observedGeneration", 0) >= generation and waits is None and is_ready(pod)

    return test


async def start(rig: Rig, name: str, *resources: Object, **more: object) -> Object:
    specs = [container(FOREVER) | {"name": f"c{index}", "resources": one} | more for index, one in enumerate(resources)]
    await rig.create(name, {"containers": specs})
    return await rig.until(name, is_ready)


async def test_containers_grow_and_shrink_without_a_restart(rig: Rig, node: Kubelet) -> None:
    before = await start(rig, "grows", asks(SMALL, SMALL), asks(LARGE, LARGE))
    for first, second in ((LARGE, LARGE), (LARGE, SMALL), (SMALL, SMALL)):
        changed = await resize(rig, "grows", asks(first, first), asks(second, second))
        after = await rig.until("grows", settled(changed["metadata"]["generation"]))
        for index, given in enumerate((first, second)):
            status, old = after["status"]["containerStatuses"][index], before["status"]["containerStatuses"][index]
            assert status["resources"] == asks(given, given) and status["allocatedResources"] == given
            assert status["containerID"] == old["containerID"] and status["restartCount"] == 0
            cpu, memory = int(given["cpu"][:-1]), int(given["memory"][:-2]) << 20
            assert settings(rig, after, index) == (cpu * 1024 // 1000, cpu * 100, memory)
        total = sum(int(given["cpu"][:-1]) for given in (first, second))
        assert settings(rig, after)[:2] == (total * 1024 // 1000, total * 100)
    assert "Pod resize started: {" in await rig.told("grows", "ResizeStarted")
    assert '"generation":2' in await rig.told("grows", "ResizeCompleted")
    await rig.delete("grows")


async def test_limits_and_requests_may_come_to_be(rig: Rig, node: Kubelet) -> None:
    await start(rig, "adds", asks({"cpu": "100m"}), asks({"memory": "32Mi"}))
    changed = await resize(rig, "adds", asks({"cpu": "150m"}, {"cpu": "300m"}), asks(SMALL, {"memory": "64Mi"}))
    after = await rig.until("adds", settled(changed["metadata"]["generation"]))
    assert settings(rig, after, 0)[:2] == (153, 30_000) and settings(rig, after, 1)[2] == 64 << 20
    assert after["status"]["containerStatuses"][1]["resources"] == asks(SMALL, {"memory": "64Mi"})
    await rig.delete("adds")


async def test_a_pod_is_resized_as_a_whole(rig: Rig, node: Kubelet) -> None:
    await rig.create("whole", {"resources": asks(SMALL, SMALL), "containers": [container(FOREVER) | {"name": "c0"}]})
    before = await rig.until("whole", is_ready)
    assert before["status"]["resources"] == asks(SMALL, SMALL) and before["status"]["allocatedResources"] == SMALL
    assert settings(rig, before, 0)[1:] == (10_000, 32 << 20)  # the limits of the pod hold for its containers
    patch = {"spec": {"resources": asks(LARGE, LARGE)}}
    changed = await rig.client.patch(POD, "whole", patch, "default", subresource="resize")
    after = await rig.until("whole", settled(changed["metadata"]["generation"]))
    assert settings(rig, after) == (204, 20_000, 64 << 20) and settings(rig, after, 0)[1:] == (20_000, 64 << 20)
    assert after["status"]["resources"] == asks(LARGE, LARGE) and after["status"]["allocatedResources"] == LARGE
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
    await rig.delete("whole")


async def test_a_container_restarts_where_its_policy_says_so(rig: Rig, node: Kubelet) -> None:
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    await start(rig, "restarts", asks(SMALL, SMALL), resizePolicy=policy)
    changed = await resize(rig, "restarts", asks(LARGE, LARGE))
    after = await rig.until("restarts", settled(changed["metadata"]["generation"]))
    status = after["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1 and status["resources"] == asks(LARGE, LARGE)
    assert settings(rig, after, 0) == (204, 20_000, 64 << 20) and settings(rig, after)[2] == 64 << 20
    assert "Container c0 resize requires restart" in await rig.told("restarts", "Killing")
    await rig.delete("restarts")


async def test_a_limit_below_what_is_in_use_is_told_and_not_set(rig: Rig, node: Kubelet) -> None:
    await start(rig, "full", asks({"memory": "1Ki"}, {"memory": "64Mi"}))
    changed = await resize(rig, "full", asks({"memory": "1Ki"}, {"memory": "4Ki"}))
    failed = await rig.until("full", lambda pod: (told(pod, "PodResizeInProgress") or {}).get("reason") == "Error")
    condition = told(failed, "PodResizeInProgress") or {}
    assert condition["observedGeneration"] == changed["metadata"]["generation"]
    assert "cannot decrease memory limits: " in condition["message"] and "below current usage" in condition["message"]
    assert settings(rig, failed, 0)[2] == 64 << 20
    assert '"error":"cannot decrease' in await rig.told("full", "ResizeError")
    back = await resize(rig, "full", asks({"memory": "1Ki"}, {"memory": "64Mi"}))
    await rig.until("full", settled(back["metadata"]["generation"]))
    await rig.delete("full")
