"""Who gets in, as whom, and what they may do."""

from typing import Any

import pytest

from tests.apiserver.harness import API, CONFIG_MAPS, PODS, config_map

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1"
SYSTEM_ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


async def grant(api: API, *subjects: Any, verbs: list[str], resources: list[str], namespace: str = "default") -> None:
    """A Role and its RoleBinding."""
    base = f"{RBAC}/namespaces/{namespace}"
    rules = [{"apiGroups": [""], "verbs": verbs, "resources": resources}]
    await api.create(f"{base}/roles", {"metadata": {"name": "r"}, "rules": rules})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    await api.create(f"{base}/rolebindings", {"metadata": {"name": "b"}, "roleRef": ref, "subjects": list(subjects)})


def user(name: str) -> dict[str, str]:
    """A binding's subject."""
    return {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        (
            "GET",
            PODS,
            'pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "default"',
        ),
        (
            "GET",
            f"{PODS}/p/log",
            'pods "p" is forbidden: User "joe" cannot get resource "pods/log" in API group "" '
            'in the namespace "default"',
        ),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/a/deployments/d",
            'deployments.apps "d" is forbidden: User "joe" cannot delete resource "deployments" in API group "apps" '
            'in the namespace "a"',
        ),
        (
            "GET",
            "/api/v1/nodes",
            'nodes is forbidden: User "joe" cannot list resource "nodes" in API group "" at the cluster scope',
        ),
        ("GET", "/metrics", 'forbidden: User "joe" cannot get path "/metrics"'),
    ],
)
async def test_forbidden(api: API, method: str, path: str, message: str) -> None:
    answer = await api.call(method, path, user="joe")
    assert (answer.status, answer.body["message"]) == (403, message)


async def test_anonymous_sees_only_public_information(api: API) -> None:
    for path in ("/healthz", "/livez", "/readyz", "/version"):
        assert (await api.call("GET", path, user="")).status == 200
    answer = await api.call("GET", "/api", user="")
    assert (answer.status, answer.body["message"]) == (403, 'forbidden: User "system:anonymous" cannot get path "/api"')


async def test_bad_credentials_are_unauthorized(api: API) -> None:
    for token in ("unknown", "a.b.c"):
        answer = await api.call("GET", "/version", user=token)
        assert (answer.status, answer.body["message"]) == (401, "Unauthorized")


async def test_grants_and_withdrawals_work_at_once(api: API) -> None:
    await grant(api, user("joe"), verbs=["get", "list"], resources=["configmaps"])
    assert (await api.call("GET", CONFIG_MAPS, user="joe")).status == 200
    assert (await api.call("GET", "/api/v1/configmaps", user="joe")).status == 403
    assert (await api.call("POST", CONFIG_MAPS, config_map("a"), user="joe")).status == 403
    await api.call("DELETE", f"{RBAC}/namespaces/default/rolebindings/b")
    assert (await api.call("GET", CONFIG_MAPS, user="joe")).status == 403


async def test_nobody_grants_what_they_lack(api: API) -> None:
    role = {"metadata": {"name": "more"}, "rules": [{"apiGroups": [""], "verbs": ["get"], "resources": ["secrets"]}]}
    base = f"{RBAC}/namespaces/default"
    rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "verbs": ["*"], "resources": ["roles", "rolebindings"]}]
    await api.create(f"{base}/roles", {"metadata": {"name": "rbac"}, "rules": [{**rules[0], "verbs": ["create"]}]})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "rbac"}
    await api.create(f"{base}/rolebindings", {"metadata": {"name": "rbac"}, "roleRef": ref, "subjects": [user("joe")]})
    refused = await api.call("POST", f"{base}/roles", role, user="joe")
    assert refused.status == 403
    assert 'is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], ' in refused.body["message"]
    own = {"metadata": {"name": "own"}, "rules": [{**rules[0], "verbs": ["create"]}]}
    assert (await api.call("POST", f"{base}/roles", own, user="joe")).status == 201
    bind = {"metadata": {"name": "x"}, "roleRef": {**ref, "kind": "ClusterRole", "name": "cluster-admin"}}
    assert (
        await api.call("POST", f"{base}/rolebindings", {**bind, "subjects": [user("joe")]}, user="joe")
    ).status == 403


async def test_access_reviews(api: API) -> None:
    await grant(api, user("joe"), verbs=["list"], resources=["configmaps"])
    attributes = {"namespace": "default", "verb": "list", "resource": "configmaps"}
    own = {"spec": {"resourceAttributes": attributes}}
    answer = await api.create(f"{REVIEWS}/selfsubjectaccessreviews", own, user="joe")
    assert answer["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "b/default" of Role "r" to User "joe"',
    }
    other = {"spec": {"user": "jane", "resourceAttributes": attributes}}
    assert (await api.create(f"{REVIEWS}/subjectaccessreviews", other))["status"] == {"allowed": False}
    local = f"{REVIEWS}/namespaces/default/localsubjectaccessreviews"
    other["spec"]["user"] = "joe"
    assert (await api.create(local, {**other, "metadata": {"namespace": "default"}}))["status"]["allowed"]
    rules = await api.create(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, user="joe")
    assert {"verbs": ["list"], "apiGroups": [""], "resources": ["configmaps"]} in rules["status"]["resourceRules"]
    masters = await api.create(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}, user="admin")
    found = masters["status"]["resourceRules"]
    assert found[0] == {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert found.count(found[0]) == 1
    assert any("selfsubjectrulesreviews" in rule["resources"] for rule in found[1:])  # what all may do, too
    both = {"spec": {"resourceAttributes": attributes, "nonResourceAttributes": {"path": "/", "verb": "get"}}}
    assert (await api.call("POST", f"{REVIEWS}/selfsubjectaccessreviews", both)).status == 422
    assert (await api.call("POST", f"{REVIEWS}/subjectaccessreviews", own)).status == 422


async def test_what_is_only_answered_has_no_table(api: API) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    review = {"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
    table = "application/json;as=Table;g=meta.k8s.io;v=v1"
    assert (await api.call("POST", path, review, accept=table)).status == 406
    plain = await api.call("POST", path, review, accept=f"{table},application/json")
    assert (plain.status, plain.body["kind"]) == (201, "SelfSubjectAccessReview")
