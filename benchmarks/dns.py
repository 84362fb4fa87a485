"""Queries per second for names inside the cluster: hits of the answer cache, and answers that must be built.

The server is a process of its own on uvloop; this one is the client and keeps a window of queries open over loopback.
The latency is that of one query after another.
"""

import json
import multiprocessing
import socket
import time
from multiprocessing.connection import Connection

import uvloop
from dnslib import DNSRecord

from sampan.dns.config import DNSConfig
from sampan.dns.server import DNSServer
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.service import KIND as SERVICE
from sampan.reconcile.clock import SystemClock
from tests.fake_api import FakeApi

SERVICES = 500
SECONDS = 3.0
WINDOW = 64


def main() -> None:
    """Print one JSON line."""
    result: dict[str, object] = {"benchmark": "dns", "services": SERVICES}
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    result["cached_per_second"] = _measure(port, repeat=True)
    result["built_per_second"] = _measure(port, repeat=False)
    result["latency_us"] = _latency(port)
    server.terminate()
    server.join()
    print(json.dumps(result))


def _serve(pipe: Connection) -> None:
    uvloop.run(_run_server(pipe))


async def _run_server(pipe: Connection) -> None:
    api = FakeApi()
    api.put(NAMESPACE, {"metadata": {"name": "default", "namespace": ""}})
    for i in range(SERVICES):
        spec = {"clusterIP": f"10.96.{i // 250}.{i % 250 + 1}", "ports": [{"port": 80, "name": "http"}]}
        api.put(SERVICE, {"metadata": {"name": f"service-{i}", "namespace": "default"}, "spec": spec})
    port = _free_port()
    config = DNSConfig(
        listen=(("127.0.0.1", port),), service_cidr="10.96.0.0/12", pod_cidr="10.244.0.0/16", dns_ip="10.96.0.10"
    )
    await DNSServer(api.client, config, SystemClock()).run(lambda: pipe.send(port))


def _measure(port: int, *, repeat: bool) -> int:
    """Answers per second. Without repeats every query differs in the bytes that the cache goes by."""
    queries = [_query(f"service-{i}.default.svc.cluster.local") for i in range(SERVICES)]
    if not repeat:  # names of pods: no two alike
        numbers = [(i >> 16 & 255, i >> 8 & 255, i & 255) for i in range(60_000)]
        queries = [_query(f"10-{a}-{b}-{c}.default.pod.cluster.local") for a, b, c in numbers]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        client.settimeout(2)
        end = time.perf_counter() + SECONDS
        started, answered, sent = time.perf_counter(), 0, 0
        for _ in range(WINDOW):
            client.send(queries[sent % len(queries)])
            sent += 1
        while time.perf_counter() < end and (repeat or sent < len(queries)):
            answer = client.recv(512)
            answered += _is_success(answer)
            client.send(queries[sent % len(queries)])
            sent += 1
        return round(answered / (time.perf_counter() - started))


def _is_success(answer: bytes) -> bool:
    """No error and at least one record."""
    return not answer[3] & 0xF and answer[6:8] != b"\0\0"


def _latency(port: int) -> int:
    """Microseconds for one query after another, the median."""
    query, times = _query("service-1.default.svc.cluster.local"), []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        for _ in range(2000):
            started = time.perf_counter()
            client.send(query)
            client.recv(512)
            times.append(time.perf_counter() - started)
    return round(sorted(times)[len(times) // 2] * 1e6)


def _query(name: str) -> bytes:
    packed: bytes = DNSRecord.question(name).pack()
    return packed


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
