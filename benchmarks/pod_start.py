"""How long a pod takes from creation to Running, beside what the container runtime alone takes for the same.

The whole way: API server on SQLite, scheduler, kubelet, containerd. Alone: the four calls to CRI that make one
container run with a network, with nothing else in between. The image is present; one pod after the other; alternating,
so that both see the same machine.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from sampan.kinds.core.node import KIND as NODE_KIND
from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.cri import CRI
from sampan.reconcile.clock import SystemClock
from sampan.scheduler.app import Scheduler
from sampan.storage.sqlite import SQLiteStore
from tests.kubelet.rig import BUSYBOX, NODE, Rig, container, is_running

PODS = 20
FOREVER = "trap 'exit 0' TERM; while true; do sleep 1; done"


def main() -> None:
    """Print one JSON line."""
    print(json.dumps({"benchmark": "pod_start", **uvloop.run(measure())}), flush=True)


async def measure() -> dict[str, object]:
    """Milliseconds, each as p50 and p90 over PODS pods."""
    rig = Rig(Path(tempfile.mkdtemp(prefix="sampan-bench-")))
    store = await SQLiteStore.open(rig.directory / "store.db")
    await rig.open(store)
    try:
        async with rig.kubelet():
            scheduling = asyncio.ensure_future(Scheduler(rig.client, SystemClock()).run(asyncio.Event()))
            await rig.client.patch(NODE_KIND, NODE, {"spec": {"taints": None}})  # no controller here takes them away
            pods, alone = await alternate(rig)
            scheduling.cancel()
            await asyncio.gather(scheduling, return_exceptions=True)
    finally:
        await rig.close()
        await store.close()
    return {"pods": PODS, **figures("pod_running", pods), **figures("cri_alone", alone)}


async def alternate(rig: Rig) -> tuple[list[float], list[float]]:
    """Seconds of each pod, and of each container made through CRI alone."""
    cri = rig.cri()
    try:
        await one_alone(rig, cri, 1000)  # the first of each kind pays for caches
        await one_pod(rig, 1000)
        pods, alone = [], []
        for number in range(PODS):
            alone.append(await one_alone(rig, cri, number))
            pods.append(await one_pod(rig, number))
        return pods, alone
    finally:
        await cri.close()


async def one_pod(rig: Rig, number: int) -> float:
    """From the create call to the watch event that says Running."""
    began = time.perf_counter()
    await rig.create(f"pod-{number}", {"nodeName": None, "containers": [container(FOREVER)]})
    await rig.until(f"pod-{number}", is_running)
    return time.perf_counter() - began


async def one_alone(rig: Rig, cri: CRI, number: int) -> float:
    """RunPodSandbox, PodSandboxStatus, CreateContainer, StartContainer."""
    began = time.perf_counter()
    metadata = pb.PodSandboxMetadata(name=f"alone-{number}", uid=f"alone-{number}", namespace="bench")
    config = pb.PodSandboxConfig(metadata=metadata, hostname="alone", log_directory=str(rig.directory / "alone"))
    sandbox = await cri.run_sandbox(config)
    await cri.sandbox_status(sandbox)
    spec = pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name="main"),
        image=pb.ImageSpec(image=BUSYBOX),
        command=["sh", "-c", FOREVER],
        log_path="main.log",
    )
    await cri.start_container(await cri.create_container(sandbox, spec, config))
    return time.perf_counter() - began


def figures(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p90 in milliseconds."""
    deciles = statistics.quantiles(seconds, n=10)
    return {f"{name}_p50_ms": round(1000 * deciles[4], 1), f"{name}_p90_ms": round(1000 * deciles[8], 1)}
