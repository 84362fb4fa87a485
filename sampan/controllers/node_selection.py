"""Whether a pod spec's nodeSelector and required node affinity allow a node. Pure.

For the DaemonSet controller, which must know where its pods belong before a scheduler sees them. Rules: docs, Assigning
Pods to Nodes, "Node affinity".
"""

from collections.abc import Mapping
from typing import Any

from sampan.machinery.meta import Object, labels_of
from sampan.machinery.requirements import EXISTS, GREATER, IN, LESS, NOT_EXISTS, NOT_IN, Requirement
from sampan.machinery.tree import get_path

_OPERATORS = {
    "In": IN,
    "NotIn": NOT_IN,
    "Exists": EXISTS,
    "DoesNotExist": NOT_EXISTS,
    "Gt": GREATER,
    "Lt": LESS,
}
_REQUIRED = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")


def selects(spec: Object, node: Object) -> bool:
    """Whether a pod of this spec may be on the node: all of nodeSelector, and any term of the affinity."""
    labels = labels_of(node)
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    terms = get_path(spec, _REQUIRED)
    return terms is None or any(_matches(term, labels, node["metadata"]["name"]) for term in terms)


def _matches(term: Object, labels: Mapping[str, str], name: str) -> bool:
    """An empty term matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    by_name = {"metadata.name": name}
    return all(_holds(one, labels) for one in expressions) and all(_holds(one, by_name) for one in fields)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    values = tuple(expression.get("values") or ())
    return Requirement(expression["key"], _OPERATORS[expression["operator"]], values).matcher()(labels)
