"""Services in quotas: also how many load balancers and node ports they take."""

from datetime import datetime

from sampan.kinds.core.pod_resources import Resources
from sampan.kinds.quota.evaluator import ONE, ZERO, Change, Evaluator, count_name
from sampan.machinery.meta import Object
from sampan.machinery.quantity import Quantity

_COUNT = count_name("", "services")
_NAMES = frozenset({_COUNT, "services", "services.nodeports", "services.loadbalancers"})
_WITH_PORTS = ("NodePort", "LoadBalancer")


def _usage(service: Object, _: datetime) -> Resources:
    balancers = ONE if service["spec"].get("type") == "LoadBalancer" else ZERO
    ports = Quantity(_node_ports(service["spec"]) * 10**9)
    return {_COUNT: ONE, "services": ONE, "services.nodeports": ports, "services.loadbalancers": balancers}


def _node_ports(spec: Object) -> int:
    """How many it will have: admission sees Services before they get any."""
    ports = spec.get("ports") or []
    if spec.get("type") not in _WITH_PORTS:
        return 0
    if spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False:
        return sum(1 for port in ports if port.get("nodePort"))
    return len(ports)


def _handles(change: Change) -> bool:
    return not change.subresource and change.operation in ("CREATE", "UPDATE")


def _frees(old: Object, new: Object, now: datetime) -> bool:
    return _usage(old, now) != _usage(new, now)


SERVICES = Evaluator(_NAMES.__contains__, _usage, handles=_handles, frees=_frees)
