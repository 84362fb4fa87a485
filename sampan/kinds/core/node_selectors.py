"""Which nodes a node selector allows: the terms of node affinity, of volumes and of topologies.

Pure; read by the scheduler, the DaemonSet controller, those of volumes, and the kubelet. Rules: docs, Assigning Pods to
Nodes, "Node affinity"; k8s.io/component-helpers/scheduling/corev1/nodeaffinity.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sampan.machinery.meta import Object
from sampan.machinery.tree import get_path

_REQUIRED = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")


def spec_allows(spec: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    """Whether a pod of this spec may be on a node: all of its nodeSelector, and any term of its required affinity."""
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    terms = get_path(spec, _REQUIRED)
    return terms is None or any_term(terms, labels, name)


def volume_allows(volume: Object, labels: Mapping[str, str]) -> bool:
    """Whether a PersistentVolume can be reached from a node of these labels; names count for nothing here."""
    required = get_path(volume, ("spec", "nodeAffinity", "required"))
    return required is None or any_term(required.get("nodeSelectorTerms") or (), labels, "")


def any_term(terms: Iterable[Mapping[str, Any]], labels: Mapping[str, str], name: str) -> bool:
    """Whether any term of a node selector holds for a node."""
    return any(one_term(term, labels, name) for term in terms)


def one_term(term: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    """A term without any condition matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return _all(expressions, labels) and _all(fields, {"metadata.name": name})


def topology_allows(terms: Iterable[Mapping[str, Any]] | None, labels: Mapping[str, str]) -> bool:
    """Whether any of a StorageClass's allowedTopologies holds for a node; none at all allow every node."""
    if not terms:
        return True
    found = (
        [(item["key"], item.get("values") or ()) for item in term.get("matchLabelExpressions") or ()] for term in terms
    )
    return any(items and all(labels.get(key) in values for key, values in items) for items in found)


def _all(expressions: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> bool:
    return all(_holds(expression, labels.get(expression.get("key", ""))) for expression in expressions)


def _holds(expression: Mapping[str, Any], label: str | None) -> bool:
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
