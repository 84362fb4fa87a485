"""Doing what a probe or a lifecycle hook says: HTTP, TCP, command, gRPC health check, sleep.

An outcome is success or failure with the words that upstream's events use. Called by probes.py and hooks.py; HTTP is in
http_handler.py.
"""

import asyncio
import shlex
from dataclasses import dataclass, field

from sampan.kubelet import grpc_health
from sampan.kubelet.cri import CRI, CRIError
from sampan.kubelet.http_handler import HTTPHandler
from sampan.kubelet.outcome import Outcome
from sampan.machinery.meta import Object
from sampan.reconcile.clock import Clock
from sampan.transport.go_errors import dial_text

MAX_OUTPUT = 10 * 1024  # of a command


@dataclass(frozen=True, slots=True)
class Target:
    """What is acted upon."""

    spec: Object  # of the container, for named ports
    container: str  # id
    pod_ip: str


@dataclass(frozen=True, slots=True)
class Handlers:
    """Does what handlers say; one for all pods of a kubelet."""

    cri: CRI
    clock: Clock
    http: HTTPHandler = field(default_factory=HTTPHandler)

    async def run(self, handler: Object, target: Target, timeout: float) -> Outcome:
        """Do what a handler (of a probe or hook) says, within `timeout` seconds."""
        if "httpGet" in handler:
            return await self._http(handler["httpGet"], target, timeout)
        if "tcpSocket" in handler:
            return await _tcp(handler["tcpSocket"], target, timeout)
        if "exec" in handler:
            return await _exec(handler["exec"].get("command") or [], target, self.cri, timeout)
        if "grpc" in handler:
            return await _grpc(handler["grpc"], target, timeout)
        if "sleep" in handler:
            await self.clock.sleep(handler["sleep"]["seconds"])
            return Outcome(True)
        return Outcome(False, "missing probe handler")

    async def _http(self, action: Object, target: Target, timeout: float) -> Outcome:
        try:
            port = port_of(action["port"], target.spec)
        except ValueError as error:
            return Outcome(False, str(error))
        return await self.http.get(action, action.get("host") or target.pod_ip, port, timeout)


def port_of(value: int | str, spec: Object) -> int:
    """A port by number or by the name that the container gives it; raises ValueError."""
    if isinstance(value, int) or str(value).isdigit():
        return int(value)
    for port in spec.get("ports") or ():
        if port.get("name") == value:
            return int(port["containerPort"])
    raise ValueError(f'couldn\'t find port "{value}" in the container')


async def _exec(command: list[str], target: Target, cri: CRI, timeout: float) -> Outcome:
    try:
        code, out, err = await cri.exec_sync(target.container, command, timeout)
    except CRIError as error:
        if error.code == "DeadlineExceeded":
            return Outcome(False, f'command timed out: "{shlex.join(command)}" timed out after {timeout:g}s')
        return Outcome(False, str(error))
    return Outcome(code == 0, (out + err)[:MAX_OUTPUT].decode(errors="replace"))


async def _grpc(check: Object, target: Target, timeout: float) -> Outcome:
    address = f"{target.pod_ip}:{check['port']}"
    return Outcome(*await grpc_health.check(address, check.get("service") or "", timeout))


async def _tcp(action: Object, target: Target, timeout: float) -> Outcome:
    try:
        host, port = action.get("host") or target.pod_ip, port_of(action["port"], target.spec)
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except ValueError as error:
        return Outcome(False, str(error))
    except OSError as error:
        return Outcome(False, dial_text(host, port, error))
    writer.close()
    return Outcome(True)
