"""The FlowSchemas and PriorityLevelConfigurations of a new cluster, as two tables.

The mandatory ones are always as they are here; the suggested ones as long as no administrator changes them. Values:
k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap.
"""

from typing import Any, NamedTuple

from sampan.apiserver.bootstrap.kept import FLOW_AUTO_UPDATE, Kept, flow_spec
from sampan.machinery.meta import Object

_API_VERSION = "flowcontrol.apiserver.k8s.io/v1"
_MANDATORY = frozenset({"exempt", "catch-all"})  # of both kinds
_EVERYBODY = ("Group:system:unauthenticated", "Group:system:authenticated")
_NODES, _SYSTEM_ACCOUNTS = ("Group:system:nodes",), ("ServiceAccount:kube-system:*",)
_MANAGER, _SCHEDULER = "User:system:kube-controller-manager", "User:system:kube-scheduler"


class _Level(NamedTuple):
    """A priority level. Queues are their number, the hand's size and their length; none: reject what is too much."""

    name: str
    shares: int
    lendable: int  # percent
    queues: tuple[int, int, int] | None = None


class _Flow(NamedTuple):
    """A flow schema. `by` tells flows of one schema apart; no rules: everything."""

    name: str
    level: str
    precedence: int
    by: str
    subjects: tuple[str, ...]
    resources: tuple["_Resources", ...] = ()
    urls: tuple[str, ...] = ()


class _Resources(NamedTuple):
    verbs: tuple[str, ...]
    group: str
    resources: tuple[str, ...]
    cluster_scope: bool


_WIDE, _NARROW, _FEW = (128, 6, 50), (64, 6, 50), (16, 4, 50)
_LEVELS = (
    _Level("exempt", 0, 0),
    _Level("catch-all", 5, 0),
    _Level("system", 30, 33, _NARROW),
    _Level("node-high", 40, 25, _NARROW),
    _Level("leader-election", 10, 0, _FEW),
    _Level("workload-high", 40, 50, _WIDE),
    _Level("workload-low", 100, 90, _WIDE),
    _Level("global-default", 20, 50, _WIDE),
)
_USER, _NAMESPACE = "ByUser", "ByNamespace"
_LEASES = ("coordination.k8s.io", ("leases",), False)
_FLOWS = (
    _Flow("exempt", "exempt", 1, "", ("Group:system:masters",)),
    _Flow("catch-all", "catch-all", 10000, _USER, _EVERYBODY),
    _Flow("probes", "exempt", 2, "", _EVERYBODY, urls=("/healthz", "/readyz", "/livez")),
    _Flow(
        "system-leader-election",
        "leader-election",
        100,
        _USER,
        (_MANAGER, _SCHEDULER, *_SYSTEM_ACCOUNTS),
        (_Resources(("get", "create", "update"), *_LEASES),),
    ),
    _Flow(
        "system-node-high",
        "node-high",
        400,
        _USER,
        _NODES,
        (_Resources(("*",), "", ("nodes", "nodes/status"), True), _Resources(("*",), *_LEASES)),
    ),
    _Flow("system-nodes", "system", 500, _USER, _NODES),
    _Flow("kube-controller-manager", "workload-high", 800, _NAMESPACE, (_MANAGER,)),
    _Flow("kube-scheduler", "workload-high", 800, _NAMESPACE, (_SCHEDULER,)),
    _Flow("kube-system-service-accounts", "workload-high", 900, _NAMESPACE, _SYSTEM_ACCOUNTS),
    _Flow("service-accounts", "workload-low", 9000, _USER, ("Group:system:serviceaccounts",)),
    _Flow("global-default", "global-default", 9900, _USER, _EVERYBODY),
)
_EVERYTHING = (_Resources(("*",), "*", ("*",), True),)


def priority_levels() -> list[Kept]:
    """The PriorityLevelConfigurations, to which schemas refer."""
    return [_kept(_object("PriorityLevelConfiguration", level.name, _level_spec(level))) for level in _LEVELS]


def flow_schemas() -> list[Kept]:
    """The FlowSchemas."""
    return [_kept(_object("FlowSchema", flow.name, _flow_spec(flow))) for flow in _FLOWS]


def _kept(obj: Object) -> Kept:
    return Kept(obj, flow_spec(mandatory=obj["metadata"]["name"] in _MANDATORY))


def _object(kind: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "annotations": {FLOW_AUTO_UPDATE: "true"}}
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _level_spec(level: _Level) -> Object:
    shares = {"nominalConcurrencyShares": level.shares, "lendablePercent": level.lendable}
    if level.name == "exempt":
        return {"type": "Exempt", "exempt": shares}
    response: dict[str, Any] = {"type": "Reject"}
    if level.queues:
        names = ("queues", "handSize", "queueLengthLimit")
        response = {"type": "Queue", "queuing": dict(zip(names, level.queues, strict=True))}
    return {"type": "Limited", "limited": {**shares, "limitResponse": response}}


def _flow_spec(flow: _Flow) -> Object:
    resources, urls = flow.resources, flow.urls
    if not resources and not urls:
        resources, urls = _EVERYTHING, ("*",)
    rule: Object = {"subjects": [_subject(text) for text in flow.subjects]}
    if resources:
        rule["resourceRules"] = [_resource_rule(one) for one in resources]
    if urls:
        rule["nonResourceRules"] = [{"verbs": ["*"] if urls == ("*",) else ["get"], "nonResourceURLs": list(urls)}]
    method = {"distinguisherMethod": {"type": flow.by}} if flow.by else {}
    level = {"name": flow.level}
    return {"priorityLevelConfiguration": level, "matchingPrecedence": flow.precedence, **method, "rules": [rule]}


def _resource_rule(one: _Resources) -> Object:
    rule: Object = {
        "verbs": list(one.verbs),
        "apiGroups": [one.group],
        "resources": list(one.resources),
        "namespaces": ["*"],
    }
    return rule | {"clusterScope": True} if one.cluster_scope else rule


def _subject(text: str) -> Object:
    kind, _, name = text.partition(":")
    if kind == "ServiceAccount":
        namespace, _, name = name.partition(":")
        return {"kind": kind, "serviceAccount": {"name": name, "namespace": namespace}}
    return {"kind": kind, kind.lower(): {"name": name}}
