"""A webhook that is asked who may do what: real HTTPS, real files, changed while the server runs."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from sampan.apiserver.authorization.options import AuthorizationOptions
from tests.apiserver.harness import API, PODS, running
from tests.apiserver.hook_server import HookServer, serving
from tests.apiserver.pki import authority

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
FORBIDDEN = 'pods is forbidden: User "joe" cannot list resource "pods" in API group "" in the namespace "default"'


@pytest.fixture
async def hook() -> AsyncIterator[HookServer]:
    async with serving() as server:
        server.answers["/authorize"] = answer(allowed=True, reason="fine")
        yield server


def answer(**status: Any) -> Any:
    """What the webhook says to everybody."""
    return lambda review: {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "status": status}


def kubeconfig(path: Path, hook: HookServer) -> str:
    """A file that says how it is reached."""
    ca = base64.b64encode(authority().certificate).decode()
    cluster = {"server": f"https://127.0.0.1:{hook.port}/authorize", "certificate-authority-data": ca}
    tree = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(tree))
    return str(path)


def webhook(file: str, *conditions: str, name: str = "hook", **changes: Any) -> dict[str, Any]:
    """One authorizer of a configuration."""
    found = {
        "timeout": "3s",
        "subjectAccessReviewVersion": "v1",
        "matchConditionSubjectAccessReviewVersion": "v1",
        "failurePolicy": "NoOpinion",
        "connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": file},
        "matchConditions": [{"expression": text} for text in conditions],
    }
    return {"type": "Webhook", "name": name, "webhook": found | changes}


NODE, RBAC = {"type": "Node", "name": "node"}, {"type": "RBAC", "name": "rbac"}


def write(path: Path, *authorizers: dict[str, Any]) -> str:
    """The file of an AuthorizationConfiguration."""
    kind = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration"}
    path.write_text(yaml.safe_dump({**kind, "authorizers": list(authorizers)}))
    return str(path)


@asynccontextmanager
async def configured(tmp_path: Path, *authorizers: dict[str, Any], **options: Any) -> AsyncIterator[API]:
    """A server with a chain of authorizers."""
    file = write(tmp_path / "authorization.yaml", *authorizers)
    async with running(authorization=AuthorizationOptions(authorization_config=file), **options) as api:
        yield api


async def listed(api: API, **options: Any) -> tuple[int, str]:
    """Whether joe may list pods, and why not."""
    found = await api.call("GET", PODS, user="joe", **options)
    return found.status, "" if found.status == 200 else found.body["message"]


async def test_what_is_asked(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    async with configured(tmp_path, NODE, RBAC, webhook(file)) as api:
        query = {"fieldSelector": "spec.nodeName=n1,status.phase!=Failed", "labelSelector": "a=b,c in (d,e),!f,g>1"}
        assert await listed(api, query=query) == (200, "")
        assert (await api.call("GET", "/metrics", user="joe")).status == 200
        (path, parameters, review), (_, _, other) = hook.asked
        assert (path, parameters) == ("/authorize", "timeout=3s")
        assert (review["apiVersion"], review["kind"]) == ("authorization.k8s.io/v1", "SubjectAccessReview")
        assert review["spec"] == {
            "user": "joe",
            "groups": ["system:authenticated"],
            "resourceAttributes": {
                "namespace": "default",
                "verb": "list",
                "version": "v1",
                "resource": "pods",
                "fieldSelector": {
                    "requirements": [
                        {"key": "spec.nodeName", "operator": "In", "values": ["n1"]},
                        {"key": "status.phase", "operator": "NotIn", "values": ["Failed"]},
                    ]
                },
                "labelSelector": {
                    "requirements": [
                        {"key": "a", "operator": "In", "values": ["b"]},
                        {"key": "c", "operator": "In", "values": ["d", "e"]},
                        {"key": "f", "operator": "DoesNotExist"},
                    ]
                },
            },
        }
        assert other["spec"]["nonResourceAttributes"] == {"path": "/metrics", "verb": "get"}


async def test_who_is_known_is_not_asked_about(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    async with configured(tmp_path, webhook(file), NODE, RBAC) as api:
        assert (await api.call("GET", PODS)).status == 200  # system:masters
        assert not hook.asked
        assert (await api.call("GET", "/api/v1/nodes/n1", user="node")).status == 404
        assert len(hook.asked) == 1  # before the others


async def test_answers(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    changes = {"cacheAuthorizedRequests": False, "cacheUnauthorizedRequests": False}
    both = "webhook subject access review returned both allow and deny response"
    async with configured(tmp_path, webhook(file, **changes), RBAC) as api:
        for status, expected in (
            ({"allowed": True}, (200, "")),
            ({"allowed": False}, (403, FORBIDDEN)),
            ({"allowed": False, "reason": "not on Sundays"}, (403, f"{FORBIDDEN}: hook: not on Sundays")),
            ({"denied": True, "reason": "never"}, (403, f"{FORBIDDEN}: never")),
        ):
            hook.answers["/authorize"] = answer(**status)
            assert await listed(api) == expected
        hook.answers["/authorize"] = answer(allowed=True, denied=True)
        found = await api.call("GET", PODS, user="joe", query={"limit": "1"})
        assert (found.status, found.headers["content-type"]) == (500, "text/plain; charset=utf-8")
        assert found.body == f'Internal Server Error: "{PODS}?limit=1": {both}\n'.encode()
        await grant_all(api)
        hook.answers["/authorize"] = answer(allowed=False)
        assert await listed(api) == (200, "")  # the next one has the word
        hook.answers["/authorize"] = answer(denied=True)
        assert (await listed(api))[0] == 403  # now it has not


async def grant_all(api: API) -> None:
    """Joe becomes an administrator."""
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    await api.create(path, {"metadata": {"name": "joe"}, "roleRef": ref, "subjects": [subject]})


async def test_answers_are_remembered(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    changes = {"authorizedTTL": "5m", "unauthorizedTTL": "100ms"}
    async with configured(tmp_path, webhook(file, **changes), RBAC) as api:
        for _ in range(3):
            assert await listed(api) == (200, "")
        assert len(hook.asked) == 1
        hook.answers["/authorize"] = answer(allowed=False)
        for _ in range(3):
            assert (await api.call("GET", CONFIG, user="joe")).status == 403
        assert len(hook.asked) == 2
        await asyncio.sleep(0.2)
        assert (await api.call("GET", CONFIG, user="joe")).status == 403
        assert len(hook.asked) == 3
        long = {"fieldSelector": f"metadata.name={'x' * 10_000}"}
        for _ in range(2):
            await api.call("GET", PODS, user="joe", query=long)
        assert len(hook.asked) == 5


CONFIG = "/api/v1/namespaces/default/configmaps"


async def test_match_conditions(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    conditions = (
        "has(request.resourceAttributes)",
        "request.resourceAttributes.namespace == 'default' && request.resourceAttributes.verb != 'delete'",
        "!('system:masters' in request.groups) && request.user.startsWith('j') && request.uid == ''",
        "request.resourceAttributes.?fieldSelector.hasValue() == false || "
        "request.resourceAttributes.fieldSelector.requirements.all(r, r.key != 'secret')",
    )
    async with configured(tmp_path, webhook(file, *conditions), RBAC) as api:
        assert await listed(api) == (200, "")
        assert (await api.call("GET", "/metrics", user="joe")).status == 403
        assert (await api.call("GET", "/api/v1/namespaces/other/pods", user="joe")).status == 403
        assert (await api.call("DELETE", f"{PODS}/x", user="joe")).status == 403
        assert (await listed(api, query={"fieldSelector": "secret=1"}))[0] == 403
        assert len(hook.asked) == 1
        text = (await api.call("GET", "/metrics")).body.decode()
        assert 'apiserver_authorization_match_condition_exclusions_total{name="hook",type="Webhook"} 4.0' in text
        assert 'apiserver_authorization_decisions_total{decision="allowed",name="hook",type="Webhook"} 1.0' in text
        assert 'apiserver_authorization_webhook_evaluations_total{name="hook",result="success"} 1.0' in text


@pytest.mark.parametrize(("policy", "expected"), [("NoOpinion", 200), ("Deny", 500)])
async def test_an_expression_without_a_value(hook: HookServer, tmp_path: Path, policy: str, expected: int) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    broken = webhook(file, "request.extra['scopes'][0] == 'x'", failurePolicy=policy)
    async with configured(tmp_path, broken, RBAC) as api:
        await grant_all(api)
        found = await api.call("GET", PODS, user="joe")
        assert found.status == expected
        if expected == 500:
            assert (
                b"expression 'request.extra['scopes'][0] == 'x'' resulted in error: no such key: scopes" in found.body
            )
        assert not hook.asked


async def test_an_expensive_expression_runs_beside_the_loop(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    text = "request.groups.all(a, request.groups.all(b, request.groups.all(c, a + b + c != '')))"
    async with configured(tmp_path, webhook(file, text), RBAC) as api:
        spec = {
            "user": "x",
            "groups": [f"g{at}" for at in range(30)],
            "nonResourceAttributes": {"verb": "get", "path": "/"},
        }
        status = (await api.create(REVIEWS, {"spec": spec}))["status"]
        assert status == {"allowed": True, "reason": "fine"}


@pytest.mark.parametrize(("policy", "expected"), [("NoOpinion", 200), ("Deny", 500)])
async def test_nobody_answers(hook: HookServer, tmp_path: Path, policy: str, expected: int) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    hook.answers["/authorize"] = hook.hang
    silent = webhook(file, failurePolicy=policy, timeout="200ms")
    async with configured(tmp_path, silent, RBAC) as api:
        await grant_all(api)
        found = await api.call("GET", PODS, user="joe")
        assert found.status == expected
        if expected == 500:
            assert b"context deadline exceeded" in found.body
            return
        text = (await api.call("GET", "/metrics")).body.decode()
        assert 'webhook_evaluations_fail_open_total{name="hook",result="timeout"} 1.0' in text


async def test_reviews_tell_what_the_chain_says(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    async with configured(tmp_path, webhook(file, cacheAuthorizedRequests=False), RBAC) as api:
        spec = {"user": "x", "resourceAttributes": {"verb": "get", "resource": "pods"}}
        assert (await api.create(REVIEWS, {"spec": spec}))["status"] == {"allowed": True, "reason": "fine"}
        assert hook.asked[0][2]["spec"]["resourceAttributes"]["version"] == "*"
        hook.answers["/authorize"] = answer(denied=True, reason="never")
        found = (await api.create(REVIEWS, {"spec": spec}))["status"]
        assert found == {"allowed": False, "denied": True, "reason": "never"}
        rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
        status = (await api.create(rules, {"spec": {"namespace": "default"}}))["status"]
        assert status["incomplete"]
        assert status["evaluationError"] == "webhook authorizer does not support user rule resolution"


async def test_policies_ask_it_too(hook: HookServer, tmp_path: Path) -> None:
    """An expression can't wait in the event loop: it starts again beside it."""
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    hook.answers["/authorize"] = lambda review: answer(
        allowed=review["spec"].get("resourceAttributes", {}).get("verb") != "fly"
    )(review)
    policies = "/apis/admissionregistration.k8s.io/v1"
    rules = [{"apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["configmaps"]}]
    check = "authorizer.group('').resource('configmaps').namespace('default').check('{}').allowed()"
    async with configured(tmp_path, RBAC, webhook(file)) as api:
        for name, verb in (("may", "walk"), ("not", "fly")):
            validations = [{"expression": check.format(verb)}]
            spec = {"matchConstraints": {"resourceRules": rules}, "validations": validations}
            await api.create(f"{policies}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": spec})
        bound = {"policyName": "may", "validationActions": ["Deny"]}
        bindings = f"{policies}/validatingadmissionpolicybindings"
        await api.create(bindings, {"metadata": {"name": "may"}, "spec": bound})
        assert (await api.call("POST", CONFIG, {"metadata": {"name": "a"}}, user="joe")).status == 201
        await api.create(bindings, {"metadata": {"name": "not"}, "spec": bound | {"policyName": "not"}})
        found = await api.call("POST", CONFIG, {"metadata": {"name": "b"}}, user="joe")
        assert (found.status, "failed expression" in found.body["message"]) == (422, True)


async def test_the_file_is_followed(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    path = tmp_path / "authorization.yaml"

    async def quickly(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05) if seconds == 2 else seconds)

    async with configured(tmp_path, NODE, RBAC, sleep=quickly) as api:
        assert (await listed(api))[0] == 403
        write(path, NODE, RBAC, webhook(file))
        await reloaded(api, "success", 1)
        assert (await listed(api))[0] == 200
        write(path, RBAC, {"type": "AlwaysDeny", "name": "alwaysdeny"})  # Node is lacking: not taken
        await reloaded(api, "failure", 1)
        path.write_text("rubbish")
        await reloaded(api, "failure", 2)
        assert (await listed(api))[0] == 200
        write(path, NODE, RBAC)
        await reloaded(api, "success", 2)
        assert (await listed(api))[0] == 403


async def reloaded(api: API, status: str, times: int) -> None:
    """Wait until the file was read so often."""
    async with asyncio.timeout(20):
        while True:
            text = (await api.call("GET", "/metrics")).body.decode()
            lines = [line for line in text.splitlines() if "config_controller_automatic_reloads_total{" in line]
            if any("authorization" in line and status in line and line.endswith(f" {times}.0") for line in lines):
                return
            await asyncio.sleep(0.05)


async def test_by_flags(hook: HookServer, tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "kubeconfig", hook)
    options = AuthorizationOptions(
        authorization_mode=["Node", "RBAC", "Webhook"], authorization_webhook_config_file=file
    )
    async with running(authorization=options) as api:
        assert await listed(api) == (200, "")
        _, query, review = hook.asked[0]
        assert (query, review["apiVersion"]) == ("timeout=30s", "authorization.k8s.io/v1beta1")
        assert (review["spec"]["group"], "groups" in review["spec"]) == (["system:authenticated"], False)


@pytest.mark.parametrize(("mode", "status"), [("AlwaysAllow", 200), ("AlwaysDeny", 403)])
async def test_modes_that_look_at_nothing(mode: str, status: int) -> None:
    async with running(authorization=AuthorizationOptions(authorization_mode=[mode])) as api:
        found = await listed(api)
        assert found[0] == status
        assert (await api.call("GET", PODS)).status == 200
        if status == 403:
            assert found[1] == f"{FORBIDDEN}: alwaysdeny: Everything is forbidden."
