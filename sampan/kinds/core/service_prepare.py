"""Update rules of a Service: what a client that sends back less than it got still keeps, and what a new type drops.

A client that replaces a Service need not repeat what was allocated to it; one that changes the type need not clear the
fields that the new type may not have. Rules: registry/core/service (patchAllocatedValues, dropTypeDependentFields,
normalizeClusterIPs).
"""

from collections.abc import Callable

from sampan.kinds.core.service_types import (
    LOAD_BALANCER,
    is_externally_accessible,
    may_have_node_ports,
    needs_cluster_ip,
    needs_health_check_port,
)
from sampan.machinery.meta import Object

Needs = Callable[[Object], bool]


def prepare_create(service: Object) -> None:
    """No status; clusterIPs follow clusterIP."""
    service["status"] = {"loadBalancer": {}}
    spec = service["spec"]
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def prepare_update(new: Object, old: Object) -> None:
    """Fill in, drop, then bring clusterIP and clusterIPs in line."""
    after, before = new["spec"], old["spec"]
    _keep_allocated(after, before)
    _drop_by_type(after, before)
    _align_cluster_ips(after, before)


def _keep_allocated(after: Object, before: Object) -> None:
    if needs_cluster_ip(before) and needs_cluster_ip(after):
        if not after.get("clusterIP") and before.get("clusterIP"):
            after["clusterIP"] = before["clusterIP"]
        if not after.get("clusterIPs") and after.get("clusterIP") == before.get("clusterIP"):
            _put(after, "clusterIPs", before.get("clusterIPs"))
    if may_have_node_ports(before) and may_have_node_ports(after):
        _keep_node_ports(after, before)
    if needs_health_check_port(before) and needs_health_check_port(after) and not after.get("healthCheckNodePort"):
        _put(after, "healthCheckNodePort", before.get("healthCheckNodePort"))


def _keep_node_ports(after: Object, before: Object) -> None:
    """A port that is still there keeps its node port, unless another one now asks for that."""
    known = {_port_key(port): port.get("nodePort") for port in before.get("ports") or ()}
    taken = {(port.get("protocol"), port.get("nodePort")) for port in after.get("ports") or ()}
    for port in after.get("ports") or ():
        kept = known.get(_port_key(port))
        if kept and not port.get("nodePort") and (port.get("protocol"), kept) not in taken:
            port["nodePort"] = kept
            taken.add((port.get("protocol"), kept))


def _port_key(port: Object) -> tuple[str | None, int | None]:
    return port.get("protocol"), port.get("port")


def _put(spec: Object, field: str, value: object) -> None:
    if value:
        spec[field] = value


def _is_load_balancer(spec: Object) -> bool:
    return spec.get("type") == LOAD_BALANCER


_DEPENDENT: tuple[tuple[Needs, tuple[str, ...]], ...] = (
    (needs_cluster_ip, ("clusterIP", "clusterIPs")),
    (needs_cluster_ip, ("ipFamilies",)),
    (needs_cluster_ip, ("ipFamilyPolicy",)),
    (needs_health_check_port, ("healthCheckNodePort",)),
    (_is_load_balancer, ("allocateLoadBalancerNodePorts",)),
    (_is_load_balancer, ("loadBalancerClass",)),
    (is_externally_accessible, ("externalTrafficPolicy",)),
    (needs_cluster_ip, ("internalTrafficPolicy",)),
)


def _drop_by_type(after: Object, before: Object) -> None:
    """A field that the old type had and the new one may not have goes, if the client left it as it was."""
    for needs, fields in _DEPENDENT:
        if needs(before) and not needs(after) and all(after.get(f) == before.get(f) for f in fields):
            for field in fields:
                after.pop(field, None)
    if may_have_node_ports(before) and not may_have_node_ports(after) and _node_ports(after) == _node_ports(before):
        for port in after.get("ports") or ():
            port.pop("nodePort", None)


def _node_ports(spec: Object) -> set[int]:
    return {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}


def _align_cluster_ips(after: Object, before: Object) -> None:
    """A client that knows only clusterIP changes both by it; one that changes both is left to validation."""
    ip, old_ip = after.get("clusterIP") or "", before.get("clusterIP") or ""
    ips, old_ips = after.get("clusterIPs") or [], before.get("clusterIPs") or []
    if ip == old_ip:
        if not ips:
            _put(after, "clusterIPs", old_ips)
    elif ips == old_ips or (ip and not ips):
        after.pop("clusterIPs", None)
        _put(after, "clusterIPs", [ip] if ip else None)
