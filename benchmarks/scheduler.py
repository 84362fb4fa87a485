"""The scheduler: its decisions alone, and pods bound through the API server and a store on disk.

Alone, every pod is decided and assumed in turn, as app.py does, and nothing is read or written. Budgets: 1,000 pods/s
at 1,000 nodes, 680 pods/s at 5,000 (upstream's scheduler_perf threshold). Preemption, in a cluster with 30 pods on each
node: at 5,000 nodes no more than 20 ms of the loop at once, in processor time. Prints one JSON line per case.
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
from sampan.cluster.collector import resting
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.machinery.meta import Object
from sampan.machinery.selectors import Selector, from_labels
from sampan.reconcile.clock import SystemClock
from sampan.scheduler.app import Scheduler
from sampan.scheduler.budgets import Budgets
from sampan.scheduler.decision import Decider, Unschedulable
from sampan.scheduler.dry_run import Preemption
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.preemption import Preemptor
from sampan.scheduler.profile import default_profile
from sampan.scheduler.state import ClusterState
from sampan.storage.sqlite import SQLiteStore
from sampan.testing.scheduling import unconnected

ZONES = 3
PER_NODE, WORKLOADS, PREEMPTORS = 30, 1000, 10


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


def full_cluster(nodes: int) -> ClusterState:
    """Of less important pods of a thousand workloads, each apart from its own; a node has room for two more."""
    state = ClusterState()
    for number in range(nodes):
        state.put_node(node(number))
    for number in range(nodes * PER_NODE):
        there = pod(number)
        there["metadata"]["labels"] = {"app": f"app-{number // PER_NODE % WORKLOADS}"}
        apart(there)["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1", "memory": "1Gi"}}
        there["status"] = {"startTime": f"2026-01-01T00:{number % 60:02}:00Z"}
        state.put_pod(PodInfo(there), f"node-{number % nodes}")
    return state


def spent_budgets() -> Budgets:
    """One for each workload, none of which allows a disruption: every node has to be tried."""
    budgets = Budgets()
    for number in range(WORKLOADS):
        selector = {"matchLabels": {"app": f"app-{number}"}}
        meta = {"name": f"budget-{number}", "namespace": "default"}
        budgets.changed(None, {"metadata": meta, "spec": {"selector": selector}, "status": {"disruptionsAllowed": 0}})
    return budgets


def important(number: int) -> Object:
    """A pod that has six others go."""
    obj = pod(number)
    obj["metadata"] |= {"name": f"important-{number}", "labels": {"app": "important"}}
    obj["spec"] |= {"priority": 1000}
    obj["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "8"}}
    return obj


def apart(obj: Object) -> Object:
    """The same, on a node of its own."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": obj["metadata"]["labels"]}}
    obj["spec"]["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return obj


async def preempt(
    case: str, state: ClusterState, budgets: Budgets, prepare: Callable[[Object], Object] = lambda obj: obj
) -> None:
    """Ten pods in turn make room: the first of its kind and those after it, from their decision to their victims."""
    nominations, chance = Nominations(), Random(1)
    decider = Decider(state, default_profile(unconnected()), chance, nominations)
    preemptor = Preemptor(state, decider, nominations, budgets, chance)
    holds = Holds()
    ticking = asyncio.create_task(holds.tick())
    start = time.thread_time()
    for number in range(PREEMPTORS):
        new = PodInfo(prepare(important(number)))
        if decider.is_new(new):
            await decider.look_ahead(new)
        failure = decider.decide(new)
        found = await preemptor.find(new, failure) if isinstance(failure, Unschedulable) else failure
        if not isinstance(found, Preemption):
            raise SystemExit(f"{case}: {found}")
        nominations.put(new, found.node)
        await asyncio.sleep(0)
    each = (time.thread_time() - start) / PREEMPTORS
    ticking.cancel()
    figures = {"milliseconds": round(each * 1e3), "longest_hold_milliseconds": round(holds.longest * 1e3, 1)}
    print(json.dumps({"benchmark": f"scheduler.preemption.{case}", "nodes": len(state.nodes), **figures}), flush=True)


class Holds:
    """For how much of the processor's time nobody else had a turn."""

    longest = 0.0

    async def tick(self) -> None:
        """Until cancelled."""
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            self.longest = max(self.longest, time.thread_time() - before)


async def preemptions(nodes: int) -> None:
    """All cases, in one cluster, which none of them changes."""
    with resting():
        state = full_cluster(nodes)
    await preempt("plain", state, Budgets())
    await preempt("spread_constraints", state, Budgets(), spread)
    await preempt("anti_affinity", state, Budgets(), apart)
    await preempt("spent_budgets", state, spent_budgets())


def main() -> None:
    uvloop.run(bind_pods(1000, 1000))
    for nodes in (1000, 5000):
        measure("plain", nodes, 3000, lambda info: None)
        measure("default_spreading", nodes, 2000, owner)
        measure("spread_constraints", nodes, 500, lambda info: None, spread)
    uvloop.run(preemptions(5000))


if __name__ == "__main__":
    main()
