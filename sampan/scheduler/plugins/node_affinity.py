"""NodeAffinity: nodeSelector, required and preferred node affinity. Rules: docs page Assigning Pods to Nodes."""

from collections.abc import Mapping
from typing import Any

from sampan.kinds.core.node_selectors import any_term, one_term, spec_allows
from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

_REASON = ("node(s) didn't match Pod's node affinity/selector",)
_ENFORCED = ("node(s) didn't match scheduler-enforced node affinity",)


class NodeAffinity:
    """A NodeFilter, a RelativeScore and a Narrowing."""

    name = "NodeAffinity"
    events = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_LABELS})
    ignores_pods = True
    reverse = False

    def __init__(self, added: Mapping[str, Any] | None = None) -> None:
        """`added` is a node affinity that every pod has beside its own."""
        required = (added or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
        self._enforced = None if required is None else required.get("nodeSelectorTerms") or ()
        self._preferred = tuple((added or {}).get("preferredDuringSchedulingIgnoredDuringExecution") or ())

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        if self._enforced is not None and not any_term(self._enforced, node.labels, node.name):
            return Rejection(self.name, _ENFORCED, resolvable=False)
        return None if matches_required(pod, node) else Rejection(self.name, _REASON, resolvable=False)

    def count(self, pod: PodInfo, node: NodeInfo) -> int:
        """The weights of the preferred terms that the node meets."""
        preferred = _affinity(pod).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        return sum(
            term.get("weight", 0)
            for term in (*preferred, *self._preferred)
            if one_term(term.get("preference") or {}, node.labels, node.name)
        )

    def narrow(self, pod: PodInfo) -> frozenset[str] | None:
        """Where every required term names nodes by metadata.name, as a DaemonSet's pods do: those nodes."""
        names: set[str] = set()
        for term in _required_terms(pod) or ({},):
            named = _named_nodes(term)
            if named is None:
                return None
            names |= named
        return frozenset(names)


def matches_required(pod: PodInfo, node: NodeInfo) -> bool:
    """Whether a node meets nodeSelector and the required affinity: all of the one and any term of the other."""
    return spec_allows(pod.spec, node.labels, node.name)


def is_picky(pod: PodInfo) -> bool:
    """Whether the pod requires anything of its node's labels or name."""
    return bool(pod.spec.get("nodeSelector")) or _required_terms(pod) is not None


def _affinity(pod: PodInfo) -> Mapping[str, Any]:
    return (pod.spec.get("affinity") or {}).get("nodeAffinity") or {}


def _required_terms(pod: PodInfo) -> list[Mapping[str, Any]] | None:
    required = _affinity(pod).get("requiredDuringSchedulingIgnoredDuringExecution")
    return None if required is None else list(required.get("nodeSelectorTerms") or ())


def _named_nodes(term: Mapping[str, Any]) -> set[str] | None:
    """The nodes that a term's matchFields allow; None where it has none."""
    named: set[str] | None = None
    for field in term.get("matchFields") or ():
        if field.get("key") == "metadata.name" and field.get("operator") == "In":
            values = set(field.get("values") or ())
            named = values if named is None else named & values
    return named
