"""The kubelet's HTTPS server: logs, exec, attach, port-forward for the API server, and what monitoring asks for.

Who asks, and whether they may, is for endpoints/access.py to say; what is served is below endpoints/, in a table by the
first part of the path. Rules: k8s.io/kubernetes/pkg/kubelet/server. Made by app.py.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import Counter
from prometheus_client.registry import CollectorRegistry

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.endpoints.access import Access
from sampan.kubelet.endpoints.answers import NOT_FOUND, TEXT, HTTPError, document
from sampan.kubelet.endpoints.configuration import configz
from sampan.kubelet.endpoints.container_logs import ContainerLogs
from sampan.kubelet.endpoints.finding import Pods
from sampan.kubelet.endpoints.health import Health
from sampan.kubelet.endpoints.metrics import Metrics
from sampan.kubelet.endpoints.node_logs import NodeLogs
from sampan.kubelet.endpoints.pods import PodLists
from sampan.kubelet.endpoints.streams import Streams
from sampan.kubelet.endpoints.summary import Summary
from sampan.transport.messages import Reply, Request, Response
from sampan.transport.server import HTTPServer
from sampan.transport.tls import asking_context, renew

log = logging.getLogger(__name__)

Serve = Callable[[Request, Sequence[str]], Awaitable[Reply]]
_READ, _STREAM, _WRITE = ("GET",), ("GET", "POST"), ("POST",)
_METHODS = frozenset({"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"})
_LONG = frozenset({"exec", "attach"})


class Endpoint(NamedTuple):
    """What answers below a first part of the path; it gets the parts after that."""

    serve: Serve
    methods: Sequence[str] = _READ


class KubeletServer:
    """Serves one node. `pods` gives the node's pods as they are now."""

    def __init__(self, context: KubeletContext, pods: Pods) -> None:
        self._context = context
        config = context.config
        self._access = Access(context.client, config.node_name, config.client_ca, context.clock)
        self._server = HTTPServer(self.handle)
        self._tls = asking_context(config.tls_certificate, config.tls_key, config.client_ca)
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "kubelet_http_requests",
            "Number of the http requests received since the server started",
            ("method", "path", "server_type", "long_running"),
            registry=self._registry,
        )
        self._endpoints = self._table(context, pods)

    def _table(self, context: KubeletContext, pods: Pods) -> Mapping[str, Endpoint]:
        streams, lists, config = Streams(context, pods), PodLists(context, pods), context.config
        return {
            "healthz": Endpoint(Health(context).serve, ("GET", "HEAD")),
            "configz": Endpoint(self._configz),
            "pods": Endpoint(lists.wanted),
            "runningpods": Endpoint(lists.running),
            "stats": Endpoint(Summary(context, pods).serve),
            "metrics": Endpoint(Metrics(context, pods, self._registry).serve),
            "logs": Endpoint(NodeLogs((config.node_log_dir, config.log_dir)).serve),
            "containerLogs": Endpoint(ContainerLogs(context, pods).serve),
            "exec": Endpoint(streams.execute, _STREAM),
            "attach": Endpoint(streams.attach, _STREAM),
            "portForward": Endpoint(streams.port_forward, _STREAM),
            "run": Endpoint(streams.run, _WRITE),
            "checkpoint": Endpoint(streams.checkpoint, _WRITE),
        }

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError, ssl.SSLError."""
        config = self._context.config
        return await self._server.start(config.listen, config.port, self._tls)

    def renew(self, certificate: bytes, key: bytes, client_ca: bytes) -> None:
        """Show another certificate, and believe those of this authority, from now on. Raises ssl.SSLError."""
        renew(self._tls, certificate, key, client_ca)
        self._access.trust(client_ca)

    async def stop(self) -> None:
        """Close everything."""
        await self._server.stop()

    async def handle(self, request: Request) -> Reply:
        """Answer one request."""
        first, *rest = request.path.removeprefix("/").split("/")
        self._count(request.method, first)
        try:
            await self._access.check(request)
            return await self._find(first, request.method).serve(request, rest)
        except HTTPError as error:
            return error.response()
        except CRIError as error:
            return Response(404 if error.code == "NotFound" else 500, str(error).encode(), TEXT)

    def _find(self, first: str, method: str) -> Endpoint:
        endpoint = self._endpoints.get(first)
        if endpoint is None:
            raise HTTPError(404, NOT_FOUND)
        if method not in endpoint.methods:
            raise HTTPError(405, "Method Not Allowed", [("Allow", ", ".join(endpoint.methods))])
        return endpoint

    def _count(self, method: str, first: str) -> None:
        """Labels are fixed words, whatever is asked for."""
        path = first if first in self._endpoints else "other"
        kind = method if method in _METHODS else "other"
        self._requests.labels(kind, path, "readwrite", "true" if first in _LONG else "false").inc()

    async def _configz(self, request: Request, rest: Sequence[str]) -> Reply:
        if any(rest):
            raise HTTPError(404, NOT_FOUND)
        return document(configz(self._context.config))
