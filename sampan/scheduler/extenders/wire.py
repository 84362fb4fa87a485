"""What is sent to an extender, and what its answer means: the types of k8s.io/kube-scheduler/extender/v1. Pure.

Field names are as Go writes them without tags, `NodeNames`; as Go reads them, their case does not matter in answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from sampan.machinery.meta import Object

MOST_PRIORITY = 10  # of a node, by an extender
_INT64 = 1 << 63


class ExtenderError(Exception):
    """An extender could not be asked, or did not answer as one; or its answer is an error."""


class Filtered(NamedTuple):
    """The answer to filter: names of the nodes that are left, and why others are not; None where it says nothing."""

    names: Sequence[str] | None
    failed: Mapping[str, str]
    unresolvable: Mapping[str, str]


class MetaVictims(NamedTuple):
    """Pods that would have to go, by UID, and how many disruption budgets that breaks."""

    uids: Sequence[str]
    violations: int


def filter_arguments(pod: Object, nodes: Sequence[bytes] | None, names: Sequence[str] | None) -> bytes:
    """ExtenderArgs, for filter and prioritize; `nodes` are encoded already, for there may be thousands."""
    listed = b"null" if nodes is None else b'{"metadata":{},"items":[%s]}' % b",".join(nodes)
    return b'{"Pod":%s,"Nodes":%s,"NodeNames":%s}' % (orjson.dumps(pod), listed, orjson.dumps(names))


def bind_arguments(namespace: str, name: str, uid: str, node: str) -> bytes:
    """ExtenderBindingArgs."""
    return orjson.dumps({"PodName": name, "PodNamespace": namespace, "PodUID": uid, "Node": node})


def preemption_arguments(pod: Object, victims: Mapping[str, tuple[Sequence[Object], int]], *, by_uid: bool) -> bytes:
    """ExtenderPreemptionArgs: who would have to go, by node; an extender with a cache is told UIDs only."""
    found = {
        node: {
            "Pods": [{"UID": pod["metadata"].get("uid", "")} for pod in pods] if by_uid else pods,
            "NumPDBViolations": violations,
        }
        for node, (pods, violations) in victims.items()
    }
    named, whole = (found, None) if by_uid else (None, found)
    return orjson.dumps({"Pod": pod, "NodeNameToVictims": whole, "NodeNameToMetaVictims": named})


def filtered(body: bytes) -> Filtered:
    """An ExtenderFilterResult. Raises ExtenderError."""
    tree = _object(_parsed(body), "ExtenderFilterResult")
    if error := tree.get("error"):
        raise ExtenderError(str(error))
    names, nodes = tree.get("nodenames"), tree.get("nodes")
    if names is None and nodes is not None:
        items = _object(nodes, "NodeList").get("items") or []
        names = [_object(_object(item, "Node").get("metadata"), "ObjectMeta").get("name", "") for item in items]
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ExtenderError("json: cannot unmarshal into Go struct field ExtenderFilterResult.NodeNames of type string")
    return Filtered(names, _messages(tree, "failednodes"), _messages(tree, "failedandunresolvablenodes"))


def priorities(body: bytes) -> dict[str, int]:
    """A HostPriorityList, as scores by node; what is said twice is added. Raises ExtenderError."""
    found: dict[str, int] = {}
    listed = _parsed(body)
    if listed is not None and not isinstance(listed, list):
        raise ExtenderError("json: cannot unmarshal object into Go value of type v1.HostPriorityList")
    for item in listed or []:
        tree = _object(item, "HostPriority")
        host, score = tree.get("host") or "", tree.get("score") or 0
        if not isinstance(host, str) or type(score) is not int or not -_INT64 <= score < _INT64:
            raise ExtenderError("json: cannot unmarshal into Go struct field HostPriority.Score of type int64")
        found[host] = found.get(host, 0) + score
    return found


def check_bound(body: bytes) -> None:
    """An ExtenderBindingResult. Raises ExtenderError where it is not done."""
    if error := _object(_parsed(body), "ExtenderBindingResult").get("error"):
        raise ExtenderError(str(error))


def preemption(body: bytes) -> dict[str, MetaVictims]:
    """An ExtenderPreemptionResult: who would have to go, by node. Raises ExtenderError."""
    tree = _object(_parsed(body), "ExtenderPreemptionResult").get("nodenametometavictims")
    if tree is not None and not isinstance(tree, dict):
        raise ExtenderError(
            "json: cannot unmarshal into Go struct field ExtenderPreemptionResult.NodeNameToMetaVictims"
        )
    return {node: _meta_victims(_object(victims, "MetaVictims")) for node, victims in (tree or {}).items()}


def _meta_victims(tree: Mapping[str, Any]) -> MetaVictims:
    pods, violations = tree.get("pods"), tree.get("numpdbviolations") or 0
    if (pods is not None and not isinstance(pods, list)) or type(violations) is not int:
        raise ExtenderError("json: cannot unmarshal into Go value of type v1.MetaVictims")
    return MetaVictims([str(_object(pod, "MetaPod").get("uid") or "") for pod in pods or ()], violations)


def _messages(tree: Mapping[str, Any], field: str) -> Mapping[str, str]:
    """A FailedNodesMap."""
    found = tree.get(field)
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(message, str) for message in found.values()):
        raise ExtenderError("json: cannot unmarshal into Go value of type v1.FailedNodesMap")
    return found


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise ExtenderError("EOF" if not body.strip() else f"invalid answer: {error}") from None


def _object(value: Any, kind: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ExtenderError(f"json: cannot unmarshal into Go value of type v1.{kind}")
    return {name.lower(): below for name, below in value.items()}
