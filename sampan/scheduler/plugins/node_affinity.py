"""NodeAffinity: nodeSelector, required and preferred node affinity. Rules: docs page Assigning Pods to Nodes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.framework import Rejection
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.pod_info import PodInfo

Matches = Callable[[NodeInfo], bool]
_REASON = ("node(s) didn't match Pod's node affinity/selector",)


class NodeAffinity:
    """A NodeFilter, a RelativeScore and a Narrowing."""

    name = "NodeAffinity"
    events = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_LABELS})
    weight = 2
    reverse = False

    def filter(self, pod: PodInfo, node: NodeInfo) -> Rejection | None:
        return None if matches_required(pod, node) else Rejection(self.name, _REASON, resolvable=False)

    def count(self, pod: PodInfo, node: NodeInfo) -> int:
        """The weights of the preferred terms that the node meets."""
        preferred = _affinity(pod).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        return sum(term["weight"] for term in preferred if _matches_term(term.get("preference") or {}, node))

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
    selector = pod.spec.get("nodeSelector")
    if selector and any(node.labels.get(key) != value for key, value in selector.items()):
        return False
    terms = _required_terms(pod)
    return terms is None or any(_matches_term(term, node) for term in terms)


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


def _matches_term(term: Mapping[str, Any], node: NodeInfo) -> bool:
    """A term without any condition matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return _meets(expressions, node.labels) and _meets(fields, {"metadata.name": node.name})


def _meets(expressions: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> bool:
    return all(_meets_one(expression, labels.get(expression.get("key", ""))) for expression in expressions)


def _meets_one(expression: Mapping[str, Any], label: str | None) -> bool:
    values = expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return label in values
        case "NotIn":
            return label not in values
        case "Exists":
            return label is not None
        case "DoesNotExist":
            return label is None
        case "Gt" | "Lt" as operator:
            return _compares(operator, label, values)
    return False


def _compares(operator: str, label: str | None, values: Iterable[str]) -> bool:
    try:
        difference = int(label or "") - int(next(iter(values), ""))
    except ValueError:
        return False
    return difference > 0 if operator == "Gt" else difference < 0
