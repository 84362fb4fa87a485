"""Doing what a probe or a lifecycle hook says: HTTP, TCP, command, gRPC health check, sleep.

An outcome is success or failure with the words that upstream's events use. Called by probes.py and hooks.py.
"""

import asyncio
import os
import shlex
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from sampan.kubelet import grpc_health
from sampan.kubelet.cri import CRI, CRIError
from sampan.machinery.meta import Object

USER_AGENT = "kube-probe/1.37"
MAX_BODY = 10 * 1024  # of an answer, shown in hooks' messages
MAX_OUTPUT = 10 * 1024  # of a command


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went; `message` is empty or says what is wrong (or, of a successful command, what it said)."""

    success: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What is acted upon."""

    spec: Object  # of the container, for named ports
    container: str  # id
    pod_ip: str


async def run(handler: Object, target: Target, cri: CRI, timeout: float) -> Outcome:
    """Do what a handler (of a probe or hook) says, within `timeout` seconds."""
    if "httpGet" in handler:
        return await _http(handler["httpGet"], target, timeout)
    if "tcpSocket" in handler:
        return await _tcp(handler["tcpSocket"], target, timeout)
    if "exec" in handler:
        return await _exec(handler["exec"].get("command") or [], target, cri, timeout)
    if "grpc" in handler:
        check = handler["grpc"]
        return Outcome(
            *await grpc_health.check(f"{target.pod_ip}:{check['port']}", check.get("service") or "", timeout)
        )
    if "sleep" in handler:
        await asyncio.sleep(handler["sleep"]["seconds"])
        return Outcome(True)
    return Outcome(False, "missing probe handler")


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


async def _tcp(action: Object, target: Target, timeout: float) -> Outcome:
    try:
        host, port = action.get("host") or target.pod_ip, port_of(action["port"], target.spec)
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except ValueError as error:
        return Outcome(False, str(error))
    except TimeoutError:
        return Outcome(False, f"dial tcp {host}:{port}: i/o timeout")
    except OSError as error:
        return Outcome(False, _dial_error(host, port, error))
    writer.close()
    return Outcome(True)


async def _http(action: Object, target: Target, timeout: float) -> Outcome:
    try:
        host, port = action.get("host") or target.pod_ip, port_of(action["port"], target.spec)
    except ValueError as error:
        return Outcome(False, str(error))
    scheme, path = (action.get("scheme") or "HTTP").lower(), action.get("path") or "/"
    url = f"{scheme}://{host}:{port}{path if path.startswith('/') else '/' + path}"
    headers = {header["name"]: header["value"] for header in action.get("httpHeaders") or ()}
    try:
        async with asyncio.timeout(timeout):
            status, body = await _get(host, port, path, headers, tls=scheme == "https")
    except TimeoutError:
        why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Outcome(False, f'Get "{url}": {why}')
    except OSError as error:
        return Outcome(False, f'Get "{url}": {_dial_error(host, port, error)}')
    except (EOFError, ValueError, IndexError, asyncio.LimitOverrunError):
        return Outcome(False, f'Get "{url}": EOF')
    if 200 <= status < 400:
        return Outcome(True, body)
    return Outcome(False, f"HTTP probe failed with statuscode: {status}")


async def _get(host: str, port: int, path: str, headers: Mapping[str, str], *, tls: bool) -> tuple[int, str]:
    """Status and the beginning of the body; raises OSError, and for what is not HTTP EOFError, ValueError, IndexError,
    LimitOverrunError."""
    context = _any_certificate() if tls else None
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write(_request(f"{host}:{port}", path, headers))
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split(maxsplit=2)[1]), (await reader.read(MAX_BODY)).decode(errors="replace")
    finally:
        writer.close()


def _request(host: str, path: str, headers: Mapping[str, str]) -> bytes:
    given = {name.lower() for name in headers}
    standard = {"Host": host, "User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
    merged = {name: value for name, value in standard.items() if name.lower() not in given} | dict(headers)
    lines = [f"GET {path if path.startswith('/') else '/' + path} HTTP/1.1", *(f"{n}: {v}" for n, v in merged.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _any_certificate() -> ssl.SSLContext:
    """Probes do not verify certificates (docs: "Configure Liveness, Readiness and Startup Probes")."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _dial_error(host: str, port: int, error: OSError) -> str:
    """As Go puts it; asyncio's own text repeats the address."""
    text = os.strerror(error.errno) if error.errno else str(error)
    return f"dial tcp {host}:{port}: connect: {text[:1].lower() + text[1:]}"
