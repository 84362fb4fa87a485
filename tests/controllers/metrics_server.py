"""A metrics adapter, small and real: HTTPS on loopback behind three APIServices, and serves what it is told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from sampan.kinds.apiregistration.api_service import KIND as API_SERVICE
from sampan.kinds.core.service import KIND as SERVICE
from sampan.transport.messages import Reply, Request, Response
from tests.apiserver.aggregation.backend import Backend, api_service, available, service
from tests.controllers.cluster import Cluster

SERVED = (
    ("metrics.k8s.io", "v1beta1"),
    ("custom.metrics.k8s.io", "v1beta2"),
    ("custom.metrics.k8s.io", "v1beta1"),
    ("external.metrics.k8s.io", "v1beta1"),
)


class MetricsServer(Backend):
    """`answers` are what it says below /apis, by path; a path that is not there is not found."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Any] = {}

    def _handle(self, request: Request) -> Reply:
        self.requests.append(request)
        path = request.path.removeprefix("/apis/")
        if tuple(path.split("/")) in SERVED:
            return _json(200, {"kind": "APIResourceList", "groupVersion": path, "resources": []})
        if path in self.answers:
            return _json(200, self.answers[path])
        return Response(404, b"404 page not found", "text/plain")

    async def register(self, cluster: Cluster) -> None:
        """Have the APIs served, and wait until they are."""
        await cluster.client.create(SERVICE, service(), "default")
        for priority, (group, version) in enumerate(reversed(SERVED)):
            body = api_service(self.port, group=group, version=version, versionPriority=100 + priority)
            await cluster.client.create(API_SERVICE, body)
            name = f"{version}.{group}"
            await cluster.one(API_SERVICE, name, lambda found: available(found).get("reason") == "Passed")


def _json(status: int, body: Any) -> Response:
    return Response(status, orjson.dumps(body))


@asynccontextmanager
async def metrics_server() -> AsyncIterator[MetricsServer]:
    """A running one."""
    made = MetricsServer()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
