"""Our scheduler beside kube-scheduler, each on its own API server: pods a second from creation to binding.

The workloads are those of upstream's scheduler_perf. Each starts with fresh servers and so many nodes; pods are created
as fast as 32 connections go, and followed by a watch until all are bound. Ours is one process (`sampan up
--control-plane-only`, no controllers), theirs are kube-apiserver, etcd and kube-scheduler, held to no rate; all with
TLS and durable. Prints one JSON line for each workload: pods a second, and processor seconds for a thousand pods.

    python -m benchmarks.scheduler_peer --nodes 1000 --pods 1000 basic spread_required
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import uvloop
import yaml

from benchmarks import api, stall
from benchmarks.peer import Server, built_etcd, launched, process, ready
from benchmarks.stall import answered, opened
from tests.conformance import programs

CONNECTIONS, ZONES = 32, 3
PATIENCE = 600.0  # seconds
PODS = f"{api.CORE}/default/pods"
NODE, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
Pod = dict[str, Any]


def node(number: int) -> dict[str, Any]:
    """As scheduler_perf's: room for 110 pods."""
    labels = {NODE: f"node-{number}", ZONE: f"zone-{number % ZONES}"}
    status = {"allocatable": {"cpu": "32", "memory": "128Gi", "pods": "110"}}
    return {"metadata": {"name": f"node-{number}", "labels": labels}, "status": status}


def plain(number: int, **spec: Any) -> Pod:
    """SchedulingBasic."""
    container = {"name": "main", "image": "app", "resources": {"requests": {"cpu": "100m", "memory": "500Mi"}}}
    meta = {"name": f"pod-{number}", "labels": {"app": "bench"}}
    return {"metadata": meta, "spec": {"containers": [container], **spec}}


def spread(when: str, number: int) -> Pod:
    """TopologySpreading and PreferredTopologySpreading."""
    selector = {"matchLabels": {"app": "bench"}}
    constraint = {"topologyKey": ZONE, "maxSkew": 5, "whenUnsatisfiable": when, "labelSelector": selector}
    return plain(number, topologySpreadConstraints=[constraint])


def apart(number: int, *, required: bool) -> Pod:
    """SchedulingPodAntiAffinity and its preferred form: ten groups, whose pods want nodes of their own."""
    group = f"group-{number % 10}"
    term: dict[str, Any] = {"topologyKey": NODE, "labelSelector": {"matchLabels": {"group": group}}}
    anti: dict[str, Any] = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    if not required:
        anti = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}
    made = plain(number, affinity={"podAntiAffinity": anti})
    made["metadata"]["labels"]["group"] = group
    return made


def daemon(nodes: int, number: int) -> Pod:
    """SchedulingDaemonset: each pod names its node."""
    field = {"key": "metadata.name", "operator": "In", "values": [f"node-{number % nodes}"]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return plain(number, affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}})


WORKLOADS: dict[str, Callable[[int, int], Pod]] = {
    "basic": lambda nodes, number: plain(number),
    "spread_required": lambda nodes, number: spread("DoNotSchedule", number),
    "spread_preferred": lambda nodes, number: spread("ScheduleAnyway", number),
    "anti_affinity_required": lambda nodes, number: apart(number, required=True),
    "anti_affinity_preferred": lambda nodes, number: apart(number, required=False),
    "daemon_set": daemon,
    "unschedulable": lambda nodes, number: plain(number),
}
HOPELESS = 200  # pods that fit nowhere, there before the others of "unschedulable"


@contextmanager
def ours() -> Iterator[tuple[Server, bytes]]:
    """A control plane of ours; and the PEM by which to ask it."""
    with tempfile.TemporaryDirectory() as name:
        place = os.environ | {"SAMPAN_HOME": name, "KUBECONFIG": f"{name}/config"}
        base = [sys.executable, "-m", "sampan.cli.app"]
        more = ["--control-plane-only", "--disable-controller-manager", "--disable-admission-plugins", "ServiceAccount"]
        subprocess.run([*base, "up", "--name", "b", *more], check=True, env=place, stdout=subprocess.DEVNULL)
        try:
            said = yaml.safe_load(Path(name, "config").read_text())
            user = said["users"][0]["user"]
            pem = b"".join(b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key"))
            port = int(said["clusters"][0]["cluster"]["server"].rpartition(":")[2])
            yield Server(port, [int(Path(name, "b", "server.pid").read_text().split()[0])]), pem
        finally:
            subprocess.run([*base, "delete", "--name", "b"], check=True, env=place, stdout=subprocess.DEVNULL)


@contextmanager
def theirs(binaries: programs.Programs, etcd: Path) -> Iterator[tuple[Server, bytes]]:
    """kube-apiserver on etcd, and kube-scheduler."""
    with launched(binaries["kube-apiserver"], etcd) as server, tempfile.TemporaryDirectory() as name:
        uvloop.run(ready(server.port))
        cluster = {"server": f"https://127.0.0.1:{server.port}", "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": api.TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        Path(name, "config").write_text(yaml.safe_dump(config))
        flags = [f"--kubeconfig={name}/config", "--leader-elect=false", "--secure-port=0"]
        flags += ["--kube-api-qps=5000", "--kube-api-burst=5000"]
        with process([binaries["kube-scheduler"], *flags], Path(name, "log")) as scheduler:
            yield Server(server.port, [*server.pids, scheduler]), b""


async def send(port: int, requests: Iterator[bytes]) -> None:
    """All of them, by several connections; each has to succeed."""

    async def some() -> None:
        reader, writer = await opened(port)
        for request in requests:
            writer.write(request)
            status = await answered(reader)
            assert status < 300, (status, request[:2000])
        writer.close()

    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))


async def bound(port: int, wanted: int, following: asyncio.Event) -> None:
    """Until so many pods have a node. A server that finds us too slow ends the watch: the next one begins with all."""
    found: set[str] = set()
    while len(found) < wanted:
        reader, writer = await opened(port)
        with closing(writer), suppress(asyncio.IncompleteReadError):
            writer.write(api.http("GET", f"{PODS}?watch=true"))
            await reader.readuntil(b"\r\n\r\n")
            following.set()
            await follow(reader, wanted, found)


async def follow(reader: asyncio.StreamReader, wanted: int, found: set[str]) -> None:
    """Read a watch until enough is found, or it ends."""
    rest = b""
    while len(found) < wanted and (size := await reader.readline()).strip() not in (b"", b"0"):
        rest += (await reader.readexactly(int(size, 16) + 2))[:-2]
        *lines, rest = rest.split(b"\n")
        for pod in (orjson.loads(line)["object"] for line in lines):
            if pod["spec"].get("nodeName"):
                found.add(pod["metadata"]["name"])


async def run(server: Server, workload: str, nodes: int, pods: int) -> dict[str, float]:
    """One workload on servers that have nothing yet."""
    create = partial(api.http, "POST")
    await send(server.port, (create("/api/v1/nodes", node(number)) for number in range(nodes)))
    untaint = partial(api.http, "PATCH", content="application/merge-patch+json")
    body = {"spec": {"taints": None}}  # admission has tainted it as not ready
    await send(server.port, (untaint(f"/api/v1/nodes/node-{number}", body) for number in range(nodes)))
    if workload == "unschedulable":
        hopeless = (plain(number, nodeSelector={"no": "where"}) for number in range(-HOPELESS, 0))
        await send(server.port, (create(PODS, pod) for pod in hopeless))
    bodies = [create(PODS, WORKLOADS[workload](nodes, number)) for number in range(pods)]
    following = asyncio.Event()
    async with asyncio.timeout(PATIENCE):
        waiting = asyncio.create_task(bound(server.port, pods, following))
        await following.wait()
        busy, began = server.busy(), time.perf_counter()
        await send(server.port, iter(bodies))
        await waiting
    took, busy = time.perf_counter() - began, server.busy() - busy
    return {"pods_per_second": round(pods / took), "cpu_s_per_1000": round(busy * 1000 / pods, 2)}


def measured(place: Any, workload: str, nodes: int, pods: int) -> dict[str, float]:
    """The figures of one side."""
    with place as (server, pem), tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(pem)
        file.flush()
        if pem:
            os.environ[stall.CERTIFICATE] = file.name
        stall.context.cache_clear()
        try:
            return uvloop.run(run(server, workload, nodes, pods))
        finally:
            os.environ.pop(stall.CERTIFICATE, None)


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], default=[])
    arguments = parser.parse_args(words)
    binaries = etcd = None
    if shutil.which("go"):
        binaries, etcd = programs.ensure(["kube-apiserver", "kube-scheduler"]), built_etcd()
    else:
        print("the peer is built with Go (https://go.dev/dl), which is not in PATH", file=sys.stderr)
    for workload in arguments.workloads or WORKLOADS:
        size = (workload, arguments.nodes, arguments.pods)
        told = {"benchmark": f"scheduler_peer.{workload}", "nodes": arguments.nodes, "pods": arguments.pods}
        figures = {"sampan": measured(ours(), *size)}
        if binaries and etcd:
            figures["kube_scheduler"] = measured(theirs(binaries, etcd), *size)
        print(json.dumps({**told, **figures}), flush=True)


if __name__ == "__main__":
    main()
