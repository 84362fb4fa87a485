"""The API server with TLS and SQLite, durable: GET, create, LIST of 10,000 pods, one change to 1,000 watchers.

Prints one JSON line. Needs `wrk`. The server has a process of its own; wrk and the watchers share the other core.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import uvloop

from sampan.apiserver import keys
from sampan.apiserver.admission.configuration import AdmissionConfiguration
from sampan.apiserver.authentication.user import authenticated
from sampan.apiserver.server import APIServer, APIServerConfig
from sampan.apiserver.writes.storing import encode
from sampan.cluster import collector, memory
from sampan.cluster.loop_monitor import Hold, LoopMonitor
from sampan.cluster.pki import PKI
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.secret import KIND as SECRET
from sampan.kinds.rbac.cluster_role_binding import KIND as CLUSTER_ROLE_BINDING
from sampan.storage.sqlite import SQLiteStore

TOKEN = "benchmark"
USERS = {f"user-{number}": authenticated(f"user-{number}", ("benchmarks",)) for number in range(8)}  # not exempt
RIGHTS = {
    "metadata": {"name": "benchmarks"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "benchmarks"}],
}
CORE = "/api/v1/namespaces"
CONFIG_MAPS = f"{CORE}/default/configmaps"
QUIET = f"{CORE}/kube-system/configmaps"  # where nothing else happens
CHANGES = 29  # whose fan-out is measured
PODS = 10_000
MOST_HOLDS = 20  # that are told of

CREATE = """
local made = 0
function request()
  made = made + 1
  local body = string.format('{"metadata":{"name":"c-%%d"},"data":{"key":"%%s"}}', made, string.rep("x", 100))
  local headers = {["Authorization"] = "Bearer %s", ["Content-Type"] = "application/json"}
  return wrk.format("POST", "%s", headers, body)
end
"""


async def serve(folder: Path, pki: dict[str, bytes], pipe: Pipe, pods: int, secrets: int) -> None:
    """A server with so many pods of 3 kB, and Secrets of 100 kB, until the pipe says otherwise; its port goes out
    first."""
    store = await SQLiteStore.open(folder / "store.db")
    await asyncio.gather(*(store.create(keys.storage_key(POD, "load", f"p{i:05}"), pod(i)) for i in range(pods)))
    for number in range(secrets):
        await store.create(keys.storage_key(SECRET, "load", f"s{number:05}"), secret(number))
    config = APIServerConfig(
        store=store,
        service_account_key=pki["sa.key"],
        certificate=pki["apiserver.crt"],
        key=pki["apiserver.key"],
        tokens={TOKEN: authenticated("benchmark", ("system:masters",)), **USERS},
        admission=AdmissionConfiguration(disable=frozenset({"ServiceAccount"})),
    )
    with collector.resting():
        server = APIServer(config)
        await server.start()
    await server.local_client().create(CLUSTER_ROLE_BINDING, RIGHTS)
    pipe.send(server.port)
    holds: list[Hold] = []
    returning = asyncio.ensure_future(memory.give_back())
    with LoopMonitor(holds.append):
        await asyncio.to_thread(pipe.recv)
    returning.cancel()
    for hold in sorted(holds, key=lambda hold: -hold.seconds)[:MOST_HOLDS]:
        print(f"the loop was held for {hold.seconds * 1000:.0f} ms by {hold.place}: {hold.stack}", file=sys.stderr)
    await server.stop(0)
    await store.close()


def pod(number: int) -> bytes:
    """A stored pod of about 3 kB."""
    obj = json.loads((Path(__file__).parent / "pod.json").read_bytes())
    obj["metadata"] |= {"name": f"p{number:05}", "namespace": "load"}
    return encode(obj)


def secret(number: int) -> bytes:
    """A stored Secret of 100 kB."""
    meta = {"name": f"s{number:05}", "namespace": "load", "uid": "x"}
    return encode({"metadata": meta, "type": "Opaque", "data": {"key": "eHh4" * 25_000}})


def run_server(folder: Path, pipe: Pipe, pods: int, secrets: int) -> None:
    """The server's process."""
    memory.configure()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    pki = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".crt", ".key")}
    uvloop.run(serve(folder, pki, pipe, pods, secrets))


def wrk(port: int, path: str, seconds: float, connections: int, script: str = "") -> tuple[float, float]:
    """Requests per second, and the mean latency in milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}", "-H", f"Authorization: Bearer {TOKEN}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command += ["-s", file.name] if script else []
        done = subprocess.run([*command, f"https://127.0.0.1:{port}{path}"], check=True, capture_output=True, text=True)
    if "Non-2xx" in done.stdout and not script:
        raise RuntimeError(done.stdout)
    lines = [line.split() for line in done.stdout.splitlines()]
    rate = next(float(words[1]) for words in lines if words[:1] == ["Requests/sec:"])
    return rate, next(_milliseconds(words[1]) for words in lines if words[:1] == ["Latency"])


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


class Watcher(asyncio.Protocol):
    """One watch: knows when the event of one object has come."""

    def __init__(self, request: bytes) -> None:
        self._request, self._marker = request, b""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.seen: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def expect(self, name: str) -> None:
        """Look out for the object of this name from now on."""
        self._marker = f'"name":"{name}"'.encode()
        self.seen = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if not self.ready.done() and b"initial-events-end" in data:
            self.ready.set_result(None)
        if self._marker and not self.seen.done() and self._marker in data:
            self.seen.set_result(time.perf_counter())


async def fan_out(
    port: int,
    watchers: int,
    collection: str = QUIET,
    typed: Mapping[str, str] = MappingProxyType({}),
    busy: Callable[[], float] = lambda: 0.0,
) -> tuple[float, float]:
    """Milliseconds from the request for a change to the last of its watchers; the median of some changes.

    All the watchers are here, in one process, so half of what is measured is their own decryption. And the processor
    time that one change took the server, in milliseconds, by what `busy` says in seconds.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    query = "watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    path = f"{collection}?{query}"
    loop, watches = asyncio.get_running_loop(), []
    for _ in range(watchers):
        request = http("GET", path)
        _, watch = await loop.create_connection(lambda it=request: Watcher(it), "127.0.0.1", port, ssl=context)  # type: ignore[misc]
        watches.append(watch)
    await asyncio.gather(*(watch.ready for watch in watches))
    writer, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port, ssl=context)
    took, before = [], busy()
    for name in (f"change-{number}" for number in range(CHANGES)):
        change = http("POST", collection, {**typed, "metadata": {"name": name}})
        took.append(await _one_change(writer, watches, name, change))
    spent = busy() - before
    for watch in watches:
        watch.transport.close()
    writer.close()
    return statistics.median(took) * 1000, spent * 1000 / CHANGES


async def _one_change(writer: asyncio.Transport, watches: list[Watcher], name: str, change: bytes) -> float:
    for watch in watches:
        watch.expect(name)
    began = time.perf_counter()
    writer.write(change)
    return max(await asyncio.gather(*(watch.seen for watch in watches))) - began


def http(method: str, path: str, body: Any = None, *, token: str = TOKEN, content: str = "application/json") -> bytes:
    """A request with a token; the body is a tree, or bytes."""
    text = body if isinstance(body, bytes) else orjson.dumps(body) if body else b""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {content}\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


def measure(port: int, seconds: float, watchers: int) -> dict[str, float]:
    """All four."""
    get, get_latency = wrk(port, "/api/v1/namespaces/default", seconds, 32)
    create, create_latency = wrk(port, CONFIG_MAPS, seconds, 32, CREATE % (TOKEN, CONFIG_MAPS))
    _, list_latency = wrk(port, "/api/v1/pods", seconds, 1)
    return {
        "get_per_second": round(get),
        "get_latency_ms": round(get_latency, 2),
        "create_per_second": round(create),
        "create_latency_ms": round(create_latency, 2),
        f"list_{PODS}_pods_ms": round(list_latency, 1),
        f"fan_out_{watchers}_ms": round(uvloop.run(fan_out(port, watchers))[0], 1),
    }


@contextmanager
def running(secrets: int = 0, pods: int = PODS) -> Iterator[tuple[int, int]]:
    """A server in a process of its own, with so many large Secrets and small pods: its port and process id."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        PKI(directory=folder, server_hosts=["127.0.0.1"], node_name="n", node_hosts=["127.0.0.1"]).ensure()
        process = context.Process(target=run_server, args=(folder, theirs, pods, secrets))
        process.start()
        try:
            assert process.pid
            yield ours.recv(), process.pid
        finally:
            ours.send("stop")
            process.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--watchers", type=int, default=1000)
    arguments = parser.parse_args()
    with running() as (port, _):
        figures = measure(port, arguments.seconds, arguments.watchers)
    print(json.dumps({"benchmark": "api", "connections": 32, **figures}))


if __name__ == "__main__":
    main()
