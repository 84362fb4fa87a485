"""exec, attach, portForward: passed byte for byte to the runtime's own streaming server. run, checkpoint: which wait.

Rules and texts: k8s.io/kubernetes/pkg/kubelet/server and k8s.io/cri-streaming (NewOptions, NewV4Options).
"""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from sampan.kubelet.context import KubeletContext
from sampan.kubelet.cri import CRIError
from sampan.kubelet.endpoints.answers import HTTPError, document
from sampan.kubelet.endpoints.attaching import attached, is_alive
from sampan.kubelet.endpoints.finding import Pods, pod_of, running_container
from sampan.kubelet.podspec import uid_of
from sampan.machinery.meta import format_time
from sampan.transport.connection import HTTPClient
from sampan.transport.go_errors import dial_text
from sampan.transport.messages import Reply, Request, Response
from sampan.transport.relay import asks_upgrade, end_to_end, relay_upgrade
from sampan.transport.websocket import is_websocket

_RUN_TIMEOUT = 120.0  # seconds; upstream's --runtime-request-timeout
Query = Mapping[str, list[str]]


class Streams:
    """The endpoints of one kubelet."""

    def __init__(self, context: KubeletContext, pods: Pods) -> None:
        self._context, self._pods = context, pods

    async def execute(self, request: Request, rest: Sequence[str]) -> Reply:
        """A command in a container."""
        query = _query(request)
        streams = _wanted(query)
        _check_upgrade(request)
        container = await running_container(self._pods, self._context.runtime, rest)
        url = await self._context.cri.exec_url(container.id, query.get("command", []), streams)
        return await _relay(request, url)

    async def attach(self, request: Request, rest: Sequence[str]) -> Reply:
        """The streams of a container's main process."""
        streams = _wanted(_query(request))
        _check_upgrade(request)
        container = await running_container(self._pods, self._context.runtime, rest)
        pid = await self._context.cri.container_pid(container.id)
        if not is_alive(pid):
            raise HTTPError(500, f'container not found ("{container.name}")')
        return attached(await _relay(request, await self._context.cri.attach_url(container.id, streams)), pid)

    async def port_forward(self, request: Request, rest: Sequence[str]) -> Reply:
        """Connections into a pod's network."""
        ports = ports_of(_query(request)) if is_websocket(request) else []
        pod = pod_of(self._pods, rest)
        _check_upgrade(request)
        sandbox = (await self._context.runtime.pod(uid_of(pod))).sandbox
        if sandbox is None or not sandbox.ready:
            raise HTTPError(500, f'not able to find pod sandbox of pod "{rest[1]}"')
        return await _relay(request, await self._context.cri.port_forward_url(sandbox.id, ports))

    async def run(self, request: Request, rest: Sequence[str]) -> Reply:
        """A command in a container, and all that it has written."""
        container = await running_container(self._pods, self._context.runtime, rest)
        command = _query(request).get("cmd", [""])[0].split(" ")
        code, out, err = await self._context.cri.exec_sync(container.id, command, _RUN_TIMEOUT)
        if code:
            said = err.decode(errors="replace")
            raise HTTPError(500, f"command '{' '.join(command)}' exited with {code}: {said}")
        return Response(200, out + err)

    async def checkpoint(self, request: Request, rest: Sequence[str]) -> Reply:
        """The state of a running container, written to a file on the node, where the runtime knows how."""
        container = await running_container(self._pods, self._context.runtime, rest)
        timeouts = _query(request).get("timeout", ["0"])
        if not timeouts[-1].isascii() or not timeouts[-1].isdecimal() or len(timeouts[-1]) > 9:
            raise HTTPError(404, "cannot parse value of timeout parameter")
        namespace, name = rest[0], rest[1]
        taken = format_time(self._context.clock.now())
        directory = self._context.config.checkpoint_dir
        await asyncio.to_thread(directory.mkdir, mode=0o700, exist_ok=True)
        path = str(directory / f"checkpoint-{name}_{namespace}-{container.name}-{taken}.tar")
        try:
            await self._context.cri.checkpoint_container(container.id, path, int(timeouts[-1]))
        except CRIError as error:
            what = f"{namespace}/{name}/{container.name}"
            raise HTTPError(500, f"checkpointing of {what} failed ({error})") from error
        return document({"items": [path]})


def _query(request: Request) -> Query:
    return parse_qs(request.raw_query, keep_blank_values=True)


def _wanted(query: Query) -> dict[str, bool]:
    """The streams, as CRI names them; a terminal has one output."""
    names = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
    wanted = {name: query.get(parameter, [""])[0] in ("1", "true") for name, parameter in names.items()}
    wanted["stderr"] = wanted["stderr"] and not wanted["tty"]
    if not (wanted["stdin"] or wanted["stdout"] or wanted["stderr"]):
        raise HTTPError(400, "you must specify at least 1 of stdin, stdout, stderr")
    return wanted


def ports_of(query: Query) -> list[int]:
    """The ports of a WebSocket client, which can't name them later, several in one parameter too; raises HTTPError."""
    given = query.get("port", [])
    if not given:
        raise HTTPError(400, 'query parameter "port" is required')
    return [_port(number, text) for text in given for number in _numbers(text)]


def _numbers(text: str) -> list[str]:
    if not text:
        raise HTTPError(400, 'query parameter "port" cannot be empty')
    return text.split(",")


def _port(number: str, text: str) -> int:
    plain = number.isascii() and number.isdecimal()
    if not plain or len(number.lstrip("0")) > 5 or int(number) > 65535:
        why = "value out of range" if plain else "invalid syntax"
        raise HTTPError(400, f'unable to parse "{text}" as a port: strconv.ParseUint: parsing "{number}": {why}')
    if int(number) < 1:
        raise HTTPError(400, f'port "{text}" must be > 0')
    return int(number)


def _check_upgrade(request: Request) -> None:
    if not asks_upgrade(request):
        raise HTTPError(500, "Upgrade request required\n")


async def _relay(request: Request, url: str) -> Reply:
    parts = urlsplit(url)
    client = HTTPClient(f"{parts.scheme}://{parts.netloc}")
    headers = end_to_end(request.all_lines(), drop=("authorization",), split=("x-stream-protocol-version",))
    try:
        return await relay_upgrade(client, request, parts.path, headers)
    except OSError as error:
        why = dial_text(parts.hostname or "", parts.port or 80, error)
        raise HTTPError(500, f"error dialing backend: {why}\n") from error
