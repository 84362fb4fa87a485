"""A custom resource beside a ConfigMap, in one run: create, GET, LIST of 10,000, one change to 1,000 watchers.

Prints one JSON line with each figure of both. The server is that of api.py, and `wrk` is needed, as there. Creates come
from this process over 32 connections; what counts is how the two differ.
"""

import argparse
import asyncio
import json
import ssl
import time
from typing import Any

import uvloop

from benchmarks.api import CONFIG_MAPS, fan_out, http, running, wrk

OBJECTS, CONNECTIONS = 10_000, 32
GROUP, VERSION, PLURAL, KIND = "example.com", "v1", "widgets", "Widget"
WIDGETS = f"/apis/{GROUP}/{VERSION}/namespaces/default/{PLURAL}"
TYPES: dict[str, dict[str, str]] = {
    CONFIG_MAPS: {"apiVersion": "v1", "kind": "ConfigMap"},
    WIDGETS: {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND},
}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition() -> dict[str, Any]:
    """Widgets have the data of a ConfigMap, and a spec with a default."""
    data = {"type": "object", "additionalProperties": {"type": "string"}}
    spec = {"type": "object", "properties": {"replicas": {"type": "integer", "default": 1}}}
    schema = {"type": "object", "properties": {"data": data, "spec": spec}}
    version = {"name": VERSION, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": PLURAL, "kind": KIND}
    return {
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


class Connection:
    """One kept-alive connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """To the server on this machine."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context))

    async def status(self, request: bytes) -> int:
        """The status of the answer, whose body is read and dropped."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self._reader.readexactly(int(length.partition(b":")[2]))
        return int(head.split(b" ", 2)[1])


async def define(port: int) -> None:
    """Make the definition and wait until it serves."""
    connection = await Connection.open(port)
    if (status := await connection.status(http("POST", DEFINITIONS, definition()))) != 201:
        raise RuntimeError(f"the definition was answered with {status}")
    for _ in range(100):
        if await connection.status(http("GET", WIDGETS)) == 200:
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("the definition does not serve")


async def create(port: int, collection: str) -> float:
    """Creates per second, of all objects."""
    numbers = iter(range(OBJECTS))

    async def some() -> None:
        connection = await Connection.open(port)
        for number in numbers:
            body = {**TYPES[collection], "metadata": {"name": f"c-{number}"}, "data": {"key": "x" * 100}}
            if (status := await connection.status(http("POST", collection, body))) != 201:
                raise RuntimeError(f"a create was answered with {status}")

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))
    return OBJECTS / (time.perf_counter() - began)


def measure(port: int, collection: str, seconds: float, watchers: int) -> dict[str, float]:
    """All four figures of one collection."""
    created = uvloop.run(create(port, collection))
    got, _ = wrk(port, f"{collection}/c-7", seconds, CONNECTIONS)
    _, listed = wrk(port, collection, seconds, 1)
    quiet = collection.replace("/default/", "/kube-system/")  # where watchers have no backlog
    return {
        "create_per_second": round(created),
        "get_per_second": round(got),
        f"list_{OBJECTS}_ms": round(listed, 1),
        f"fan_out_{watchers}_ms": round(uvloop.run(fan_out(port, watchers, quiet, TYPES[collection]))[0], 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--watchers", type=int, default=1000)
    arguments = parser.parse_args()
    with running() as (port, _):
        uvloop.run(define(port))
        figures = {
            name: measure(port, collection, arguments.seconds, arguments.watchers)
            for name, collection in (("config_map", CONFIG_MAPS), ("custom_resource", WIDGETS))
        }
    print(json.dumps({"benchmark": "custom_resources", **figures}))


if __name__ == "__main__":
    main()
