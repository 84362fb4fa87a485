"""Checks of the baseline level that keep pods from the node: its namespaces, ports, paths, processes and probes."""

from collections.abc import Iterator

from sampan.apiserver.admission.pod_security.wording import (
    Finding,
    containers,
    named,
    names_where,
    number,
    quoted,
    security,
    setters,
)
from sampan.machinery.meta import Object

_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")


def host_namespaces(_: Object, spec: Object) -> Finding | None:
    """No network, process or IPC namespace of the node."""
    shared = [f"{field}=true" for field in _NAMESPACES if spec.get(field)]
    return Finding("host namespaces", ", ".join(shared)) if shared else None


def host_path_volumes(_: Object, spec: Object) -> Finding | None:
    """No directory of the node."""
    names = [volume.get("name") for volume in spec.get("volumes") or () if volume.get("hostPath") is not None]
    return Finding("hostPath volumes", f"{number(len(names), 'volume')} {quoted(names)}") if names else None


def host_ports(_: Object, spec: Object) -> Finding | None:
    """No port of the node."""
    names = names_where(spec, lambda container: any(_host_ports(container)))
    if not names:
        return None
    ports = sorted({str(port) for container in containers(spec) for port in _host_ports(container)})
    words = f"{number(len(names), 'uses', 'use')} {number(len(ports), 'hostPort')} {', '.join(ports)}"
    return Finding("hostPort", f"{named(names)} {words}")


def _host_ports(container: Object) -> Iterator[int]:
    return (port["hostPort"] for port in container.get("ports") or () if port.get("hostPort"))


def probe_hosts(_: Object, spec: Object) -> Finding | None:
    """No probe or hook that makes the kubelet call another host."""
    names = sorted(set(names_where(spec, lambda container: any(_hosts(container)))))
    if not names:
        return None
    hosts = sorted({host for container in containers(spec) for host in _hosts(container)})
    words = f"{number(len(names), 'uses', 'use')} {number(len(hosts), 'probe or lifecycle host')} {quoted(hosts)}"
    return Finding("probe or lifecycle host", f"{named(names)} {words}")


def _hosts(container: Object) -> Iterator[str]:
    lifecycle = container.get("lifecycle") or {}
    for handler in (*map(container.get, _PROBES), *map(lifecycle.get, _HOOKS)):
        for field in ("httpGet", "tcpSocket"):
            if host := ((handler or {}).get(field) or {}).get("host"):
                yield host


def privileged(_: Object, spec: Object) -> Finding | None:
    """No container with all rights."""
    names = names_where(spec, lambda container: bool(security(container).get("privileged")))
    return Finding("privileged", f"{named(names)} must not set securityContext.privileged=true") if names else None


def windows_host_process(_: Object, spec: Object) -> Finding | None:
    """No process of the node itself on Windows."""
    names = names_where(spec, _is_host_process)
    if who := setters(pod=_is_host_process(spec), names=names):
        return Finding("hostProcess", f"{who} must not set securityContext.windowsOptions.hostProcess=true")
    return None


def _is_host_process(holder: Object) -> bool:
    return bool((security(holder).get("windowsOptions") or {}).get("hostProcess"))
