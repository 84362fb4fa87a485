"""Attacks: each of these once worked on some API server."""

import base64
import hmac
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sampan.apiserver.authentication.bearer import TOKEN_PROTOCOL
from sampan.apiserver.streaming.target import without_secrets
from sampan.transport.messages import Request
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod
from tests.apiserver.test_access import RBAC, grant, user

ROOT = "/api/v1/namespaces"
SERVICES = f"{ROOT}/default/services"


async def everything_in_default(api: API) -> None:
    """joe may do all in one namespace."""
    base = f"{RBAC}/namespaces/default"
    rules = [{"apiGroups": ["*"], "verbs": ["*"], "resources": ["*"]}]
    await api.create(f"{base}/roles", {"metadata": {"name": "all"}, "rules": rules})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "all"}
    await api.create(f"{base}/rolebindings", {"metadata": {"name": "all"}, "roleRef": ref, "subjects": [user("joe")]})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{ROOT}/default/namespaces/other"),
        ("DELETE", f"{ROOT}/default/namespaces/other"),
        ("GET", f"{ROOT}/default/namespaces"),
        ("PUT", f"{ROOT}/default/namespaces/other/finalize"),
        ("GET", f"{ROOT}/default/nodes"),
        ("GET", f"{RBAC}/namespaces/default/clusterroles"),
    ],
)
async def test_a_role_reaches_no_further_than_its_namespace(api: API, method: str, path: str) -> None:
    """CVE-2019-11247: a cluster-scoped object under a namespace's path would be authorized by roles in there."""
    await everything_in_default(api)
    await api.create(ROOT, {"metadata": {"name": "other"}})
    assert (await api.call(method, path, user="joe")).status in (404, 405)
    assert (await api.call("GET", f"{ROOT}/default", user="joe")).status == 200
    assert (await api.call("GET", f"{ROOT}/other", user="joe")).status == 403
    assert "deletionTimestamp" not in (await api.get(f"{ROOT}/other"))["metadata"]


@pytest.mark.parametrize("name", ["..", ".", "a%2fb", "..%2f..", "a/b", "a\0b"])
async def test_names_lead_nowhere_else(api: API, name: str) -> None:
    """CVE-2022-3162."""
    assert (await api.call("POST", CONFIG_MAPS, config_map(name))).status == 422
    for path in (f"{ROOT}/{name}/configmaps", f"{CONFIG_MAPS}/{name}", f"{ROOT}/default/{name}/configmaps"):
        assert (await api.call("GET", path)).status in (200, 404)
    listed = await api.call("GET", f"{ROOT}/{name}/configmaps")
    assert listed.status == 404 or listed.body["items"] == []


@pytest.mark.parametrize("limit", ["-1", "-9223372036854775808"])
async def test_a_negative_limit_is_none(api: API, limit: str) -> None:
    """It kept the server looking for a page that never became full."""
    await api.create(CONFIG_MAPS, config_map("a"))
    found = await api.get(CONFIG_MAPS, query={"limit": limit})
    assert [item["metadata"]["name"] for item in found["items"]] == ["a"]


async def test_reading_is_not_enough_to_run_commands(api: API) -> None:
    """KEP-4006: the GET that begins a WebSocket needs `create` as well."""
    await api.service_account()
    await api.create(PODS, pod("p"))
    await grant(api, user("joe"), verbs=["get"], resources=["pods/exec", "pods/attach", "pods/portforward", "pods"])
    for subresource in ("exec", "attach", "portforward"):
        refused = await api.call("GET", f"{PODS}/p/{subresource}", user="joe", query={"command": "x", "stdout": "1"})
        assert (refused.status, refused.body["message"]) == (
            403,
            f'pods "p" is forbidden: User "joe" cannot create resource "pods/{subresource}" in API group "" '
            'in the namespace "default"',
        )


def test_a_token_given_as_a_subprotocol_stays_here() -> None:
    offered = f"v4.channel.k8s.io, {TOKEN_PROTOCOL}c2VjcmV0"
    sent = without_secrets(Request("GET", "/", "", {"sec-websocket-protocol": offered, "x": "y"}))
    assert sent.headers == {"sec-websocket-protocol": "v4.channel.k8s.io", "x": "y"}


async def test_addresses_come_back_when_the_last_finalizer_goes(api: API) -> None:
    """Otherwise whoever may create Services can use them all up."""
    spec = {"clusterIP": "10.96.0.77", "type": "NodePort", "ports": [{"port": 80, "nodePort": 30077}]}
    for name in ("one", "two"):
        await api.create(SERVICES, {"metadata": {"name": name, "finalizers": ["example.com/x"]}, "spec": spec})
        await api.call("DELETE", f"{SERVICES}/{name}")
        assert (await api.patch(f"{SERVICES}/{name}", {"metadata": {"finalizers": None}})).status == 200


async def test_dry_runs_hold_no_addresses(api: API) -> None:
    spec = {"clusterIP": "10.96.0.77", "ports": [{"port": 80}]}
    for name in ("one", "two"):
        await api.create(SERVICES, {"metadata": {"name": name}, "spec": spec}, query={"dryRun": "All"})
    await api.create(SERVICES, {"metadata": {"name": "three"}, "spec": spec})


async def test_a_load_balancer_is_only_told_by_its_status(api: API) -> None:
    """CVE-2020-8554."""
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    made = await api.create(SERVICES, {"metadata": {"name": "s"}, "spec": spec, "status": status})
    assert made["status"] == {"loadBalancer": {}}
    assert (await api.patch(f"{SERVICES}/s", {"status": status})).body["status"] == {"loadBalancer": {}}
    assert (await api.patch(f"{SERVICES}/s/status", {"status": status})).body["status"]["loadBalancer"]["ingress"]


async def test_every_view_of_a_secret_needs_the_right_to_it(api: API) -> None:
    await grant(api, user("joe"), verbs=["get"], resources=["secrets/status", "configmaps"])
    for view in ("Table", "PartialObjectMetadataList"):
        accept = f"application/json;as={view};g=meta.k8s.io;v=v1"
        for query in ({}, {"watch": "true"}, {"fieldSelector": "metadata.name=x"}):
            path = f"{ROOT}/default/secrets"
            assert (await api.call("GET", path, user="joe", accept=accept, query=query)).status == 403


async def test_a_selected_name_allows_only_that_name(api: API) -> None:
    base, path = f"{RBAC}/namespaces/default", f"{ROOT}/default/secrets"
    rules = [{"apiGroups": [""], "verbs": ["list", "watch"], "resources": ["secrets"], "resourceNames": ["mine"]}]
    await api.create(f"{base}/roles", {"metadata": {"name": "r"}, "rules": rules})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    await api.create(f"{base}/rolebindings", {"metadata": {"name": "b"}, "roleRef": ref, "subjects": [user("joe")]})
    for name in ("mine", "other"):
        await api.create(path, {"metadata": {"name": name}})
    found = await api.get(path, user="joe", query={"fieldSelector": "metadata.name=mine"})
    assert [item["metadata"]["name"] for item in found["items"]] == ["mine"]
    for selector in ("", "metadata.name!=mine", "metadata.name=other", "metadata.namespace=default"):
        assert (await api.call("GET", path, user="joe", query={"fieldSelector": selector})).status == 403
    both = await api.get(path, user="joe", query={"fieldSelector": "metadata.name=mine,metadata.name=other"})
    assert both["items"] == []


async def test_anonymous_gets_nowhere(api: API) -> None:
    public = {"/healthz", "/livez", "/readyz", "/version"}
    paths = [*(await api.get("/"))["paths"], "/", "/api/v1/secrets", f"{PODS}/p/exec", "/nothing", "//metrics"]
    for path in paths:
        for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
            answer = await api.call(method, path, user="")
            allowed = path in public and method == "GET"
            assert answer.status == (200 if allowed else 403), (method, path, answer)


def _signed_by_hand(claims: Any, kid: str, secret: bytes) -> str:
    """An HS256 token; libraries refuse to make one with such a secret."""
    parts = [{"alg": "HS256", "typ": "JWT", "kid": kid}, claims]
    text = ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in parts)
    signature = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_unsigned_and_foreign_tokens(api: API) -> None:
    await api.service_account()
    token = (await api.create(f"{ROOT}/default/serviceaccounts/default/token", {"spec": {}}))["status"]["token"]
    assert (await api.call("GET", "/api", user=token)).status == 200
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    public = api.server.services.authenticator.service_accounts.keys.verifiers[0].public
    secret = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # which everybody may know
    forged = [
        jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        _signed_by_hand(claims, kid, secret),
        token[:-8] + "AAAAAAAA",
    ]
    for bad in forged:
        assert (await api.call("GET", "/api", user=bad)).status == 401


async def test_logs_and_answers_keep_secrets(
    api: API, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a token in the log, nor a traceback in an answer."""

    def broken(*_: Any) -> None:
        raise RuntimeError("something private")

    monkeypatch.setattr(api.server.services.cache, "get", broken)
    answer = await api.call("GET", f"{CONFIG_MAPS}/a", query={"token": "hush-hush"})
    assert (answer.status, answer.body["reason"]) == (500, "InternalError")
    assert "private" not in str(answer.body) and "Traceback" not in str(answer.body)
    assert "something private" in caplog.text
    assert "hush-hush" not in caplog.text and "Bearer" not in caplog.text


async def test_metrics_have_no_labels_of_the_clients_choice(api: API) -> None:
    """CVE-2020-8552."""
    for number in range(50):
        await api.call("GET", f"/apis/g{number}/v1/things")
        await api.call(f"M{number}", f"/path{number}", headers={"user-agent": f"agent{number}"})
        await api.call(f"M{number}", CONFIG_MAPS)
    text = (await api.get("/metrics")).decode()
    for word in ("g49", "path49", "agent49", "M49", "things"):
        assert word not in text


async def test_warnings_come_with_errors_too(api: API) -> None:
    answer = await api.call("GET", "/apis/apps/v1beta1/namespaces/default/deployments/none")
    assert answer.status == 404
    assert "apps/v1beta1 Deployment was removed from Kubernetes in 1.16" in answer.warnings[0]


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/nothing", "text/plain; charset=utf-8"),
        ("/apis/nothing/v1/things", "text/plain; charset=utf-8"),
        ("/apis/apps/v2/deployments", "text/plain; charset=utf-8"),
        ("/api/v1/things", "application/json"),
        (f"{PODS}/p/things", "application/json"),
    ],
)
async def test_what_is_not_there(api: API, path: str, content_type: str) -> None:
    answer = await api.call("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (404, content_type)
    if content_type == "application/json":
        assert answer.body["message"] == "the server could not find the requested resource"
    else:
        assert answer.body == b"404 page not found\n"


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        (f"{PODS}/p/binding", "POST", {"target": {"name": "n"}}),
        (f"{ROOT}/default/bindings", "POST", {"target": {"name": "n"}}),
        (f"{PODS}/p/eviction", "POST", {}),
        (f"{DEPLOYMENTS}/p/scale", "PUT", {"spec": {"replicas": 2}}),
        (PODS, "POST", pod("q")),
    ],
)
async def test_a_body_names_no_other_namespace(api: API, path: str, method: str, body: Any) -> None:
    """Authorization has looked at the path alone."""
    await api.service_account()
    await api.create(PODS, pod("p"))
    await api.create(DEPLOYMENTS, deployment("p"))
    answer = await api.call(method, path, {**body, "metadata": {"name": "p", "namespace": "kube-system"}})
    assert (answer.status, answer.body["message"]) == (
        400,
        "the namespace of the provided object does not match the namespace sent on the request",
    )


async def test_taking_an_aggregation_rule_away_is_for_administrators(api: API) -> None:
    roles = f"{RBAC}/clusterroles"
    rule = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
    await api.create(roles, {"metadata": {"name": "sum"}, "aggregationRule": rule})
    own = {"apiGroups": ["rbac.authorization.k8s.io"], "verbs": ["patch", "create"], "resources": ["clusterroles"]}
    await api.create(roles, {"metadata": {"name": "editor"}, "rules": [own]})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "editor"}
    binding = {"metadata": {"name": "e"}, "roleRef": ref, "subjects": [user("joe")]}
    await api.create(f"{RBAC}/clusterrolebindings", binding)
    refused = await api.patch(f"{roles}/sum", {"aggregationRule": None}, user="joe")
    assert "must have cluster-admin privileges to use the aggregationRule" in refused.body["message"]


async def test_impersonating_the_unauthenticated_gives_no_more(api: API) -> None:
    as_nobody = {"impersonate-user": "x", "impersonate-group": "system:unauthenticated"}
    assert (await api.call("GET", "/version", headers=as_nobody)).status == 200
    assert (await api.call("GET", "/api", headers=as_nobody)).status == 403
