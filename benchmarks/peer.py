"""Beside kube-apiserver on etcd: both with TLS and durable, in one run, the other one stopped meanwhile.

GET, LIST of 10,000 pods, create, update, patch and apply of ConfigMaps, one change to 1,000 watchers: requests per
second, and per second of processor time that the server took (etcd's counts, too), the 99th percentile, and memory
afterwards; and how many times theirs ours are, by processor time. What a change to all watchers takes until the last
has seen it is told beside what it took the server: the watchers themselves are most of it. Prints one JSON line. Needs
`wrk`, and Go to build the peer once; without Go it says so and measures nothing.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks import api
from benchmarks.stall import answered, opened, resident
from sampan.cluster.pki import PKI
from tests.conformance import programs

MODULE = Path(__file__).parent / "etcd"
CONNECTIONS = 32
POD = (Path(__file__).parent / "pod.json").read_bytes()
OBJECTS = 64  # that are written again and again
PATIENCE = 60.0  # seconds until a server is ready

WRITE = """
local made = 0
function request()
  made = made + 1
  local name = "%s" .. (made %% %d)
  local headers = {["Authorization"] = "Bearer %s", ["Content-Type"] = "%s"}
  local body = string.format('%s', name, made)
  return wrk.format("%s", "%s/" .. name .. "%s", headers, body)
end
"""
OBJECT = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s"},"data":{"key":"%d"}}'
MERGE = '{"metadata":{"labels":{"name":"%s"}},"data":{"key":"%d"}}'


class Server(NamedTuple):
    """One that is measured: its port, and its processes."""

    port: int
    pids: Sequence[int]

    def signal(self, number: signal.Signals) -> None:
        """To all of them."""
        for pid in self.pids:
            os.kill(pid, number)

    def busy(self) -> float:
        """Seconds of processor time so far."""
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Megabytes that are resident."""
        return sum(map(resident, self.pids))


def write(prefix: str, method: str, body: str, content: str, query: str = "") -> str:
    """A script for wrk: one of OBJECTS after another."""
    return WRITE % (prefix, OBJECTS, api.TOKEN, content, body, method, api.CONFIG_MAPS, query)


SCRIPTS = {
    "get": ("/api/v1/namespaces/default", CONNECTIONS, ""),
    "list": ("/api/v1/pods", 1, ""),
    "create": (api.CONFIG_MAPS, CONNECTIONS, api.CREATE % (api.TOKEN, api.CONFIG_MAPS)),
    "update": (api.CONFIG_MAPS, CONNECTIONS, write("u-", "PUT", OBJECT, "application/json")),
    "patch": (api.CONFIG_MAPS, CONNECTIONS, write("p-", "PATCH", MERGE, "application/merge-patch+json")),
    "apply": (
        api.CONFIG_MAPS,
        CONNECTIONS,
        write("a-", "PATCH", OBJECT, "application/apply-patch+yaml", "?fieldManager=bench&force=true"),
    ),
}


def wrk(server: Server, name: str, seconds: float) -> dict[str, float]:
    """Requests a second, the same by processor time, and milliseconds at the 99th percentile."""
    path, connections, script = SCRIPTS[name]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}", "--latency", "--timeout", "30s"]
    command += ["-H", f"Authorization: Bearer {api.TOKEN}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command += ["-s", file.name] if script else []
        busy, began = server.busy(), time.perf_counter()
        url = f"https://127.0.0.1:{server.port}{path}"
        text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
        busy, took = server.busy() - busy, time.perf_counter() - began
    rate = float(found(r"Requests/sec:\s+(\S+)", text))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return {
        "per_second": round(rate, 1),
        "per_cpu_second": round(rate * took / busy, 1),
        "p99_ms": round(milliseconds(found(r"99%\s+(\S+)", text)), 1),
        **({"refused": int(bad[1])} if bad else {}),
    }


def found(pattern: str, text: str) -> str:
    """The group of a pattern that must be there."""
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(text)
    return match[1]


def milliseconds(text: str) -> float:
    """Of what wrk says."""
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


async def fill(port: int) -> None:
    """10,000 pods of 3 kB, and the ConfigMaps that are written again."""
    pod = json.loads(POD)
    pod["metadata"] = {key: value for key, value in pod["metadata"].items() if key in ("labels", "annotations")}
    pod.pop("status", None)
    pod["spec"].pop("nodeName", None)
    bodies = [
        (f"{api.CORE}/default/pods", {**pod, "metadata": {**pod["metadata"], "name": f"p{number:05}"}})
        for number in range(api.PODS)
    ]
    bodies += [(api.CONFIG_MAPS, {"metadata": {"name": f"{one}-{n}"}}) for one in "upa" for n in range(OBJECTS)]
    left = iter(bodies)

    async def some() -> None:
        reader, writer = await opened(port)
        for path, body in left:
            writer.write(api.http("POST", path, body))
            status = await answered(reader)
            assert status == 201, (path, status)
        writer.close()

    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))


def measure(server: Server, name: str, seconds: float, watchers: int) -> dict[str, float]:
    """One operation's figures."""
    if name == "fan_out":
        last, spent = uvloop.run(api.fan_out(server.port, watchers, busy=server.busy))
        return {"last_ms": round(last, 1), "cpu_ms": round(spent, 1)}
    return wrk(server, name, seconds)


@contextmanager
def process(arguments: Sequence[str | Path], log: Path) -> Iterator[int]:
    """A program while it is needed; its process id."""
    with log.open("w") as output:
        running = subprocess.Popen(list(map(str, arguments)), stdout=output, stderr=output)
    try:
        yield running.pid
    finally:
        running.send_signal(signal.SIGCONT)
        running.terminate()
        running.wait()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def kubernetes(apiserver: Path, etcd: Path) -> Iterator[Server]:
    """The same, once it is ready."""
    with launched(apiserver, etcd) as server:
        uvloop.run(ready(server.port))
        yield server


@contextmanager
def launched(apiserver: Path, etcd: Path) -> Iterator[Server]:
    """kube-apiserver on an etcd of its own, which get ready in a while."""
    with tempfile.TemporaryDirectory() as name:
        folder, port, storage, peers = Path(name), free_port(), free_port(), free_port()
        PKI(directory=folder, server_hosts=["127.0.0.1"], node_name="n", node_hosts=["127.0.0.1"]).ensure()
        (folder / "tokens.csv").write_text(f'{api.TOKEN},benchmark,1,"system:masters"\n')
        store: list[str | Path] = [etcd, "--data-dir", folder / "etcd", "--listen-client-urls", f"http://127.0.0.1:{storage}"]
        store += ["--advertise-client-urls", f"http://127.0.0.1:{storage}", "--log-level", "error"]
        store += ["--listen-peer-urls", f"http://127.0.0.1:{peers}"]
        server: list[str | Path] = [apiserver, f"--etcd-servers=http://127.0.0.1:{storage}", f"--secure-port={port}"]
        server += ["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC"]
        server += [f"--tls-cert-file={folder / 'apiserver.crt'}", f"--tls-private-key-file={folder / 'apiserver.key'}"]
        server += [f"--token-auth-file={folder / 'tokens.csv'}", "--disable-admission-plugins=ServiceAccount"]
        server += ["--service-account-issuer=https://kubernetes.default.svc"]
        server += [f"--service-account-{use}-file={folder / 'sa.key'}" for use in ("key", "signing-key")]
        with process(store, folder / "etcd.log") as below, process(server, folder / "apiserver.log") as above:
            yield Server(port, (above, below))


@contextmanager
def sampan() -> Iterator[Server]:
    """Our API server alone, like theirs."""
    with api.running(pods=0) as (port, pid):
        yield Server(port, (pid,))


async def ready(port: int) -> None:
    """Wait until a server says that it is."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(OSError, EOFError):
                reader, writer = await opened(port)
                with closing(writer):
                    writer.write(api.http("GET", "/readyz"))
                    if await answered(reader) == 200:
                        return
            await asyncio.sleep(0.2)


def built_etcd() -> Path:
    """The etcd of MODULE, built once."""
    release = found(r"etcd/server/v3 v(\S+)", (MODULE / "go.mod").read_text())
    target = programs.cache().parent / "etcd" / release / "etcd"
    with programs.exclusive(target.parent):
        if not target.exists():
            command = ["go", "build", "-ldflags", "-s -w", "-o", f"{target}.new", "go.etcd.io/etcd/server/v3"]
            subprocess.run(command, cwd=MODULE, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
            Path(f"{target}.new").rename(target)
    return target


def compared(seconds: float, watchers: int) -> dict[str, object]:
    """All figures of both, and how many times ours are theirs."""
    apiserver, etcd = programs.ensure(["kube-apiserver"])["kube-apiserver"], built_etcd()
    names = [*SCRIPTS, "fan_out"]
    figures: dict[str, dict[str, dict[str, float]]] = {"sampan": {}, "kube_apiserver": {}}
    with sampan() as ours, kubernetes(apiserver, etcd) as theirs:
        both = {"sampan": ours, "kube_apiserver": theirs}
        for server in both.values():
            uvloop.run(fill(server.port))
        for name in names:
            for which, server in both.items():
                other = theirs if server is ours else ours
                other.signal(signal.SIGSTOP)
                figures[which][name] = measure(server, name, seconds, watchers)
                other.signal(signal.SIGCONT)
                time.sleep(1)
        memory = {which: server.memory() for which, server in both.items()}
    times = {name: _times(figures["sampan"][name], figures["kube_apiserver"][name]) for name in names}
    return {**figures, "memory_mb": memory, "times": times}


def _times(ours: dict[str, float], theirs: dict[str, float]) -> float:
    if "cpu_ms" in ours:
        return round(theirs["cpu_ms"] / ours["cpu_ms"], 2)
    return round(ours["per_cpu_second"] / theirs["per_cpu_second"], 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--watchers", type=int, default=1000)
    arguments = parser.parse_args()
    if not shutil.which("go"):
        print("the peer is built with Go (https://go.dev/dl), which is not in PATH", file=sys.stderr)
        return
    print(json.dumps({"benchmark": "peer", **compared(arguments.seconds, arguments.watchers)}))


if __name__ == "__main__":
    main()
