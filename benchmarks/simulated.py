"""A cluster of simulated nodes: how fast pods of Deployments come to run, and what it costs once they do.

Everything is as a user has it: `sampan up --simulate-nodes`, Deployments applied and pods followed over HTTPS, with
controllers held to no rate (upstream's 20 requests a second would be all that is measured). Prints one JSON line.

    python -m benchmarks.simulated --nodes 1000 --pods 30000
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.startup import cpu_seconds, memory_mb
from sampan.client.api import Client
from sampan.client.https import HTTPSTransport
from sampan.client.informer import Informer
from sampan.client.kubeconfig import load as load_kubeconfig
from sampan.cluster.config import load
from sampan.cluster.process import server_pid
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Key, Object, key_of

NAME = "bench"
REPLICAS = 100  # of each Deployment
SETTLE, QUIET = 20.0, 30.0  # seconds
SIMULATION = "apiVersion: simulation.sampan.internal/v1\nkind: Simulation\npods: {start: 0}\n"


@dataclass
class Seen:
    """Pods as a watch shows them, each moment since the beginning."""

    wanted: int
    began: float = field(default_factory=time.perf_counter)
    bound: dict[Key, float] = field(default_factory=dict)
    ready: dict[Key, float] = field(default_factory=dict)
    all_ready: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self, old: Object | None, new: Object | None) -> None:
        """One change."""
        if new is None:
            return
        now = time.perf_counter() - self.began
        if new["spec"].get("nodeName"):
            self.bound.setdefault(key_of(new), now)
        conditions = (new.get("status") or {}).get("conditions") or ()
        if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
            self.ready.setdefault(key_of(new), now)
        if len(self.ready) == self.wanted:
            self.all_ready.set()

    def rate(self) -> float:
        """Pods bound a second, between the first and the last."""
        moments = sorted(self.bound.values())
        return len(moments) / max(moments[-1] - moments[0], 0.001)


def deployment(number: int, replicas: int) -> Object:
    """One of many like it."""
    name = f"web-{number}"
    container = {"name": "main", "image": "web", "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


async def schedulable(client: Client) -> None:
    """Wait until no node is tainted any more as one that has just registered."""
    nodes, changed = Informer(client, NODE), asyncio.Event()
    nodes.on_change(lambda old, new: changed.set())
    async with asyncio.TaskGroup() as group:
        following = group.create_task(nodes.run())
        await nodes.synced()
        while any(node["spec"].get("taints") for node in nodes.items()):
            changed.clear()
            await changed.wait()
        following.cancel()


async def run_pods(kubeconfig: Path, pods: int) -> dict[str, float]:
    """Apply Deployments and wait until all of their pods are ready."""
    client = Client(HTTPSTransport(load_kubeconfig([kubeconfig])))
    began = time.perf_counter()
    await schedulable(client)
    waited = time.perf_counter() - began
    seen, informer = Seen(pods), Informer(client, POD)
    informer.on_change(seen.look)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(informer.run())
        await informer.synced()
        seen.began = time.perf_counter()
        for number, first in enumerate(range(0, pods, REPLICAS)):
            await client.create(DEPLOYMENT, deployment(number, min(REPLICAS, pods - first)))
        await seen.all_ready.wait()
        following.cancel()
    await client.close()
    return {
        "nodes_schedulable_s": round(waited, 2),
        "all_ready_s": round(max(seen.ready.values()), 2),
        "ready_per_s": round(pods / max(seen.ready.values())),
        "bound_per_s": round(seen.rate()),
    }


async def sampan(environment: dict[str, str], *words: str) -> None:
    """Run one subcommand on the benchmark's cluster."""
    command = [sys.executable, "-m", "sampan.cli.app", *words, "--name", NAME]
    done = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    if await done.wait():
        raise SystemExit(f"sampan {words[0]} failed")


async def measure(nodes: int, pods: int) -> dict[str, float]:
    """One cluster's life."""
    with tempfile.TemporaryDirectory(prefix="sampan-bench.") as home:
        file, kubeconfig = Path(home) / "simulation.yaml", Path(home) / "kubeconfig"
        file.write_text(SIMULATION)
        environment = os.environ | {"SAMPAN_HOME": home, "KUBECONFIG": str(kubeconfig)}
        began = time.perf_counter()
        flags = ["--simulate-nodes", str(nodes), "--simulate-config", str(file), "--kube-api-qps=-1"]
        await sampan(environment, "up", *flags, "--listen", "127.0.0.1")
        up = time.perf_counter() - began
        try:
            config = load(Path(home) / NAME)
            pid = server_pid(config) if config else None
            assert pid is not None
            busy = cpu_seconds(pid)
            figures = await run_pods(kubeconfig, pods)
            busy = cpu_seconds(pid) - busy
            idle = await measure_idle(pid)
        finally:
            await sampan(environment, "delete")
    return {"up_s": round(up, 2), **figures, "server_cpu_s": round(busy, 1), **idle}


async def measure_idle(pid: int) -> dict[str, float]:
    """What the server uses while nothing but heartbeats happens."""
    await asyncio.sleep(SETTLE)
    before = cpu_seconds(pid)
    await asyncio.sleep(QUIET)
    used = cpu_seconds(pid) - before
    return {"idle_cpu_percent": round(100 * used / QUIET, 1), "memory_mb": round(memory_mb(pid))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--pods", type=int, default=5000)
    arguments = parser.parse_args()
    figures = uvloop.run(measure(arguments.nodes, arguments.pods))
    what = {"benchmark": "simulated", "nodes": arguments.nodes, "pods": arguments.pods}
    print(json.dumps(what | figures), flush=True)


if __name__ == "__main__":
    main()
