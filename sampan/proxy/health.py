"""Tells load balancers outside whether this node has endpoints of a Service with externalTrafficPolicy: Local.

One HTTP server for every healthCheckNodePort, on the node's addresses: 200 with endpoints, 503 without, the count in
the body, as kube-proxy answers. Called by proxy.py after each change.
"""

import json
import logging
from collections.abc import Collection, Mapping

from sampan.machinery.meta import Key
from sampan.proxy.services import Health
from sampan.transport.messages import Request, Response
from sampan.transport.server import HTTPServer

log = logging.getLogger(__name__)


def answer(key: Key, local_endpoints: int) -> Response:
    """What a load balancer is told, whatever path it asks for."""
    body = {
        "service": {"namespace": key.namespace, "name": key.name},
        "localEndpoints": local_endpoints,
        "serviceProxyHealthy": True,
    }
    headers = [("X-Content-Type-Options", "nosniff"), ("X-Load-Balancing-Endpoint-Weight", str(local_endpoints))]
    return Response(200 if local_endpoints else 503, json.dumps(body).encode(), headers=headers)


class HealthServers:
    """The servers of today, by Service. A context manager: leaving it stops them."""

    def __init__(self, addresses: Collection[str]) -> None:
        self._addresses = addresses
        self._wanted: Mapping[Key, Health] = {}
        self._servers: dict[tuple[Key, int], HTTPServer] = {}

    async def serve(self, wanted: Mapping[Key, Health]) -> None:
        """Serve exactly these Services from now on."""
        self._wanted = wanted
        places = {(key, health.port) for key, health in wanted.items()}
        for place in [place for place in self._servers if place not in places]:
            await self._servers.pop(place).stop()
        for place in sorted(places - self._servers.keys()):
            await self._start(*place)

    async def _start(self, key: Key, port: int) -> None:
        server = self._servers[key, port] = HTTPServer(lambda request: self._handle(key, request))
        for address in self._addresses:
            try:
                await server.start(address, port)
            except OSError as error:
                log.warning("the health check port of Service %s can't be opened: %s", key, error)

    def _handle(self, key: Key, _: Request) -> Response:
        health = self._wanted.get(key)
        return answer(key, health.local_endpoints if health else 0)

    async def __aenter__(self) -> "HealthServers":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.serve({})
