"""TaintToleration: taints that a pod does not tolerate keep it away (NoSchedule, NoExecute) or count against the node
(PreferNoSchedule). Rules: docs page Taints and Tolerations.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

_FORBIDDING = ("NoSchedule", "NoExecute")


def tolerates(tolerations: Iterable[Mapping[str, Any]] | None, taint: Mapping[str, Any]) -> bool:
    """Whether any of the tolerations covers a taint."""
    return any(_covers(toleration, taint) for toleration in tolerations or ())


def _covers(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    mine, theirs = toleration.get("value") or "", taint.get("value") or ""
    if operator == "Exists":
        return True
    if operator in ("Gt", "Lt"):
        return _compares(operator, mine, theirs)
    return operator == "Equal" and bool(toleration.get("key")) and mine == theirs


def _compares(operator: str, mine: str, theirs: str) -> bool:
    """Numeric tolerations: the taint's value is greater, or less, than the toleration's (KEP-5471)."""
    try:
        difference = int(theirs) - int(mine)
    except ValueError:
        return False
    return difference > 0 if operator == "Gt" else difference < 0


class TaintToleration:
    """A NodeFilter and a RelativeScore."""

    name = "TaintToleration"
    events = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_TAINTS})
    ignores_pods = True
    reverse = True

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        for taint in node.taints:
            if taint.get("effect") in _FORBIDDING and not tolerates(pod.spec.get("tolerations"), taint):
                return Rejection(self.name, ("node(s) had untolerated taint(s)",), resolvable=False)
        return None

    def count(self, pod: PodInfo, node: NodeInfo) -> int:
        """Taints that would rather not have the pod."""
        tolerations = [t for t in pod.spec.get("tolerations") or () if t.get("effect") in (None, "", _PREFER)]
        return sum(t.get("effect") == _PREFER and not tolerates(tolerations, t) for t in node.taints)


_PREFER = "PreferNoSchedule"
