"""Whether a pod that has been given to this node can run on it. Pure; called for pods that are new, and for resizes.

The scheduler sees to it that it can, but a pod may name its node itself, and two may be bound at the same moment. A pod
that is refused has failed. Rules and texts: upstream's pkg/kubelet/lifecycle (predicate.go); documentation, Reference,
"Node Status" and "Pod Lifecycle".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sampan.kinds.core.host_ports import host_ports
from sampan.kinds.core.pod_requests import PODS, Amounts, add, amounts, requested, requested_by
from sampan.kubelet.podspec import is_finished
from sampan.machinery.meta import Object, is_deleting


def is_new(pod: Object) -> bool:
    """Whether nobody has decided about it yet: no kubelet has told when it began with it."""
    return not (pod.get("status") or {}).get("startTime") and not is_finished(pod) and not is_deleting(pod)


def refusal(pod: Object, allocatable: Mapping[str, Any], others: Iterable[Object]) -> tuple[str, str] | None:
    """(reason, message) of why it can't run beside the other pods of the node; None if it can."""
    active = [other for other in others if not is_finished(other)]
    return shortage(pod, allocatable, active) or _port_taken(pod, active)


def shortage(pod: Object, allocatable: Mapping[str, Any], others: Iterable[Object]) -> tuple[str, str] | None:
    """(reason, message) of what the node has too little of, beside the other pods."""
    return _short_of(pod, amounts(allocatable), [other for other in others if not is_finished(other)])


def _short_of(pod: Object, offered: Amounts, active: Sequence[Object]) -> tuple[str, str] | None:
    """Resources that the node does not have at all are none of the kubelet's business."""
    used: Amounts = {PODS: len(active)}
    for other in active:
        add(used, requested_by(other))
    wanted = {PODS: 1, **requested(pod["spec"])}
    for name, amount in wanted.items():
        if name in offered and amount and amount > offered[name] - used.get(name, 0):
            numbers = f"requested: {amount}, used: {used.get(name, 0)}, capacity: {offered[name]}"
            return f"OutOf{name}", f"Node didn't have enough resource: {name}, {numbers}"
    return None


def _port_taken(pod: Object, active: Iterable[Object]) -> tuple[str, str] | None:
    taken = [port for other in active for port in host_ports(other["spec"])]
    if any(wanted.conflicts_with(port) for wanted in host_ports(pod["spec"]) for port in taken):
        return "NodePorts", "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
    return None
