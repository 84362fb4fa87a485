"""MutatingAdmissionWebhook, with real servers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sampan.apiserver.admission.configuration import AdmissionConfiguration
from tests.apiserver.admission.hooks import MUTATING, VALIDATING, configure, rule, webhook
from tests.apiserver.extensions.crontabs import CRONTABS, crontab, definition, established, version
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod, running
from tests.apiserver.hook_server import HookServer, allow, answer, deny, patch, serving

CRONTAB_RULE = rule("crontabs", group="stable.example.com")


@pytest.fixture
async def hooks() -> AsyncIterator[HookServer]:
    """A webhook's server."""
    async with serving() as server:
        yield server


def add(key: str) -> Any:
    """Adds a key to the data of a ConfigMap."""
    return patch({"op": "add", "path": f"/data/{key}", "value": "yes"})


async def test_each_sees_what_the_last_one_did(api: API, hooks: HookServer) -> None:
    def second(review: dict[str, Any]) -> Any:
        return add("second")(review) if "first" in review["request"]["object"]["data"] else allow(review)

    hooks.answers |= {"/first": add("first"), "/second": second, "/see": allow}
    await configure(api, MUTATING, webhook(hooks, "/second"), name="b")
    await configure(api, MUTATING, webhook(hooks, "/first"), name="a")
    await configure(api, VALIDATING, webhook(hooks, "/see"))
    made = await api.create(CONFIG_MAPS, config_map("a", start="1"))
    assert made["data"] == {"start": "1", "first": "yes", "second": "yes"}
    assert hooks.requests("/see")[0]["object"]["data"] == made["data"]


async def test_defaults_are_given_again(api: API, hooks: HookServer) -> None:
    await api.service_account()
    container = {"name": "webhook-added-init-container", "image": "webhook-added-image"}
    hooks.answers["/init"] = patch({"op": "add", "path": "/spec/initContainers", "value": [container]})
    await configure(api, MUTATING, webhook(hooks, "/init", rule("pods", "CREATE")))
    made = await api.create(PODS, pod("p"))
    (added,) = made["spec"]["initContainers"]
    assert (added["image"], added["terminationMessagePolicy"]) == ("webhook-added-image", "File")


async def test_what_a_webhook_makes_is_validated(api: API, hooks: HookServer) -> None:
    hooks.answers["/bad"] = patch({"op": "add", "path": "/spec/replicas", "value": -1})
    await configure(api, MUTATING, webhook(hooks, "/bad", rule("deployments", group="apps")))
    assert (await api.call("POST", DEPLOYMENTS, deployment("web"))).status == 422
    hooks.answers["/bad"] = patch({"op": "add", "path": "/spec/replicas", "value": "many"})
    broken = await api.call("POST", DEPLOYMENTS, deployment("web"))
    assert (broken.status, broken.body["reason"]) == (500, "InternalError")


async def test_patches_are_of_the_version_that_was_sent(api: API, hooks: HookServer) -> None:
    hooks.answers["/old"] = patch({"op": "add", "path": "/spec/rollbackTo", "value": {"revision": 3}})
    old = rule("deployments", group="extensions", version="v1beta1")
    await configure(api, MUTATING, webhook(hooks, "/old", old))
    made = await api.create(DEPLOYMENTS, deployment("web"))
    assert hooks.requests("/old")[0]["object"]["apiVersion"] == "extensions/v1beta1"
    assert (made["apiVersion"], "rollbackTo" in made["spec"]) == ("apps/v1", False)
    assert made["metadata"]["annotations"]["deprecated.deployment.rollback.to"] == "3"


async def test_custom_resources_are_pruned_and_defaulted(api: API, hooks: HookServer) -> None:
    await established(api, definition(version("v1"), version("v2", stored=False)))
    hooks.answers["/crd"] = patch(
        {"op": "add", "path": "/spec/unknown", "value": 1},
        {"op": "add", "path": "/spec/image", "value": "nginx"},
        {"op": "remove", "path": "/spec/replicas"},
    )
    second = rule("crontabs", group="stable.example.com", version="v2")
    await configure(api, MUTATING, webhook(hooks, "/crd", second))
    made = await api.create(CRONTABS, crontab())
    assert hooks.requests("/crd")[0]["object"]["apiVersion"] == "stable.example.com/v2"
    assert (made["apiVersion"], made["spec"]) == (
        "stable.example.com/v1",
        {"cronSpec": "*/5", "image": "nginx", "replicas": 1},
    )


async def test_custom_resources_can_be_denied(api: API, hooks: HookServer) -> None:
    await established(api, definition())
    made = await api.create(CRONTABS, crontab())
    hooks.answers["/deny"] = deny("the custom resource contains unwanted data")
    everything = rule("crontabs", "*", group="stable.example.com")
    await configure(api, MUTATING, webhook(hooks, "/deny", everything, rule("customresourcedefinitions", "CREATE")))
    for method, path, body in (
        ("POST", CRONTABS, crontab("other")),
        ("PUT", f"{CRONTABS}/my", made),
        ("DELETE", f"{CRONTABS}/my", None),
    ):
        refused = await api.call(method, path, body)
        assert "contains unwanted data" in refused.body["message"], method


async def test_a_second_round(api: API, hooks: HookServer) -> None:
    hooks.answers |= {"/early": allow, "/once": allow, "/late": add("late")}
    again = {"reinvocationPolicy": "IfNeeded"}
    await configure(
        api, MUTATING, webhook(hooks, "/early", **again), webhook(hooks, "/once"), webhook(hooks, "/late", **again)
    )
    await api.create(CONFIG_MAPS, config_map("a", start="1"))
    assert [path for path, _, _ in hooks.asked] == ["/early", "/once", "/late", "/early"]
    assert hooks.requests("/early")[1]["object"]["data"]["late"] == "yes"


async def test_no_second_round_where_nothing_changed(api: API, hooks: HookServer) -> None:
    hooks.answers["/same"] = patch({"op": "add", "path": "/data/start", "value": "1"})
    await configure(api, MUTATING, webhook(hooks, "/same", reinvocationPolicy="IfNeeded"))
    await api.create(CONFIG_MAPS, config_map("a", start="1"))
    assert len(hooks.asked) == 1


BAD = [
    (
        {"patch": "W10="},
        "received invalid webhook response: webhook returned response.patch but not response.patchType",
    ),
    ({"patchType": "JSONPatch"}, "webhook returned response.patchType but not response.patch"),
    ({"patch": "?", "patchType": "JSONPatch"}, "failed to call webhook: illegal base64 data in response.patch"),
    ({"patch": "e30=", "patchType": "JSONPatch"}, "received undecodable patch in webhook response"),
    ({"patch": "W3t9XQ==", "patchType": "Merge"}, 'unsupported patch type "Merge"'),
]


@pytest.mark.parametrize(("response", "why"), BAD)
async def test_bad_patches(api: API, hooks: HookServer, response: Any, why: str) -> None:
    hooks.answers["/bad"] = lambda review: answer(review, allowed=True, **response)
    await configure(api, MUTATING, webhook(hooks, "/bad"))
    failed = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert failed.status == 500 and why in failed.body["message"], failed.body
    await api.call("DELETE", f"{MUTATING}/hooks")
    await configure(api, MUTATING, webhook(hooks, "/bad", failurePolicy="Ignore"))
    await api.create(CONFIG_MAPS, config_map("a"))


async def test_a_patch_that_does_not_fit_is_never_ignored(api: API, hooks: HookServer) -> None:
    hooks.answers["/bad"] = patch({"op": "remove", "path": "/data/missing"})
    await configure(api, MUTATING, webhook(hooks, "/bad", failurePolicy="Ignore"))
    assert (await api.call("POST", CONFIG_MAPS, config_map("a"))).status == 500


async def test_what_is_deleted_cannot_be_changed(api: API, hooks: HookServer) -> None:
    await api.create(CONFIG_MAPS, config_map("a", start="1"))
    hooks.answers["/late"] = add("late")
    await configure(api, MUTATING, webhook(hooks, "/late", rule("configmaps", "DELETE")))
    refused = await api.call("DELETE", f"{CONFIG_MAPS}/a")
    why = "attempted to modify the object, which is not supported for this operation"
    assert refused.body["message"] == f'Internal error occurred: admission webhook "late.example.com" {why}'


async def test_rules_that_change_are_followed(api: API, hooks: HookServer) -> None:
    hooks.answers["/first"] = add("first")
    await configure(api, MUTATING, webhook(hooks, "/first", rule("configmaps", "UPDATE")))
    assert "first" not in (await api.create(CONFIG_MAPS, config_map("a", x="1")))["data"]
    created = [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]
    assert (await api.patch(f"{MUTATING}/hooks", created, "json-patch")).status == 200
    assert "first" in (await api.create(CONFIG_MAPS, config_map("b", x="1")))["data"]


async def test_plugins_can_be_switched_off(hooks: HookServer) -> None:
    async with running(admission=AdmissionConfiguration(disable=frozenset({"MutatingAdmissionWebhook"}))) as api:
        await configure(api, MUTATING, webhook(hooks, "/none"))
        await api.create(CONFIG_MAPS, config_map("a"))
    assert not hooks.asked


async def test_what_a_webhook_makes_of_a_connection_counts(api: API, hooks: HookServer) -> None:
    await api.service_account()
    await api.create(PODS, pod("p", nodeName="n1"))
    hooks.answers["/other"] = patch({"op": "replace", "path": "/container", "value": "other"})
    await configure(api, MUTATING, webhook(hooks, "/other", rule("pods/exec", "CONNECT")))
    query = {"container": "main", "command": "ls", "stdout": "true"}
    refused = await api.call("POST", f"{PODS}/p/exec", query=query)
    assert refused.body["message"] == "container other is not valid for pod p"
    hooks.answers["/other"] = patch({"op": "replace", "path": "/command", "value": [1]})
    assert (await api.call("POST", f"{PODS}/p/exec", query=query)).status == 400
