"""A kubelet that runs no containers but speaks every streaming protocol, and the API server that kubectl needs."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qs, parse_qsl, urlencode

import orjson

from sampan.apiserver.streaming import KubeletTarget, proxy_attach, proxy_exec, proxy_log, proxy_portforward
from sampan.machinery.errors import APIError, NotFound
from sampan.transport.messages import Connection, Reply, Request, Response, StreamResponse, Upgrade
from sampan.transport.spdy import Session, Stream

Streams = dict[str, Stream]
Command = Callable[[list[str], Streams], Awaitable[bytes]]

SUCCESS = b'{"metadata":{},"status":"Success"}'


def exit_status(code: int) -> bytes:
    cause = {"reason": "ExitCode", "message": str(code)}
    message = f"command terminated with exit code {code}"
    status = {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "message": message}
    return orjson.dumps({**status, "details": {"causes": [cause]}})


class FakeKubelet:
    """`command` decides what exec and attach do; what was asked is kept."""

    def __init__(self, command: Command | None = None) -> None:
        self.command = command or shell
        self.requests: list[Request] = []
        self.sessions_ended = asyncio.Event()
        self.refusal: Response | None = None
        self.endless = False  # logs go on

    async def handle(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.refusal is not None:
            return self.refusal
        verb = request.path.split("/")[1]
        if verb == "containerLogs":
            return self._logs(request)
        if request.headers.get("upgrade", "").lower() != "spdy/3.1":
            return Response(400, b"only SPDY here", "text/plain")
        version = "portforward.k8s.io" if verb == "portForward" else "v4.channel.k8s.io"
        offered = [name.strip() for name in request.headers.get("x-stream-protocol-version", "").split(",")]
        if version not in offered:
            return Response(403, f"unable to negotiate: {offered}".encode(), "text/plain")

        async def run(connection: Connection) -> None:
            session = Session(connection, client=False)
            work = self._forward(session) if verb == "portForward" else self._execute(session, request)
            try:
                async with asyncio.TaskGroup() as group:
                    running = group.create_task(session.run())
                    working = group.create_task(work)
                    await asyncio.wait((running, working), return_when=asyncio.FIRST_COMPLETED)
                    working.cancel()
                    await session.close()
                    running.cancel()
            finally:
                self.sessions_ended.set()

        headers = [("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade"), ("X-Stream-Protocol-Version", version)]
        return Upgrade(run, headers)

    def _logs(self, request: Request) -> Reply:
        async def lines() -> AsyncIterator[bytes]:
            try:
                yield b"line 1\n"
                if self.endless:
                    await asyncio.Event().wait()
                yield b"line 2\n"
            finally:
                self.sessions_ended.set()

        return StreamResponse(200, lines(), "text/plain")

    async def _execute(self, session: Session, request: Request) -> None:
        query = parse_qs(request.raw_query)
        expected = 1 + sum(query.get(name) == ["1"] for name in ("input", "output", "error", "tty"))
        streams: Streams = {}
        while len(streams) < expected:
            stream = await session.accept()
            if stream is None:
                return
            await stream.reply()
            streams[stream.headers["streamtype"]] = stream
        status = await self.command(query.get("command", []), streams)
        for name in ("stdout", "stderr"):
            if name in streams:
                await streams[name].write_eof()
        await streams["error"].write(status)
        await streams["error"].write_eof()

    async def _forward(self, session: Session) -> None:
        """Each pair of streams is a connection to something that shouts back."""
        async with asyncio.TaskGroup() as group:
            while (stream := await session.accept()) is not None:
                await stream.reply()
                if stream.headers["streamtype"] == "data":
                    group.create_task(_shout(stream))
                else:
                    await stream.write_eof()


async def _shout(stream: Stream) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await stream.read():
            await stream.write(data.upper())
        await stream.write_eof()


async def shell(words: list[str], streams: Streams) -> bytes:
    """A few commands: cat, both, exit N, size."""
    match words:
        case ["cat"]:
            while data := await streams["stdin"].read():
                await streams["stdout"].write(data)
        case ["both"]:
            await streams["stdout"].write(b"to stdout\n")
            await streams["stderr"].write(b"to stderr\n")
        case ["exit", code]:
            return exit_status(int(code))
        case ["size"]:
            await streams["stdout"].write(await streams["resize"].read())
        case ["long"]:
            for _ in range(64):
                await streams["stdout"].write(b"x" * 65536)
        case _:
            await streams["stdout"].write(f"ran {words}\n".encode())
    return SUCCESS


class FakeAPIServer:
    """One pod, `web`, on one kubelet."""

    def __init__(self, kubelet_port: int) -> None:
        self.kubelet_port = kubelet_port
        self.kubelet_tls: ssl.SSLContext | None = None

    async def handle(self, request: Request) -> Reply:
        try:
            return await self._route(request)
        except APIError as error:
            return Response(error.status_code, orjson.dumps(error.status()))

    async def _route(self, request: Request) -> Reply:
        pod = "/api/v1/namespaces/default/pods/web"
        if request.path in _DOCUMENTS:
            return Response(200, orjson.dumps(_DOCUMENTS[request.path]))
        if request.path == pod:
            return Response(200, orjson.dumps(_POD))
        subresource = request.path.removeprefix(pod + "/")
        proxies = {"exec": proxy_exec, "attach": proxy_attach, "portforward": proxy_portforward, "log": proxy_log}
        if subresource not in proxies:
            raise NotFound.path()
        return await proxies[subresource](self.target(subresource, request.raw_query), request)

    def target(self, subresource: str, query: str) -> KubeletTarget:
        if subresource == "log":
            return self._kubelet("/containerLogs/default/web/main", query)
        if subresource == "portforward":
            return self._kubelet("/portForward/default/web", "")
        names = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
        asked = {name for name, value in parse_qsl(query) if value.lower() == "true"}  # Python writes True
        asked -= {"stderr"} if "tty" in asked else set()
        pairs = [(given, "1") for name, given in names.items() if name in asked]
        pairs += [pair for pair in parse_qsl(query) if pair[0] == "command"]
        return self._kubelet(f"/{subresource}/default/web/main", urlencode(pairs))

    def _kubelet(self, path: str, query: str) -> KubeletTarget:
        return KubeletTarget("127.0.0.1", self.kubelet_port, path, query, self.kubelet_tls)


_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default", "uid": "1"},
    "spec": {
        "nodeName": "n",
        "containers": [{"name": "main", "image": "i", "stdin": True, "ports": [{"containerPort": 80}]}],
    },
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}
_DOCUMENTS = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]},
        ],
    },
}
