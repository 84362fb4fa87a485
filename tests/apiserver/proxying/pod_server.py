"""A server as pods run them, and an API server on a socket that knows it as a pod, as a Service and as a node."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

from sampan.transport.connection import Answer, HTTPClient
from sampan.transport.messages import Connection, Reply, Request, Response, StreamResponse, Upgrade
from sampan.transport.server import HTTPServer
from tests.apiserver.harness import API, PODS, pod, running

POD = f"{PODS}/web"
SERVICES = "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
NODES = "/api/v1/nodes"
ADDRESS = "192.0.2.99"  # conftest.py leads it to loopback


class PodServer:
    """Answers with what it was asked, or by `answers`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: dict[str, Reply | Callable[[Request], Any]] = {}
        self.port = 0

    async def handle(self, request: Request) -> Reply:
        self.requests.append(request)
        found = self.answers.get(request.path)
        if callable(found):
            found = await found(request)
        if found is not None:
            return found
        if request.headers.get("upgrade"):
            return shouting(request)
        told = {"method": request.method, "path": request.raw_path, "query": request.raw_query}
        return Response(200, orjson.dumps(told))


def shouting(request: Request) -> Upgrade:
    """An upgraded connection that answers in capitals."""

    async def run(connection: Connection) -> None:
        while data := await connection.read():
            await connection.write(data.upper())

    return Upgrade(run, [("Connection", "Upgrade"), ("Upgrade", request.headers["upgrade"])])


class Site:
    """The API server, and what is behind it."""

    def __init__(self, api: API, backend: PodServer) -> None:
        self.api, self.backend = api, backend
        self.host = f"127.0.0.1:{api.server.port}"
        self.client = HTTPClient(f"http://{self.host}", headers={"Authorization": "Bearer admin"})

    async def ask(self, method: str, path: str, headers: Any = (), body: bytes = b"") -> Answer:
        """One request with its whole answer."""
        return await self.client.request(method, path, headers, body, timeout=20)

    @property
    def proxy(self) -> str:
        """The pod's path."""
        return f"{POD}:{self.backend.port}/proxy"


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """Everything, gone afterwards."""
    backend = PodServer()
    server = HTTPServer(backend.handle, streamed=lambda request: True)
    backend.port = await server.start("127.0.0.1", 0)
    async with running() as api:
        await _objects(api, backend.port)
        made = Site(api, backend)
        yield made
        await made.client.close()
    await server.stop()


async def _objects(api: API, port: int) -> None:
    await api.service_account()
    await api.create(PODS, pod("web"))
    status = {"status": {"podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}]}}
    assert (await api.patch(f"{POD}/status", status)).status == 200
    ports = [{"name": "http", "port": 80, "targetPort": port}, {"name": "other", "port": 81}]
    await api.create(SERVICES, {"metadata": {"name": "web"}, "spec": {"ports": ports}})
    target = {"kind": "Pod", "name": "web", "namespace": "default"}
    endpoint = {"addresses": [ADDRESS], "conditions": {"ready": True}, "targetRef": target}
    labels = {"kubernetes.io/service-name": "web"}
    found = {"metadata": {"name": "web-1", "labels": labels}, "addressType": "IPv4", "endpoints": [endpoint]}
    await api.create(SLICES, found | {"ports": [{"name": "http", "port": port, "protocol": "TCP"}]})
    await api.create(NODES, {"metadata": {"name": "n1"}})
    endpoints = {"kubeletEndpoint": {"Port": port}}
    node = {"addresses": [{"type": "InternalIP", "address": ADDRESS}], "daemonEndpoints": endpoints}
    assert (await api.patch(f"{NODES}/n1/status", {"status": node})).status == 200


def page(*pieces: bytes, **headers: str) -> StreamResponse:
    """A page of HTML, piece by piece."""

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return StreamResponse(200, stream(), "text/html; charset=utf-8", list(headers.items()))
