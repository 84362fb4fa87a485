"""ValidatingAdmissionWebhook, with real servers."""

from typing import Any

import pytest

from sampan.storage.memory import MemoryStore
from tests.apiserver.admission.hooks import MUTATING, VALIDATING, configure, rule, webhook
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod, running
from tests.apiserver.hook_server import HookServer, allow, answer, deny, patch, serving

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
async def hooks() -> Any:
    """A webhook's server."""
    async with serving() as server:
        yield server


async def test_a_denial_is_the_answer(api: API, hooks: HookServer) -> None:
    hooks.answers["/deny"] = deny("no such thing", code=418, reason="Teapot")
    await configure(api, VALIDATING, webhook(hooks, "/deny"))
    denied = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert (denied.status, denied.body["reason"]) == (418, "Teapot")
    assert denied.body["message"] == 'admission webhook "deny.example.com" denied the request: no such thing'
    details = {"name": "a", "causes": [{"message": "x"}], "retryAfterSeconds": "1\r\nX: y", "other": 1}
    hooks.answers["/deny"] = deny("later", code=429, details=details)
    later = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert later.body["details"] == {"name": "a", "causes": [{"message": "x"}]}
    hooks.answers["/deny"] = deny()
    silent = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert (silent.status, "reason" in silent.body) == (400, False)
    assert silent.body["message"] == 'admission webhook "deny.example.com" denied the request without explanation'


async def test_what_a_webhook_is_told(api: API, hooks: HookServer) -> None:
    hooks.answers["/see"] = allow
    await configure(api, VALIDATING, webhook(hooks, "/see", rule("*", "*"), timeoutSeconds=7))
    made = await api.create(CONFIG_MAPS, config_map("a", x="1"), query={"fieldManager": "me"})
    (path, query, review) = hooks.asked[0]
    assert (path, query) == ("/see", "timeout=7s")
    assert (review["kind"], review["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    request = review["request"]
    shown = {"group": "", "version": "v1", "kind": "ConfigMap"}
    resource = {"group": "", "version": "v1", "resource": "configmaps"}
    assert request["kind"] == request["requestKind"] == shown
    assert request["resource"] == request["requestResource"] == resource
    assert (request["name"], request["namespace"], request["operation"]) == ("a", "default", "CREATE")
    assert request["userInfo"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]}
    assert (request["dryRun"], request["oldObject"]) == (False, None)
    assert request["options"]["kind"] == "CreateOptions" and request["options"]["fieldManager"] == "me"
    assert request["object"]["metadata"]["uid"] == made["metadata"]["uid"]
    assert (request["object"]["kind"], request["object"]["data"]) == ("ConfigMap", {"x": "1"})
    await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "2"}})
    await api.call("DELETE", f"{CONFIG_MAPS}/a")
    updated, deleted = hooks.requests("/see")[1:]
    assert (updated["object"]["data"], updated["oldObject"]["data"]) == ({"x": "2"}, {"x": "1"})
    assert (deleted["object"], deleted["oldObject"]["data"]) == (None, {"x": "2"})
    assert (deleted["operation"], deleted["options"]["kind"]) == ("DELETE", "DeleteOptions")


async def test_each_object_of_a_collection_is_asked_about(api: API, hooks: HookServer) -> None:
    hooks.answers["/see"] = allow
    for name in "ab":
        await api.create(CONFIG_MAPS, config_map(name))
    await configure(api, VALIDATING, webhook(hooks, "/see", rule("configmaps", "DELETE")))
    assert (await api.call("DELETE", CONFIG_MAPS)).status == 200
    assert {request["oldObject"]["metadata"]["name"] for request in hooks.requests("/see")} >= {"a", "b"}


async def test_an_update_cannot_get_around_it(api: API, hooks: HookServer) -> None:
    def check(review: dict[str, Any]) -> dict[str, Any]:
        good = (review["request"]["object"].get("data") or {}).get("bad") is None
        return answer(review, allowed=good, status={"message": "the configmap contains unwanted key and value"})

    hooks.answers["/check"] = check
    await configure(api, VALIDATING, webhook(hooks, "/check"))
    made = await api.create(CONFIG_MAPS, config_map("a"))
    put = await api.call("PUT", f"{CONFIG_MAPS}/a", {**made, "data": {"bad": "1"}})
    patched = await api.patch(f"{CONFIG_MAPS}/a", {"data": {"bad": "1"}})
    for refused in (put, patched):
        assert (refused.status, "unwanted key and value" in refused.body["message"]) == (400, True)
    assert "data" not in await api.get(f"{CONFIG_MAPS}/a")


async def test_v1beta1_reviews(api: API, hooks: HookServer) -> None:
    hooks.answers["/old"] = lambda review: {"response": {"allowed": False}}  # neither type nor uid, as was allowed
    await configure(api, VALIDATING, webhook(hooks, "/old", admissionReviewVersions=["v2", "v1beta1", "v1"]))
    denied = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert denied.body["message"].endswith("denied the request without explanation")
    assert hooks.asked[0][2]["apiVersion"] == "admission.k8s.io/v1beta1"


BAD = [
    (lambda review: answer(review, allowed=True, uid="other"), 'invalid webhook response: expected response.uid="'),
    (lambda review: {**answer(review, allowed=True), "kind": "Other"}, "got admission.k8s.io/v1, Kind=Other"),
    (lambda review: {"kind": "AdmissionReview"}, "received invalid webhook response: webhook response was absent"),
    (patch({"op": "remove", "path": "/data"}), "validating webhook may not return response.patch"),
    (lambda review: {"raw": b"{"}, "failed to call webhook: couldn't get version/kind; json parse error"),
    (lambda review: answer(review, allowed="yes"), "failed to call webhook: json: cannot unmarshal"),
    (lambda review: {"raw": b"out of order", "code": 500}, 'an error on the server ("out of order") has prevented'),
]


@pytest.mark.parametrize(("bad", "why"), BAD)
async def test_bad_answers(api: API, hooks: HookServer, bad: Any, why: str) -> None:
    hooks.answers["/bad"] = bad
    await configure(api, VALIDATING, webhook(hooks, "/bad"))
    failed = await api.call("POST", CONFIG_MAPS, config_map("a"))
    start = 'Internal error occurred: failed calling webhook "bad.example.com": '
    assert (failed.status, failed.body["reason"]) == (500, "InternalError")
    assert failed.body["message"].startswith(start) and why in failed.body["message"]
    await api.call("DELETE", f"{VALIDATING}/hooks")
    await configure(api, VALIDATING, webhook(hooks, "/bad", failurePolicy="Ignore"))
    await api.create(CONFIG_MAPS, config_map("a"))


async def test_a_slow_webhook(api: API, hooks: HookServer) -> None:
    hooks.answers["/slow"] = hooks.hang
    await configure(api, VALIDATING, webhook(hooks, "/slow", timeoutSeconds=1))
    failed = await api.call("POST", CONFIG_MAPS, config_map("a"))
    url = f"https://127.0.0.1:{hooks.port}/slow?timeout=1s"
    assert failed.body["message"] == (
        'Internal error occurred: failed calling webhook "slow.example.com": failed to call webhook: '
        f'Post "{url}": context deadline exceeded'
    )
    configuration = await api.get(f"{VALIDATING}/hooks")
    configuration["webhooks"][0]["failurePolicy"] = "Ignore"
    assert (await api.call("PUT", f"{VALIDATING}/hooks", configuration)).status == 200
    await api.create(CONFIG_MAPS, config_map("a"))


async def test_an_untrusted_webhook_fails_closed(api: API, hooks: HookServer) -> None:
    hook = webhook(hooks, "/deny")
    del hook["clientConfig"]["caBundle"]
    await configure(api, VALIDATING, hook)
    failed = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert failed.body["message"].endswith("x509: certificate signed by unknown authority")
    assert not hooks.asked


async def test_namespaces_and_objects_are_selected(api: API, hooks: HookServer) -> None:
    hooks.answers["/deny"] = deny("no")
    selectors = {
        "namespaceSelector": {"matchExpressions": [{"key": "free", "operator": "DoesNotExist"}]},
        "objectSelector": {"matchLabels": {"watched": "yes"}},
    }
    await configure(api, VALIDATING, webhook(hooks, "/deny", rule(), rule("namespaces", "*"), **selectors))
    watched = config_map("a")
    watched["metadata"]["labels"] = {"watched": "yes"}
    assert (await api.call("POST", CONFIG_MAPS, watched)).status == 400
    await api.create(CONFIG_MAPS, config_map("b"))
    relabelled = await api.patch(f"{CONFIG_MAPS}/b", {"metadata": {"labels": {"watched": "yes"}}})
    assert relabelled.status == 400
    labels = {"free": "", "watched": "yes"}
    await api.create(NAMESPACES, {"metadata": {"name": "free", "labels": labels}})
    assert (await api.call("POST", NAMESPACES, {"metadata": {"name": "x", "labels": {"watched": "yes"}}})).status == 400
    await api.create(f"{NAMESPACES}/free/configmaps", watched)


async def test_equivalent_versions(api: API, hooks: HookServer) -> None:
    hooks.answers |= {"/exact": deny("exact"), "/old": allow}
    old = rule("deployments", group="extensions", version="v1beta1")
    await configure(
        api, VALIDATING, webhook(hooks, "/exact", old, matchPolicy="Exact"), webhook(hooks, "/old", old, rule("*"))
    )
    await api.create(DEPLOYMENTS, deployment("web"))
    (request,) = hooks.requests("/old")
    assert request["kind"] == {"group": "extensions", "version": "v1beta1", "kind": "Deployment"}
    assert request["resource"] == {"group": "extensions", "version": "v1beta1", "resource": "deployments"}
    assert request["requestKind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert request["object"]["apiVersion"] == "extensions/v1beta1"


async def test_match_conditions(api: API, hooks: HookServer) -> None:
    hooks.answers["/deny"] = deny("no")
    named = {"name": "not-skipped", "expression": "object.metadata.name != 'skip-me'"}
    trusted = {"name": "untrusted", "expression": "!authorizer.group('').resource('pods').check('list').allowed()"}
    await configure(
        api,
        VALIDATING,
        webhook(hooks, "/deny", matchConditions=[named]),
        webhook(hooks, "/deny", matchConditions=[trusted], name="trusting.example.com"),
    )
    await api.create(CONFIG_MAPS, config_map("skip-me"))
    assert not hooks.asked
    assert (await api.call("POST", CONFIG_MAPS, config_map("other"))).status == 400
    broken = {"name": "broken", "expression": "object.data.none == 'x'"}
    configuration = await api.get(f"{VALIDATING}/hooks")
    configuration["webhooks"] = [webhook(hooks, "/deny", matchConditions=[broken])]
    await api.call("PUT", f"{VALIDATING}/hooks", configuration)
    failed = await api.call("POST", CONFIG_MAPS, config_map("other", a="b"))
    assert failed.status == 403
    text = "expression 'object.data.none == 'x'' resulted in error: no such key: none"
    assert failed.body["message"] == f'configmaps "other" is forbidden: {text}'


async def test_expensive_conditions_have_a_budget(api: API, hooks: HookServer) -> None:
    hooks.answers["/deny"] = deny("no")
    numbers = "[" + ",".join(map(str, range(60))) + "]"
    text = f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, a + b + c >= 0)))"
    await configure(api, VALIDATING, webhook(hooks, "/deny", matchConditions=[{"name": "long", "expression": text}]))
    failed = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert failed.status == 403 and "actual cost limit exceeded" in failed.body["message"]


async def test_dry_runs_ask_harmless_webhooks_only(api: API, hooks: HookServer) -> None:
    hooks.answers["/see"] = allow
    await configure(api, VALIDATING, webhook(hooks, "/see", sideEffects="NoneOnDryRun"))
    assert (await api.call("POST", CONFIG_MAPS, config_map("a"), query={"dryRun": "All"})).status == 201
    assert hooks.requests("/see")[0]["dryRun"] is True
    old = "/apis/admissionregistration.k8s.io/v1beta1/validatingwebhookconfigurations"
    await configure(api, old, webhook(hooks, "/see", sideEffects="Some"), name="some")
    refused = await api.call("POST", CONFIG_MAPS, config_map("a"), query={"dryRun": "All"})
    assert refused.body["message"] == 'admission webhook "see.example.com" does not support dry run'
    assert refused.status == 400


async def test_warnings(api: API, hooks: HookServer) -> None:
    hooks.answers["/warn"] = lambda review: answer(review, allowed=True, warnings=["mind the gap"])
    await configure(api, VALIDATING, webhook(hooks, "/warn"))
    made = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert made.warnings == ['299 - "mind the gap"']


async def test_configurations_and_reviews_are_never_asked_about(api: API, hooks: HookServer) -> None:
    hooks.answers["/deny"] = deny("no")
    everything = {**rule("*/*", "*"), "apiGroups": ["*"], "apiVersions": ["*"]}
    await configure(api, VALIDATING, webhook(hooks, "/deny", everything))
    await configure(api, MUTATING, webhook(hooks, "/deny", everything), name="more")
    review = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    await api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    for path in (f"{MUTATING}/more", f"{VALIDATING}/hooks"):
        assert (await api.call("DELETE", path)).status == 200
    assert not hooks.asked


async def test_connections(api: API, hooks: HookServer) -> None:
    await api.service_account()
    await api.create(PODS, pod("p", nodeName="n1"))
    hooks.answers["/deny"] = deny("attaching to pod 'to-be-attached-pod' is not allowed")
    await configure(api, VALIDATING, webhook(hooks, "/deny", rule("pods/attach", "CONNECT")))
    refused = await api.call("POST", f"{PODS}/p/attach", query={"stdout": "true"})
    assert (refused.status, "is not allowed" in refused.body["message"]) == (400, True)
    (request,) = hooks.requests("/deny")
    assert request["kind"] == {"group": "", "version": "v1", "kind": "PodAttachOptions"}
    assert (request["resource"]["resource"], request["subResource"]) == ("pods", "attach")
    assert (request["operation"], request["name"], request["options"]) == ("CONNECT", "p", None)
    assert request["object"]["stdout"] is True


async def test_counting(hooks: HookServer) -> None:
    hooks.answers |= {"/deny": deny("no", code=403), "/bad": lambda review: {"raw": b"?"}}
    async with running() as api:
        await configure(api, VALIDATING, webhook(hooks, "/bad", failurePolicy="Ignore"), webhook(hooks, "/deny"))
        await api.call("POST", CONFIG_MAPS, config_map("a"))
        text = (await api.call("GET", "/metrics")).body.decode()
    of = 'type="validating"'
    assert f'webhook_fail_open_count{{name="bad.example.com",{of}}} 1.0' in text
    who = 'name="deny.example.com",operation="CREATE"'
    assert f'webhook_rejection_count{{error_type="no_error",{who},rejection_code="403",{of}}} 1.0' in text
    assert f'webhook_request_total{{code="403",{who},rejected="true",{of}}} 1.0' in text
    assert f'webhook_admission_duration_seconds_count{{{who},rejected="true",{of}}} 1.0' in text


async def test_a_server_starts_though_webhooks_are_in_its_way() -> None:
    store = MemoryStore()
    async with serving() as hooks, running(store=store) as api:
        everything = {**rule("*/*", "*"), "apiGroups": ["*"], "apiVersions": ["*"]}
        await configure(api, VALIDATING, webhook(hooks, "/gone", everything))
        await api.server.stop(0)  # another one follows, on the same store
        hooks.answers["/gone"] = deny("no")
        async with running(store=store, advertise_address="192.0.2.7") as again:
            assert (await again.call("GET", "/readyz")).status == 200
            assert hooks.requests("/gone")
            await again.call("DELETE", f"{VALIDATING}/hooks")
