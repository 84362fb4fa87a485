"""Images as volumes, on a real node."""

import asyncio
from pathlib import Path

import pytest

from sampan.kubelet.app import Kubelet
from sampan.kubelet.mounting import mounted_below
from tests.kubelet.rig import BUSYBOX, Rig, container, eventually
from tests.kubelet.runs import run

pytestmark = [pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


def mounting(policy: str, **mount: object) -> dict[str, object]:
    image = {"reference": BUSYBOX, "pullPolicy": policy}
    return {"volumes": [{"name": "v", "image": image}], "mount": [{"name": "v", "mountPath": "/image", **mount}]}


def _is_left(directory: Path) -> bool:
    return directory.exists() or bool(mounted_below(directory, Path("/proc/self/mountinfo").read_text()))


@pytest.mark.parametrize(("more", "page"), [({}, "www/index.html"), ({"subPath": "www"}, "index.html")])
async def test_an_image_is_there_and_stays_as_it_is(rig: Rig, node: Kubelet, more: dict[str, str], page: str) -> None:
    given = mounting("IfNotPresent", readOnly=True, **more)
    name = f"reads-{len(more)}"
    script = (
        f"cat /image/{page}",
        "touch /image/new 2>/dev/null || echo not written",
        "/image/bin/busybox true 2>/dev/null || echo not executed",
    )
    spec = {"volumes": given["volumes"]}
    told = await run(rig, node, name, *script, spec=spec, volumeMounts=given["mount"])
    assert told == "hi\nnot written\nnot executed\n"
    pod = next(pod for pod in node.pods() if pod["metadata"]["name"] == name)
    await rig.delete(name)
    directory = rig.directory / "kubelet" / "pods" / pod["metadata"]["uid"]

    async def gone() -> bool:
        return not await asyncio.to_thread(_is_left, directory)

    await eventually(gone)
    assert not node.services.volumes.images_in_use


async def test_an_image_that_can_not_be_had_keeps_the_pod_waiting(rig: Rig, node: Kubelet) -> None:
    given = mounting("Never")
    given["volumes"][0]["image"]["reference"] = "registry.example/absent:1"  # type: ignore[index]
    spec = {"volumes": given["volumes"], "containers": [container("true", volumeMounts=given["mount"])]}
    await rig.create("lacks", spec)
    told = await rig.told("lacks", "FailedMount")
    assert 'volume "v" : Container image "registry.example/absent:1" is not present with pull policy of Never' in told
    await rig.delete("lacks")
