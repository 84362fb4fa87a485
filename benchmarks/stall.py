"""Whether somebody can stall the API server: /healthz and a small GET every 10 ms while others do their worst.

    trickle   1,000 anonymous clients, each with a POST of 3 MB that never comes to its end
    uploads   16 clients of one user, each sending bodies of 2.9 MB that are no object, again and again
    lists     8 clients that list 10,000 pods of 3 kB, again and again
    costly    8 users, each sending the worst YAML, JSON, patch, selector and expressions that the limits allow
    watches   9,000 watches that have nothing to read, and 900 that read 30 MB at 1 kB a second
    flood     a ReplicationController of 2,147,483,647 replicas whose pods 40 Services select, in a whole control plane
    gigabyte  8 clients that list 10,000 Secrets of 100 kB, again and again

Prints one JSON line: milliseconds at the 99th percentile and at worst, and the server's memory before, at most, and a
while after. The server, the attackers and who measures have a process each.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count, cycle, groupby
from pathlib import Path
from typing import NamedTuple

import uvloop
import yaml

from benchmarks import api

SECONDS = 10.0
EVERY = 0.01
CALM = 20.0  # seconds after which memory is looked at again
BACK = 5.0  # seconds after which an attacker who was refused comes back: handshakes alone would keep a core busy
SMALL = "/api/v1/namespaces/default"
LARGE = 3 << 20
JSON_PATCH = "application/json-patch+json"
CERTIFICATE = "STALL_CERTIFICATE"  # the environment's word for a client's certificate and key
_users, _numbers = cycle(api.USERS), count()
_handshakes = asyncio.Semaphore(50)
SLOW = 10  # of so many watches, one reads slowly, and the others have nothing to read


class Attack(NamedTuple):
    """What each of so many clients does with a port until it is cancelled; and how long they take to begin."""

    run: Callable[[int], Awaitable[None]]
    clients: int
    settle: float = 5.0
    secrets: int = 0  # of 100 kB, that the server has
    whole: bool = False  # a control plane with its controllers and scheduler, instead of an API server alone


@cache
def context() -> ssl.SSLContext:
    """Of a client that measures, and not whom it talks to."""
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if certificate := os.environ.get(CERTIFICATE):
        made.load_cert_chain(certificate)
    return made


@contextmanager
def control_plane() -> Iterator[tuple[int, int]]:
    """A control plane by itself: its port and process id."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder, "kubeconfig")
        place = os.environ | {"SAMPAN_HOME": folder, "KUBECONFIG": str(kubeconfig)}

        def sampan(command: str, *more: str) -> None:
            line = [sys.executable, "-m", "sampan.cli.app", command, "--name", "stall", *more]
            subprocess.run(line, check=True, env=place, stdout=subprocess.DEVNULL)

        sampan("up", "--control-plane-only")
        try:
            said = yaml.safe_load(kubeconfig.read_text())
            user = said["users"][0]["user"]
            pems = (b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key"))
            Path(folder, "client.pem").write_bytes(b"".join(pems))
            os.environ[CERTIFICATE] = str(Path(folder, "client.pem"))
            context.cache_clear()
            port = int(said["clusters"][0]["cluster"]["server"].rpartition(":")[2])
            yield port, int(Path(folder, "stall", "server.pid").read_text().split()[0])
        finally:
            os.environ.pop(CERTIFICATE, None)
            context.cache_clear()
            sampan("delete")


async def opened(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection."""
    return await asyncio.open_connection("127.0.0.1", port, ssl=context())


async def answered(reader: asyncio.StreamReader) -> int:
    """Read an answer to its end, in pieces; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b"chunked" in head:
        while size := int(await reader.readline(), 16):
            await passed_over(reader, size + 2)
        await reader.readline()
    elif found := re.search(rb"(?i)content-length: (\d+)", head):
        await passed_over(reader, int(found[1]))
    return int(head.split()[1])


async def passed_over(reader: asyncio.StreamReader, left: int) -> None:
    """Read so many bytes."""
    while left:
        left -= len(await reader.read(min(left, 1 << 20)))


async def trickle(port: int) -> None:
    """Until cancelled: a head, and then a little of the body now and then."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await opened(port)
            head = f"POST {api.CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n"
            writer.write(head.encode())
            while not reader.at_eof():
                writer.write(b" " * 20_000)
                await writer.drain()
                await asyncio.sleep(1)
            writer.transport.abort()
        await asyncio.sleep(BACK)


async def uploads(port: int) -> None:
    """Until cancelled: large bodies that nobody can use, of one user."""
    body = b"[" + b"1," * (LARGE // 2 - 60_000) + b"1]"
    request = api.http("POST", api.CONFIG_MAPS).replace(b"Content-Length: 0", b"Content-Length: %d" % len(body))
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await opened(port)
            while True:
                writer.write(request + body)
                await writer.drain()
                await answered(reader)


async def lists(port: int) -> None:
    """Until cancelled: long lists."""
    reader, writer = await opened(port)
    while True:
        writer.write(api.http("GET", "/api/v1/pods"))
        await answered(reader)


def worst(token: str) -> list[bytes]:
    """Requests that take the server long: each within its limits, most of them refused in the end."""
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies?dryRun=All"
    ports = [{"containerPort": number % 65535 + 1, "name": f"p{number}"} for number in range(60_000)]
    pod = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "a", "image": "a", "ports": ports}]}}
    operations = [{"op": "add", "path": f"/data/k{number}", "value": "x" * 200} for number in range(10_000)]
    labels = ",".join(f"k{number} notin (a,b,c)" for number in range(300)).replace(" ", "%20")
    expression = " && ".join(f"object.spec.containers.all(c, c.name != 'x{number}')" for number in range(60))
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    policy = {
        "metadata": {"name": f"{token}"},
        "spec": {
            "matchConstraints": {"resourceRules": rules},
            "validations": [{"expression": expression} for _ in range(50)],
        },
    }
    return [
        api.http("POST", reviews, b"- a\n" * 299_000, token=token, content="application/yaml"),
        api.http("POST", reviews, b"[" + b"[]," * 900_000 + b"[]]", token=token),
        api.http("POST", f"{SMALL}/pods?dryRun=All", pod, token=token),
        api.http("PATCH", f"{SMALL}/configmaps/kube-root-ca.crt", operations, token=token, content=JSON_PATCH),
        api.http("GET", f"/api/v1/pods?labelSelector={labels}", token=token),
        api.http("POST", policies, policy, token=token),
    ]


async def costly(port: int) -> None:
    """Until cancelled: what takes long, of one of the users."""
    requests = worst(next(_users))
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await opened(port)
            while True:
                for request in requests:
                    writer.write(request)
                    await writer.drain()
                    await answered(reader)


async def watches(port: int) -> None:
    """Until cancelled: a watch."""
    slow = next(_numbers) % SLOW == 0
    async with _handshakes:
        reader, writer = await opened(port)
        path = "/api/v1/pods?resourceVersion=0" if slow else f"{SMALL}/configmaps?resourceVersion=1"
        writer.write(api.http("GET", f"{path}&watch=true"))
        await reader.readuntil(b"\r\n\r\n")
    while not reader.at_eof():
        await reader.read(1024)
        await asyncio.sleep(1)
    raise EOFError("a watch has ended")


async def flood(port: int) -> None:
    """Until cancelled: more pods than there is room for anywhere."""
    labels = {"app": "flood"}
    spec = {"containers": [{"name": "main", "image": "none"}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    replicas = {"replicas": 2**31 - 1, "selector": labels, "template": template}
    reader, writer = await opened(port)
    for number in range(40):
        service = {"metadata": {"name": f"s{number}"}, "spec": {"selector": labels, "ports": [{"port": 80}]}}
        writer.write(api.http("POST", f"{SMALL}/services", service))
        assert await answered(reader) == 201
    controller = {"metadata": {"name": "flood"}, "spec": replicas}
    writer.write(api.http("POST", f"{SMALL}/replicationcontrollers", controller))
    assert await answered(reader) == 201
    await asyncio.Event().wait()


async def gigabyte(port: int) -> None:
    """Until cancelled: very long lists."""
    reader, writer = await opened(port)
    while True:
        writer.write(api.http("GET", "/api/v1/secrets"))
        await answered(reader)


ATTACKS = {
    "trickle": Attack(trickle, 1000),
    "uploads": Attack(uploads, 16),
    "lists": Attack(lists, 8),
    "costly": Attack(costly, 8),
    "watches": Attack(watches, 9900, settle=75.0),
    "flood": Attack(flood, 1, whole=True),
    "gigabyte": Attack(gigabyte, 8, secrets=10_000),
}


async def probe(port: int, path: str, until: float) -> list[float]:
    """Milliseconds that each of a series of requests took. One that is late does not put off the next ones."""
    taken: list[float] = []
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def one() -> None:
        began = time.perf_counter()
        reader, writer = free.pop() if free else await opened(port)
        writer.write(api.http("GET", path))
        assert await answered(reader) == 200
        taken.append((time.perf_counter() - began) * 1000)
        free.append((reader, writer))

    async with asyncio.TaskGroup() as tasks:
        while time.perf_counter() < until:
            tasks.create_task(one())
            await asyncio.sleep(EVERY)
    return taken


def attack_by(name: str, port: int) -> None:
    """The attackers' process: others go first, where there are fewer cores than processes."""
    attack = ATTACKS[name]

    async def all_of_them() -> None:
        await asyncio.gather(*(attack.run(port) for _ in range(attack.clients)))

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    os.nice(10)
    uvloop.run(all_of_them())


def resident(pid: int) -> int:
    """Megabytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) // 1024


async def highest(pid: int) -> int:
    """Until cancelled, whose memory is watched; the most of it."""
    most = 0
    with suppress(asyncio.CancelledError):
        while True:
            most = max(most, resident(pid))
            await asyncio.sleep(0.05)
    return most


async def under(name: str, port: int, pid: int) -> dict[str, float]:
    """One attack's figures."""
    attack = ATTACKS[name]
    before = resident(pid)
    watch = asyncio.ensure_future(highest(pid))
    attackers = multiprocessing.get_context("spawn").Process(target=attack_by, args=(name, port))
    attackers.start()
    await asyncio.sleep(attack.settle)
    until = time.perf_counter() + SECONDS
    health, small = await asyncio.gather(probe(port, "/healthz", until), probe(port, SMALL, until))
    attackers.kill()
    watch.cancel()
    most = await watch
    await asyncio.sleep(CALM)
    taken = sorted(health + small)
    return {
        "p99_ms": round(taken[len(taken) * 99 // 100], 1),
        "worst_ms": round(taken[-1], 1),
        "mb_before": before,
        "mb_most": most,
        "mb_after": resident(pid),
    }


async def attacked(port: int, pid: int, chosen: Iterable[str]) -> dict[str, dict[str, float]]:
    """One attack after another."""
    return {name: await under(name, port, pid) for name in chosen}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("attacks", nargs="*", default=ATTACKS, help="which of them; by default all")
    chosen = parser.parse_args().attacks
    figures: dict[str, dict[str, float]] = {}
    for (whole, secrets), names in groupby(chosen, lambda name: (ATTACKS[name].whole, ATTACKS[name].secrets)):
        with control_plane() if whole else api.running(secrets) as (port, pid):
            figures |= uvloop.run(attacked(port, pid, names))
    print(json.dumps({"benchmark": "stall", **figures}))


if __name__ == "__main__":
    main()
