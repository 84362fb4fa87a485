"""TaintNodesByCondition: a new node takes no pods until the node lifecycle controller has seen it ready."""

from sampan.apiserver.admission.attributes import Admission
from sampan.apiserver.services import Services

_TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def mutate(services: Services, admission: Admission) -> None:
    """Add the not-ready taint to a node that is being created."""
    spec = admission.new.setdefault("spec", {})
    taints = spec.get("taints") or []
    if not any(taint.get("key") == _TAINT["key"] and taint.get("effect") == _TAINT["effect"] for taint in taints):
        spec["taints"] = [*taints, dict(_TAINT)]
