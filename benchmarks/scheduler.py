"""The scheduler: its decisions alone, and pods bound through the API server and a store on disk.

Alone, every pod is decided and assumed in turn, as app.py does, and nothing is read or written. Budgets: 1,000 pods/s
at 1,000 nodes, 680 pods/s at 5,000 (upstream's scheduler_perf threshold). Prints one JSON line per case.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import uvloop
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.client.api import Client
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.meta import Object
from sampan.machinery.selectors import Selector, from_labels
from sampan.reconcile.clock import SystemClock
from sampan.scheduler.app import Scheduler
from sampan.scheduler.decision import Decider, Unschedulable
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.profile import default_profile
from sampan.scheduler.state import ClusterState
from sampan.storage.sqlite import SQLiteStore
from sampan.testing.scheduling import unconnected

ZONES = 3


def node(number: int) -> Object:
    """A node with room for many pods."""
    return {
        "metadata": {
            "name": f"node-{number}",
            "labels": {
                "kubernetes.io/hostname": f"node-{number}",
                "topology.kubernetes.io/zone": f"zone-{number % ZONES}",
            },
        },
        "spec": {},
        "status": {"allocatable": {"cpu": "32", "memory": "128Gi", "pods": "110"}},
    }


def pod(number: int) -> Object:
    """A pod of one of ten workloads."""
    container = {"name": "main", "image": "app", "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}}}
    return {
        "metadata": {"name": f"pod-{number}", "namespace": "default", "labels": {"app": f"app-{number % 10}"}},
        "spec": {"containers": [container]},
    }


def spread(constrained: Object) -> Object:
    """The same, to be spread over zones and hosts."""
    selector = {"matchLabels": constrained["metadata"]["labels"]}
    constrained["spec"]["topologySpreadConstraints"] = [
        {"topologyKey": key, "maxSkew": 5, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return constrained


def owner(info: PodInfo) -> Selector:
    """As if each workload had a Service."""
    return from_labels(info.labels)


def measure(
    case: str,
    nodes: int,
    pods: int,
    owner_selector: Callable[[PodInfo], Selector | None],
    prepare: Callable[[Object], Object] = lambda obj: obj,
) -> None:
    """Schedule pods onto an empty cluster."""
    state = ClusterState()
    for number in range(nodes):
        state.put_node(node(number))
    decider = Decider(state, default_profile(unconnected(owner_selector)), Random(1))
    waiting = [prepare(pod(number)) for number in range(pods)]
    start = time.perf_counter()
    for obj in waiting:
        info = PodInfo(obj)
        place = decider.decide(info)
        if isinstance(place, Unschedulable):
            raise SystemExit(place.message())
        state.assume(info, place)
    rate = pods / (time.perf_counter() - start)
    report(case, nodes, rate)


def report(case: str, nodes: int, rate: float) -> None:
    """One JSON line."""
    print(json.dumps({"benchmark": f"scheduler.{case}", "nodes": nodes, "pods_per_second": round(rate)}), flush=True)


async def bind_pods(nodes: int, pods: int) -> None:
    """Pods that wait when the scheduler starts, until all are bound: durable, in one process, API server and all."""
    with tempfile.TemporaryDirectory(prefix="sampan-bench-", dir=Path.cwd()) as folder:
        store = await SQLiteStore.open(Path(folder) / "state.db")
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        server = APIServer(APIServerConfig(store=store, service_account_key=pem))
        await server.start()
        client = server.local_client()
        await fill(client, nodes, pods)
        report("bound", nodes, await time_bindings(client, pods))
        await server.stop()
        await store.close()


async def fill(client: Client, nodes: int, pods: int) -> None:
    """Nodes that are ready, and pods without one."""
    await client.create(SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})
    for number in range(nodes):
        obj = node(number)
        name, status = obj["metadata"]["name"], obj["status"]
        await client.create(NODE, obj)
        await client.patch(NODE, name, {"status": status}, subresource="status")
        await client.patch(NODE, name, {"spec": {"taints": None}})
    await asyncio.gather(*(client.create(POD, pod(number)) for number in range(pods)))


async def time_bindings(client: Client, pods: int) -> float:
    """Pods bound per second."""
    scheduler = Scheduler(client, SystemClock())
    bound = 0
    revision = (await client.list(POD)).resource_version
    async with asyncio.TaskGroup() as group, client.watch(POD, resource_version=revision) as events:
        start = time.perf_counter()
        running = group.create_task(scheduler.run())
        async for event in events:
            bound += bool(event.object["spec"].get("nodeName"))
            if bound == pods:
                break
        elapsed = time.perf_counter() - start
        running.cancel()
    return pods / elapsed


def main() -> None:
    uvloop.run(bind_pods(1000, 1000))
    for nodes in (1000, 5000):
        measure("plain", nodes, 3000, lambda info: None)
        measure("default_spreading", nodes, 2000, owner)
        measure("spread_constraints", nodes, 500, lambda info: None, spread)


if __name__ == "__main__":
    main()
