"""Role-based access control: what is granted, why not, and who may grant it. The words are upstream's."""

from typing import Any

import pytest

from tests.apiserver.harness import API, PODS

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
JOE = {"kind": "User", "name": "joe", "apiGroup": GROUP}
LIST = 'pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "default"'


def rule(verbs: str, resources: str = "", groups: str = "", names: str = "", urls: str = "") -> dict[str, Any]:
    """A PolicyRule of words."""
    if urls:
        return {"verbs": verbs.split(), "nonResourceURLs": urls.split()}
    found = {"verbs": verbs.split(), "apiGroups": [groups], "resources": resources.split()}
    return found | ({"resourceNames": names.split()} if names else {})


async def role(api: API, name: str, *rules: dict[str, Any], namespace: str = "", **meta: Any) -> None:
    """A Role, or a ClusterRole."""
    path = f"{RBAC}/namespaces/{namespace}/roles" if namespace else f"{RBAC}/clusterroles"
    await api.create(path, {"metadata": {"name": name, **meta}, "rules": list(rules)})


async def bind(api: API, kind: str, name: str, namespace: str = "", *subjects: dict[str, Any]) -> None:
    """Give a role to joe."""
    what, place = ("rolebindings", f"namespaces/{namespace}/") if namespace else ("clusterrolebindings", "")
    ref = {"apiGroup": GROUP, "kind": kind, "name": name}
    body = {"metadata": {"name": f"to-{name}"}, "roleRef": ref, "subjects": list(subjects) or [JOE]}
    await api.create(f"{RBAC}/{place}{what}", body)


async def message(api: API, method: str, path: str, body: Any = None, **options: Any) -> str:
    """Why joe may not."""
    found = await api.call(method, path, body, user="joe", **options)
    assert found.status == 403, found
    return str(found.body["message"])


async def test_roles_that_are_missing_are_named(api: API) -> None:
    assert await message(api, "GET", PODS) == LIST
    await bind(api, "ClusterRole", "gone")
    missing = 'clusterrole.rbac.authorization.k8s.io "gone" not found'
    assert await message(api, "GET", PODS) == f"{LIST}: rbac: RBAC: {missing}"
    await bind(api, "Role", "lost", "default")
    both = f'[{missing}, role.rbac.authorization.k8s.io "lost" not found]'
    assert await message(api, "GET", PODS) == f"{LIST}: rbac: RBAC: {both}"
    assert (await message(api, "GET", "/metrics")).endswith(f": rbac: RBAC: {missing}")
    spec = {"user": "joe", "resourceAttributes": {"namespace": "default", "verb": "list", "resource": "pods"}}
    status = (await api.create(f"{REVIEWS}/subjectaccessreviews", {"spec": spec}))["status"]
    assert status == {"allowed": False, "reason": f"rbac: RBAC: {both}"}
    status = (await api.create(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, user="joe"))[
        "status"
    ]
    assert (status["evaluationError"], status["incomplete"]) == (both, False)
    await role(api, "gone", rule("list", "pods"))
    assert (await api.call("GET", PODS, user="joe")).status == 200


@pytest.mark.parametrize(
    ("granted", "path", "status"),
    [
        (rule("get", urls="/metrics"), "/metrics", 200),
        (rule("get", urls="/metric*"), "/metrics", 200),
        (rule("*", urls="*"), "/metrics", 200),
        (rule("get", urls="/metrics/*"), "/metrics", 403),
        (rule("post", urls="/metrics"), "/metrics", 403),
        (rule("get", "pods/log"), f"{PODS}/p/log", 404),
        (rule("get", "*/log"), f"{PODS}/p/log", 404),
        (rule("get", "*"), f"{PODS}/p/log", 404),
        (rule("get", "pods"), f"{PODS}/p/log", 403),
        (rule("get", "pods", names="p"), f"{PODS}/p", 404),
        (rule("get", "pods", names="q"), f"{PODS}/p", 403),
        (rule("list", "pods", names="p"), PODS, 403),
        (rule("list", "pods", names="p"), f"{PODS}?fieldSelector=metadata.name%3Dp", 200),
        (rule("list", "pods", groups="apps"), PODS, 403),
        (rule("list", "pods", groups="*"), PODS, 200),
    ],
)
async def test_rules(api: API, granted: dict[str, Any], path: str, status: int) -> None:
    await role(api, "r", granted)
    await bind(api, "ClusterRole", "r")
    path, _, selector = path.partition("?fieldSelector=")
    query = {"fieldSelector": selector.replace("%3D", "=")} if selector else {}
    assert (await api.call("GET", path, user="joe", query=query)).status == status


async def test_why_it_is_allowed(api: API) -> None:
    await role(api, "r", rule("list", "pods"))
    await bind(api, "ClusterRole", "r", "default", {"kind": "Group", "name": "ops", "apiGroup": GROUP})
    await bind(api, "ClusterRole", "r", "", {"kind": "ServiceAccount", "name": "a", "namespace": "b"})
    for who, reason in (
        ({"user": "x", "groups": ["ops"]}, 'RoleBinding "to-r/default" of ClusterRole "r" to Group "ops"'),
        ({"user": "system:serviceaccount:b:a"}, 'ClusterRoleBinding "to-r" of ClusterRole "r" to ServiceAccount "a/b"'),
    ):
        spec = {**who, "resourceAttributes": {"namespace": "default", "verb": "list", "resource": "pods"}}
        status = (await api.create(f"{REVIEWS}/subjectaccessreviews", {"spec": spec}))["status"]
        assert status == {"allowed": True, "reason": f"RBAC: allowed by {reason}"}


HELD = "is attempting to grant RBAC permissions not currently held:\n"


async def grantor(api: API, *rules: dict[str, Any]) -> None:
    """Joe may write roles and bindings, and what the rules say."""
    await role(
        api,
        "grantor",
        rule("get create update patch", "roles clusterroles rolebindings clusterrolebindings", GROUP),
        *rules,
    )
    await bind(api, "ClusterRole", "grantor")


async def test_nobody_grants_what_they_lack(api: API) -> None:
    await grantor(api, rule("get", "pods"))
    body = {
        "metadata": {"name": "r"},
        "rules": [
            rule("list watch get", "pods services"),
            rule("get", "secrets", names="a b"),
            rule("get", urls="/x /y"),
        ],
    }
    assert await message(api, "POST", f"{RBAC}/clusterroles", body) == (
        f'clusterroles.rbac.authorization.k8s.io "r" is forbidden: user "joe" (groups=["system:authenticated"]) {HELD}'
        '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}\n'
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["a"], Verbs:["get"]}\n'
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}\n'
        '{APIGroups:[""], Resources:["services"], Verbs:["list" "watch" "get"]}\n'
        '{NonResourceURLs:["/x"], Verbs:["get"]}\n'
        '{NonResourceURLs:["/y"], Verbs:["get"]}'
    )
    await api.create(f"{RBAC}/clusterroles", {"metadata": {"name": "ok"}, "rules": [rule("get", "pods")]}, user="joe")


async def test_missing_roles_are_told_with_it(api: API) -> None:
    await grantor(api)
    await bind(api, "ClusterRole", "gone")
    told = await message(api, "POST", f"{RBAC}/clusterroles", {"metadata": {"name": "r"}, "rules": [rule("get", "x")]})
    assert told.endswith('; resolution errors: [clusterrole.rbac.authorization.k8s.io "gone" not found]')


async def test_escalate(api: API) -> None:
    await grantor(api, rule("escalate", "clusterroles", GROUP, names="r"))
    body = {"metadata": {"name": "r"}, "rules": [rule("get", "pods")]}
    assert HELD in await message(
        api, "POST", f"{RBAC}/clusterroles", body
    )  # by name, and a new one has none in its path
    await api.create(f"{RBAC}/clusterroles", body)
    wider = {"rules": [rule("get list", "pods")]}
    assert (await api.patch(f"{RBAC}/clusterroles/r", wider, user="joe")).status == 200


async def test_bind(api: API) -> None:
    await grantor(api, rule("bind", "clusterroles", GROUP, names="view"))
    path, ref = f"{RBAC}/namespaces/default/rolebindings", {"apiGroup": GROUP, "kind": "ClusterRole"}
    await api.create(
        path, {"metadata": {"name": "a"}, "roleRef": ref | {"name": "view"}, "subjects": [JOE]}, user="joe"
    )
    body = {"metadata": {"name": "b"}, "roleRef": ref | {"name": "edit"}, "subjects": [JOE]}
    assert HELD in await message(api, "POST", path, body)
    body["roleRef"] = ref | {"name": "nope"}
    found = await api.call("POST", path, body, user="joe")
    assert (found.status, found.body["message"]) == (404, 'clusterroles.rbac.authorization.k8s.io "nope" not found')


async def test_only_the_collectors_fields_may_change_without_the_rules(api: API) -> None:
    await grantor(api)
    await role(api, "r", rule("get", "pods"))
    path = f"{RBAC}/clusterroles/r"
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": "x", "uid": "1"}
    for change, status in (
        ({"finalizers": ["a.example.com/b"], "ownerReferences": [owner]}, 200),
        ({"labels": {"a": "b"}}, 403),
    ):
        assert (await api.patch(path, {"metadata": change}, user="joe")).status == status


async def test_aggregation_is_for_who_may_do_everything(api: API) -> None:
    await grantor(api)
    selector = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
    body = {"metadata": {"name": "r"}, "aggregationRule": selector}
    told = await message(api, "POST", f"{RBAC}/clusterroles", body)
    assert told.endswith("must have cluster-admin privileges to use the aggregationRule")
    await bind(api, "ClusterRole", "cluster-admin")
    await api.create(f"{RBAC}/clusterroles", body, user="joe")


async def test_all_that_the_caller_may_do(api: API) -> None:
    await role(api, "r", rule("get", "pods", names="p"), namespace="default")
    await bind(api, "Role", "r", "default")
    path = f"{REVIEWS}/selfsubjectrulesreviews"
    status = (await api.create(path, {"spec": {"namespace": "default"}}, user="joe"))["status"]
    assert {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["p"]} in status[
        "resourceRules"
    ]
    assert {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"]} in status[
        "nonResourceRules"
    ]
    assert (status["incomplete"], "evaluationError" in status) == (False, False)
    other = (await api.create(path, {"spec": {"namespace": "other"}}, user="joe"))["status"]
    assert len(other["resourceRules"]) == len(status["resourceRules"]) - 1
    node = (await api.create(path, {"spec": {"namespace": "default"}}, user="node"))["status"]
    assert node["incomplete"]
    assert node["evaluationError"] == "node authorizer does not support user rule resolution"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rawSelector": "spec.nodeName=n1"}, {"allowed": True}),
        ({"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1"]}]}, {"allowed": True}),
        ({"rawSelector": "spec.nodeName=n2"}, {"allowed": False}),
        (
            {"rawSelector": "spec.nodeName=n1,x"},
            {"allowed": False, "evaluationError": "spec.resourceAttributes.fieldSelector ignored due to parse error"},
        ),
        (
            {
                "requirements": [
                    {"key": "spec.nodeName", "operator": "In", "values": ["n1"]},
                    {"key": "x", "operator": "Future", "values": ["n1"]},
                ]
            },
            {
                "allowed": True,
                "evaluationError": "spec.resourceAttributes.fieldSelector partially ignored due to parse error",
            },
        ),
    ],
)
async def test_selectors_of_reviews(api: API, fields: Any, expected: dict[str, Any]) -> None:
    resource = {"verb": "list", "resource": "pods", "fieldSelector": fields}
    spec = {"user": "system:node:n1", "groups": ["system:nodes"], "resourceAttributes": resource}
    status = (await api.create(f"{REVIEWS}/subjectaccessreviews", {"spec": spec}))["status"]
    assert {key: value for key, value in status.items() if key != "reason"} == expected


@pytest.mark.parametrize(
    ("selector", "why"),
    [
        (
            {"rawSelector": "a=b", "requirements": [{"key": "a", "operator": "Exists"}]},
            'rawSelector: Invalid value: "a=b": may not specified at the same time as requirements',
        ),
        (
            {},
            "requirements: Required value: when spec.resourceAttributes.{} is specified, "
            "requirements or rawSelector is required",
        ),
        (
            {"requirements": [{"key": "a", "operator": "In"}]},
            "requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        ),
        (
            {"requirements": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
            "requirements[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
        ({"requirements": [{"key": "a", "operator": "Future"}]}, ""),
    ],
)
@pytest.mark.parametrize("field", ["fieldSelector", "labelSelector"])
async def test_what_selectors_may_say(api: API, field: str, selector: Any, why: str) -> None:
    spec = {"resourceAttributes": {"verb": "list", "resource": "pods", field: selector}}
    found = await api.call("POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": spec}, user="joe")
    if not why:
        assert found.status == 201
        return
    assert found.status == 422, found
    assert f"spec.resourceAttributes.{field}.{why.format(field)}" in found.body["message"]
