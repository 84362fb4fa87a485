"""A resize that has to wait is not forgotten by a kubelet that starts anew; nor are images that are volumes."""

import pytest

from tests.kubelet.rig import BUSYBOX, Rig, container, is_ready
from tests.kubelet.test_node_resize import FOREVER, asks, resize, settings, settled, start, told

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


async def test_what_has_no_room_waits_until_another_pod_has_gone_also_over_a_restart(rig: Rig) -> None:
    async with rig.kubelet() as kubelet:
        whole = int(kubelet.services.allocatable()["cpu"]) * 1000
        most, half = f"{whole * 6 // 10}m", f"{whole * 5 // 10 + 1}m"
        await start(rig, "large", asks({"cpu": most}))
        await start(rig, "waits", asks({"cpu": "100m"}))
        changed = await resize(rig, "waits", asks({"cpu": half}))
        pending = await rig.until("waits", lambda pod: told(pod, "PodResizePending") is not None)
        condition = told(pending, "PodResizePending") or {}
        assert condition["reason"] == "Deferred" and condition["observedGeneration"] == 2
        numbers = f"requested: {half[:-1]}, used: {most[:-1]}, capacity: {whole}"
        assert condition["message"] == f"Node didn't have enough resource: cpu, {numbers}"
        assert pending["status"]["containerStatuses"][0]["allocatedResources"] == {"cpu": "100m"}
        assert "Pod resize Deferred: {" in await rig.told("waits", "ResizeDeferred")
    async with rig.kubelet():
        uid = pending["metadata"]["uid"]
        assert (rig.directory / "kubelet" / "pods" / uid / "resources.json").exists()
        still = await rig.until("waits", is_ready)
        assert settings(rig, still, 0)[0] == 102
        await rig.delete("large")
        after = await rig.until("waits", settled(changed["metadata"]["generation"]))
        assert after["status"]["containerStatuses"][0]["resources"] == asks({"cpu": half})
        assert after["status"]["containerStatuses"][0]["restartCount"] == 0
        await rig.delete("waits")


async def test_image_volumes_are_taken_over(rig: Rig) -> None:
    volumes = [{"name": "v", "image": {"reference": BUSYBOX, "pullPolicy": "IfNotPresent"}}]
    loop = container(FOREVER, volumeMounts=[{"name": "v", "mountPath": "/image"}])
    async with rig.kubelet():
        await rig.create("stays", {"volumes": volumes, "containers": [loop]})
        await rig.until("stays", is_ready)
    async with rig.kubelet() as kubelet:
        await kubelet.services.volumes.prepare(await rig.until("stays", is_ready))
        assert len(kubelet.services.volumes.images_in_use) == 1
        await rig.delete("stays")
        assert not kubelet.services.volumes.images_in_use
