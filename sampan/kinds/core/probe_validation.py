"""What is wrong with probes and lifecycle hooks."""

from typing import Any

from sampan.kinds.checks import Errors, positive
from sampan.machinery.meta import Object
from sampan.machinery.names import http_header_name
from sampan.machinery.validation import (
    Path,
    check,
    forbidden,
    invalid,
    non_negative,
    not_supported,
    port,
    port_name,
    required,
)

_COUNTS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def validate_probes(container: Object, path: Path, grace_period: int) -> Errors:
    """The three probes of a container."""
    for field in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe, at = container.get(field), path.child(field)
        if probe is None:
            continue
        yield from _probe(probe, at, grace_period)
        if field == "readinessProbe":
            if (seconds := probe.get("terminationGracePeriodSeconds")) is not None:
                yield invalid(at.child("terminationGracePeriodSeconds"), seconds, "must not be set for readinessProbes")
        elif probe.get("successThreshold", 1) != 1:
            yield invalid(at.child("successThreshold"), probe["successThreshold"], "must be 1")


def _probe(probe: Object, path: Path, grace_period: int) -> Errors:
    yield from _handler(probe, path, grace_period, ("exec", "httpGet", "tcpSocket", "grpc"))
    for field in _COUNTS:
        yield from non_negative(path.child(field), probe.get(field))
    yield from positive(path.child("terminationGracePeriodSeconds"), probe.get("terminationGracePeriodSeconds"))


def validate_lifecycle(lifecycle: Object | None, path: Path, grace_period: int) -> Errors:
    """postStart and preStop."""
    for hook in ("postStart", "preStop"):
        if (handler := (lifecycle or {}).get(hook)) is not None:
            yield from _handler(handler, path.child(hook), grace_period, ("exec", "httpGet", "tcpSocket", "sleep"))


def _handler(handler: Object, path: Path, grace_period: int, types: tuple[str, ...]) -> Errors:
    present = [type_ for type_ in types if handler.get(type_) is not None]
    if not present:
        yield required(path, "must specify a handler type")
    for position, type_ in enumerate(present):
        if position:
            yield forbidden(path.child(type_), "may not specify more than 1 handler type")
        else:
            yield from _ACTIONS[type_](handler[type_], path.child(type_), grace_period)


def _exec(action: Object, path: Path, grace_period: int) -> Errors:
    if not action.get("command"):
        yield required(path.child("command"))


def _http_get(action: Object, path: Path, grace_period: int) -> Errors:
    if not action.get("path"):
        yield required(path.child("path"))
    yield from _port(action.get("port", 0), path.child("port"))
    if action.get("scheme") not in ("HTTP", "HTTPS"):
        yield not_supported(path.child("scheme"), action.get("scheme") or "", ("HTTP", "HTTPS"))
    for header in action.get("httpHeaders") or ():
        name = header.get("name") or ""
        yield from check(path.child("httpHeaders"), name, http_header_name(name))


def _tcp_socket(action: Object, path: Path, grace_period: int) -> Errors:
    return _port(action.get("port", 0), path.child("port"))


def _grpc(action: Object, path: Path, grace_period: int) -> Errors:
    yield from port(path.child("port"), action.get("port") or 0)


def _sleep(action: Object, path: Path, grace_period: int) -> Errors:
    seconds = action.get("seconds") or 0
    if not 0 <= seconds <= grace_period:
        detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_period})"
        yield invalid(path, seconds, detail)


def _port(value: Any, path: Path) -> Errors:
    """A number, or the name of one of the container's ports."""
    if isinstance(value, str):
        yield from check(path, value, port_name(value))
    else:
        yield from port(path, value)


_ACTIONS = {"exec": _exec, "httpGet": _http_get, "tcpSocket": _tcp_socket, "grpc": _grpc, "sleep": _sleep}
