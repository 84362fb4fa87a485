"""The kubelet's HTTPS server: logs, exec, attach, port-forward for the API server, and what monitoring asks for.

Only clients with a certificate of the cluster's CA and an allowed name come in: there is nobody else who has business
here. Streams are passed byte for byte to the runtime's own streaming server. Made by app.py.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import parse_qs, parse_qsl, urlsplit

import orjson
from cryptography import x509
from cryptography.x509.oid import NameOID

from sampan.kubelet import cri_pb2 as pb
from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.log_access import LogUnavailable, find_log
from sampan.kubelet.logs import parse_options, read_log
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.runtime import Container, State
from sampan.kubelet.stats import metrics_text, summary
from sampan.machinery.meta import Object
from sampan.transport.connection import HTTPClient
from sampan.transport.messages import Reply, Request, Response, StreamResponse
from sampan.transport.relay import end_to_end, relay_upgrade
from sampan.transport.server import HTTPServer
from sampan.transport.tls import server_context

log = logging.getLogger(__name__)

TEXT = "text/plain; charset=utf-8"
Route = Callable[[Request, Sequence[str]], Awaitable[Reply]]


class HTTPError(Exception):
    """An answer other than success; str() is its body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KubeletServer:
    """Serves one node. `pods` gives the node's pods as they are now."""

    def __init__(self, context: KubeletContext, pods: Callable[[], list[Object]]) -> None:
        self._context = context
        self._pods = pods
        self._server = HTTPServer(self.handle)
        self._routes: Mapping[str, Route] = {
            "healthz": self._healthz,
            "pods": self._list_pods,
            "runningpods": self._list_pods,
            "stats": self._stats,
            "metrics": self._metrics,
            "containerLogs": self._logs,
            "exec": self._exec,
            "attach": self._attach,
            "portForward": self._port_forward,
        }

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError, ssl.SSLError."""
        config = self._context.config
        context = server_context(config.tls_certificate, config.tls_key, config.client_ca)
        return await self._server.start(config.listen, config.port, context)

    async def stop(self) -> None:
        """Close everything."""
        await self._server.stop()

    async def handle(self, request: Request) -> Reply:
        """Answer one request."""
        first, *rest = request.path.strip("/").split("/")
        try:
            self._authorize(request)
            route = self._routes.get(first)
            if route is None:
                raise HTTPError(404, "404 page not found")
            return await route(request, rest)
        except HTTPError as error:
            return Response(error.status, f"{error}\n".encode(), TEXT)
        except CRIError as error:
            return Response(500, f"{error}\n".encode(), TEXT)

    def _authorize(self, request: Request) -> None:
        if request.peer_certificate is None:
            raise HTTPError(401, "Unauthorized")
        name = common_name(request.peer_certificate)
        if name not in self._context.config.allowed_clients:
            verb = "get" if request.method == "GET" else "create"
            raise HTTPError(403, f"Forbidden (user={name}, verb={verb}, resource=nodes, subresource(s)=[proxy])")

    # What monitoring asks for

    async def _healthz(self, request: Request, rest: Sequence[str]) -> Reply:
        await self._context.cri.version()
        return Response(200, b"ok", TEXT)

    async def _list_pods(self, request: Request, rest: Sequence[str]) -> Reply:
        listed = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": self._pods()}
        return Response(200, orjson.dumps(listed))

    async def _stats(self, request: Request, rest: Sequence[str]) -> Reply:
        if list(rest) != ["summary"]:
            raise HTTPError(404, "404 page not found")
        return Response(200, orjson.dumps(await summary(self._context, self._pods())))

    async def _metrics(self, request: Request, rest: Sequence[str]) -> Reply:
        return Response(200, (await metrics_text(self._context)).encode(), "text/plain; version=0.0.4; charset=utf-8")

    # Logs

    async def _logs(self, request: Request, rest: Sequence[str]) -> Reply:
        pod, name = self._pod(rest, parts=3), rest[2]
        try:
            options = parse_options(dict(parse_qsl(request.raw_query)), self._context.clock.now())
        except ValueError as error:
            raise HTTPError(400, str(error)) from error
        runtime = await self._context.runtime.pod(uid_of(pod))
        try:
            container, path = find_log(pod, name, runtime, options.previous)
        except LogUnavailable as error:
            raise HTTPError(error.status, str(error)) from error
        return StreamResponse(200, read_log(path, options, self._alive(container)), TEXT)

    def _alive(self, container: Container) -> Callable[[], Awaitable[bool]]:
        """Whether a container may still write."""

        async def alive() -> bool:
            try:
                status = await self._context.cri.container_status(container.id)
            except CRIError:
                return False
            return bool(status.state == pb.CONTAINER_RUNNING)

        return alive

    # Streams

    async def _exec(self, request: Request, rest: Sequence[str]) -> Reply:
        container, query = await self._container(rest), parse_qs(request.raw_query)
        url = await self._context.cri.exec_url(container.id, query.get("command", []), _streams(query))
        return await self._relay(request, url)

    async def _attach(self, request: Request, rest: Sequence[str]) -> Reply:
        container, query = await self._container(rest), parse_qs(request.raw_query)
        return await self._relay(request, await self._context.cri.attach_url(container.id, _streams(query)))

    async def _port_forward(self, request: Request, rest: Sequence[str]) -> Reply:
        pod = self._pod(rest, parts=2)
        sandbox = (await self._context.runtime.pod(uid_of(pod))).sandbox
        if sandbox is None or not sandbox.ready:
            raise HTTPError(404, f'pod "{rest[1]}" is not running')
        ports = [int(port) for port in parse_qs(request.raw_query).get("port", []) if port.isdigit()]
        return await self._relay(request, await self._context.cri.port_forward_url(sandbox.id, ports))

    async def _relay(self, request: Request, url: str) -> Reply:
        if "upgrade" not in request.headers:
            raise HTTPError(400, "Upgrade request required")
        parts = urlsplit(url)
        client = HTTPClient(f"{parts.scheme}://{parts.netloc}")
        headers = end_to_end(request.all_lines(), split=("x-stream-protocol-version",))
        return await relay_upgrade(client, request, parts.path, headers)

    # Finding

    def _pod(self, rest: Sequence[str], parts: int) -> Object:
        """The pod that /verb/namespace/pod[/container] names."""
        if len(rest) < parts:
            raise HTTPError(404, "404 page not found")
        namespace, name = rest[0], rest[1]
        for pod in self._pods():
            if (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, name):
                return pod
        raise HTTPError(404, f'pod "{name}" does not exist')

    async def _container(self, rest: Sequence[str]) -> Container:
        """The running container that a path names."""
        pod = self._pod(rest, parts=3)
        latest = (await self._context.runtime.pod(uid_of(pod))).latest(rest[2])
        if latest is None or latest.state is not State.RUNNING:
            raise HTTPError(404, f'container not found ("{rest[2]}")')
        return latest


def common_name(certificate: bytes) -> str:
    """The subject's common name of a DER certificate; "" if it has none."""
    names = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _streams(query: Mapping[str, list[str]]) -> dict[str, bool]:
    wanted = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
    return {name: query.get(parameter, [""])[0] in ("1", "true") for name, parameter in wanted.items()}
