"""How soon packets follow a change of endpoints: from the API's event to the first packet, among few and many Services.

A namespace stands for the node; two servers on it are the endpoints between which a Service changes. Beside it: the
same change applied by an `nft` process, and the whole table at the start. Needs root.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import time

from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.meta import Object
from sampan.proxy.config import ProxyConfig
from sampan.proxy.proxy import Proxy
from sampan.proxy.render import render
from sampan.proxy.ruleset import diff, full
from sampan.reconcile.clock import SystemClock
from tests.fake_api import FakeApi
from tests.netlab import Lab, lab

CONFIG = ProxyConfig(
    table="sampan-bench",
    node_name="node",
    node_ips=("192.0.2.1",),
    pod_cidr="10.244.0.0/16",
    service_cidr="10.96.0.0/12",
)
ENDPOINTS = ("10.244.0.2", "10.244.0.3")
CHANGES = 20


def main() -> None:
    """Print one JSON line for each number of Services."""
    if os.geteuid():
        print(json.dumps({"benchmark": "proxy", "skipped": "needs root"}))
        return
    for number in (10, 1000, 5000):
        with lab() as machine:
            print(json.dumps({"benchmark": "proxy", "services": number} | _measure(machine, number)))


def _measure(machine: Lab, number: int) -> dict[str, float]:
    for address in ENDPOINTS:
        machine.ip(f"-n {machine.node} address add {address}/32 dev lo")
        machine.serve(machine.node, address, 8080, address, socket.SOCK_DGRAM)
    machine.ip(f"-n {machine.node} route add {CONFIG.service_cidr} dev lo src {ENDPOINTS[0]}")
    api = FakeApi()
    for i in range(number):
        api.put(SERVICE, _service(i))
        api.put(ENDPOINT_SLICE, _slice(i, "10.244.1.1"))
    measured = machine.run(lambda: _follow(api))
    return measured | {"nft_process_ms": _process(machine, number)}


async def _follow(api: FakeApi) -> dict[str, float]:
    ready = asyncio.Event()
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(Proxy(api.client, CONFIG, SystemClock()).run(ready.set))
        await ready.wait()
        whole = time.perf_counter() - started
        times = []
        for i in range(CHANGES):
            target = ENDPOINTS[i % 2]
            changed = time.perf_counter()
            api.put(ENDPOINT_SLICE, _slice(0, target))
            while await _answering() != target:
                continue
            times.append(time.perf_counter() - changed)
        task.cancel()
    return {
        "whole_table_ms": _ms(whole),
        "change_to_packet_ms": _ms(statistics.median(times)),
        "change_to_packet_worst_ms": _ms(max(times)),
    }


async def _answering() -> str:
    """Who answers a fresh flow to the first Service."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        try:
            client.connect(("10.96.0.1", 53))
            client.send(b"?")
            async with asyncio.timeout(0.2):
                return (await loop.sock_recv(client, 100)).decode().split()[0]
        except OSError:
            await asyncio.sleep(0)  # refused at once: the proxy must get its turn
            return ""


def _process(machine: Lab, number: int) -> float:
    """The median time of one change by an `nft -f -` of its own."""
    services = [_service(i) for i in range(number)]
    slices = [_slice(i, "10.244.1.1") for i in range(1, number)]
    tables = [render(services, [_slice(0, address), *slices], [], CONFIG) for address in ENDPOINTS]
    machine.nft(full(tables[0]))
    command, times = ["ip", "netns", "exec", machine.node, "nft", "-f", "-"], []
    for i in range(CHANGES):
        started = time.perf_counter()
        script = diff(tables[i % 2], tables[(i + 1) % 2])
        subprocess.run(command, input=script.encode(), check=True)
        times.append(time.perf_counter() - started)
    return _ms(statistics.median(times))


def _service(i: int) -> Object:
    ports = [{"port": 53, "protocol": "UDP"}]
    spec = {"clusterIP": f"10.96.{i // 250}.{i % 250 + 1}", "ports": ports}
    return {"metadata": {"name": f"s{i}", "namespace": "ns"}, "spec": spec}


def _slice(i: int, address: str) -> Object:
    return {
        "metadata": {"name": f"s{i}", "namespace": "ns", "labels": {"kubernetes.io/service-name": f"s{i}"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]}],
        "ports": [{"name": "", "port": 8080, "protocol": "UDP"}],
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


if __name__ == "__main__":
    main()
