"""Which share of the cluster's CPUs each zone has: what topology.py divides endpoints by. Pure.

Upstream: k8s.io/endpointslice/topologycache, SetNodes.
"""

from collections.abc import Iterable

from sampan.controllers.pods import is_ready
from sampan.machinery.meta import Object, labels_of
from sampan.machinery.quantity import milli

ZONE = "topology.kubernetes.io/zone"
_NOT_COUNTED = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def zone_shares(nodes: Iterable[Object]) -> dict[str, float]:
    """Share by zone; empty where it can't be told: one ready node without zone or CPUs, or fewer than two zones."""
    cpus: dict[str, int] = {}
    for node in nodes:
        if not counts(node):
            continue
        zone, cpu = labels_of(node).get(ZONE), _cpu(node)
        if not zone or cpu <= 0:
            return {}
        cpus[zone] = cpus.get(zone, 0) + cpu
    total = sum(cpus.values())
    return {zone: cpu / total for zone, cpu in cpus.items()} if len(cpus) > 1 else {}


def counts(node: Object) -> bool:
    """Whether a node's CPUs are of use to ordinary pods."""
    return is_ready(node) and not any(name in labels_of(node) for name in _NOT_COUNTED)


def _cpu(node: Object) -> int:
    return milli(((node.get("status") or {}).get("allocatable") or {}).get("cpu") or 0)
