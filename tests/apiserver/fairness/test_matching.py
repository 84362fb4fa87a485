"""Which schema a request belongs to."""

from typing import Any

import pytest

from sampan.apiserver.authentication.user import ANONYMOUS, GROUP_MASTERS, User, authenticated, service_account
from sampan.apiserver.bootstrap.flow_control import flow_schemas, priority_levels
from sampan.apiserver.fairness.configuration import configure
from sampan.apiserver.fairness.levels import Levels
from sampan.apiserver.fairness.queue import Ticket
from sampan.apiserver.fairness.work import ONE
from sampan.apiserver.requestinfo import parse_request


def default_levels() -> Levels:
    levels = Levels(600, lambda: 0.0, lambda after, call: None)
    levels.configure(configure([k.wanted for k in priority_levels()], [k.wanted for k in flow_schemas()]))
    return levels


NODE = authenticated("system:node:n1", ("system:nodes",))
JOE = authenticated("joe")
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x"
POD = "/api/v1/namespaces/default/pods/web"


@pytest.mark.parametrize(
    ("user", "method", "path", "schema"),
    [
        (authenticated("admin", (GROUP_MASTERS,)), "GET", POD, "exempt"),
        (JOE, "GET", "/healthz", "probes"),
        (JOE, "GET", "/healthz/etcd", "probes"),
        (JOE, "GET", "/healthzx", "global-default"),
        (ANONYMOUS, "GET", "/readyz", "probes"),
        (JOE, "POST", "/healthz", "global-default"),
        (authenticated("system:kube-scheduler"), "PUT", LEASES, "system-leader-election"),
        (authenticated("system:kube-scheduler"), "DELETE", LEASES, "kube-scheduler"),
        (authenticated("system:kube-controller-manager"), "GET", POD, "kube-controller-manager"),
        (NODE, "PATCH", "/api/v1/nodes/n1/status", "system-node-high"),
        (NODE, "GET", "/api/v1/nodes/n1/proxy", "system-nodes"),
        (NODE, "GET", POD, "system-nodes"),
        (service_account("kube-system", "coredns"), "GET", POD, "kube-system-service-accounts"),
        (service_account("default", "default"), "GET", POD, "service-accounts"),
        (User("system:serviceaccount:kube-system"), "GET", POD, "catch-all"),
        (JOE, "GET", POD, "global-default"),
        (ANONYMOUS, "GET", "/", "global-default"),
        (User("nobody"), "GET", POD, "catch-all"),
    ],
)
def test_default_schemas(user: User, method: str, path: str, schema: str) -> None:
    levels = default_levels()
    for _ in range(2):  # the second time from memory
        assert levels.flow_of(user, parse_request(method, path, {})).schema.name == schema


def _schema(name: str, precedence: int, level: str = "global-default", **rule: Any) -> dict[str, Any]:
    subjects = [{"kind": "User", "user": {"name": "joe"}}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {
            "priorityLevelConfiguration": {"name": level},
            "matchingPrecedence": precedence,
            "rules": [{"subjects": subjects, **rule}],
        },
    }


def _resources(**fields: Any) -> dict[str, Any]:
    rule = {"verbs": ["*"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["default"], **fields}
    return {"resourceRules": [rule]}


@pytest.mark.parametrize(
    ("rule", "path", "matched"),
    [
        (_resources(), POD, True),
        (_resources(namespaces=["other"]), POD, False),
        (_resources(), "/api/v1/pods", False),
        (_resources(clusterScope=True), "/api/v1/pods", True),
        (_resources(namespaces=None, clusterScope=True), POD, False),
        (_resources(resources=["pods/status"]), POD, False),
        (_resources(resources=["pods/status"]), f"{POD}/status", True),
        (_resources(resources=["*"]), f"{POD}/status", True),
        (_resources(apiGroups=["apps"]), POD, False),
        (_resources(verbs=["list"]), POD, False),
        ({"nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/apis/*"]}]}, "/apis/apps", True),
        ({"nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/apis/*"]}]}, "/apis", False),
        ({"nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/apis"]}]}, "/apis/apps", True),
    ],
)
def test_rules(rule: dict[str, Any], path: str, matched: bool) -> None:
    levels = Levels(600, lambda: 0.0, lambda after, call: None)
    objects = [k.wanted for k in priority_levels()]
    levels.configure(configure(objects, [_schema("mine", 100, **rule)]))
    assert levels.flow_of(JOE, parse_request("GET", path, {})).schema.name == ("mine" if matched else "catch-all")


def test_the_lowest_precedence_is_asked_first_then_the_name() -> None:
    levels = default_levels()
    schemas = [_schema("b", 100, **_resources()), _schema("a", 100, **_resources()), _schema("c", 99, **_resources())]
    objects = [k.wanted for k in priority_levels()]
    info = parse_request("GET", POD, {})
    levels.configure(configure(objects, schemas))
    assert levels.flow_of(JOE, info).schema.name == "c"
    levels.configure(configure(objects, schemas[:2]))
    assert levels.flow_of(JOE, info).schema.name == "a"
    levels.configure(configure(objects, [_schema("a", 1, "missing", **_resources()), schemas[0]]))
    assert levels.flow_of(JOE, info).schema.name == "b", "a schema without a level counts for nothing"


def test_what_is_remembered_is_bounded() -> None:
    levels = default_levels()
    for number in range(10_000):
        levels.flow_of(JOE, parse_request("GET", f"/api/v1/namespaces/n{number}/pods/x", {}))
    assert len(levels._known) <= 4096


def test_a_level_that_is_gone_serves_those_that_it_has() -> None:
    levels = default_levels()
    state = levels.states["workload-low"]
    user, info = service_account("default", "default"), parse_request("GET", POD, {})
    flow = levels.flow_of(user, info)
    ticket = Ticket(flow, ONE, None, lambda: None)
    state.queues.enter(ticket, 1)
    left = [k.wanted for k in priority_levels() if k.wanted["metadata"]["name"] != "workload-low"]
    schemas = [k.wanted for k in flow_schemas()]
    levels.configure(configure(left, schemas))
    assert levels.states["workload-low"].quiescing and not levels.drained()
    assert levels.flow_of(user, info).schema.name == "global-default"
    state.queues.finish(ticket)
    assert levels.drained()
    levels.configure(configure(left, schemas))
    assert "workload-low" not in levels.states
