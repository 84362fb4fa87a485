"""A pod's host ports as nftables: the node's port leads to the container's. Pure.

What the CNI plugin `portmap` does elsewhere, at the cost of an iptables run for every pod. Called by render.py.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sampan.kinds.addresses import is_ipv4
from sampan.machinery.meta import Object, key_of
from sampan.proxy.endpoints import PROTOCOLS
from sampan.proxy.ruleset import Chain, Fragment, name_of

_OVER = ("Succeeded", "Failed")
_NOTHING = Fragment()


def pod_rules(pod: Object) -> Fragment:
    """What one pod of this node contributes; nothing unless it has host ports and an address of its own."""
    status = pod.get("status") or {}
    ip = status.get("podIP") or ""
    if pod["spec"].get("hostNetwork") or status.get("phase") in _OVER or not is_ipv4(ip):
        return _NOTHING
    chains: dict[str, Chain] = {}
    elements: dict[str, dict[str, str]] = {}
    for port in _host_ports(pod["spec"]):
        protocol, host_ip = port.get("protocol", "TCP").lower(), port.get("hostIP") or ""
        anywhere = host_ip in ("", "0.0.0.0")
        if not anywhere and not is_ipv4(host_ip):
            continue
        name = name_of("hostport", key_of(pod), protocol, port["hostPort"], host_ip or "any")
        chains[name] = Chain(tuple(_chain(ip, protocol, port["containerPort"])))
        key = f"{protocol} . {port['hostPort']}"
        table, key = ("hostports", key) if anywhere else ("hostport-ips", f"{host_ip} . {key}")
        elements.setdefault(table, {})[key] = f"goto {name}"
    return Fragment(chains, {}, elements) if chains else _NOTHING


def _host_ports(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    # an init container has ports only while it runs, except the restartable ones: sidecars
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in [*sidecars, *spec["containers"]]:
        for port in container.get("ports") or ():
            if port.get("hostPort") and port.get("protocol", "TCP") in PROTOCOLS:
                yield port


def _chain(ip: str, protocol: str, port: int) -> Iterator[str]:
    yield f"ip saddr {ip} jump mark-for-masquerade"
    yield f"meta l4proto {protocol} dnat to {ip}:{port}"
