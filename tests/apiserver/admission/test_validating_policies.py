"""ValidatingAdmissionPolicy."""

from typing import Any

import pytest

from tests.apiserver.admission.hooks import rule
from tests.apiserver.admission.policies import VALIDATING, VALIDATING_BINDINGS, validate
from tests.apiserver.extensions.crontabs import definition, established
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, config_map, deployment

DEPLOYED = rule("deployments", group="apps")
CRONTABS = "/apis/stable.example.com/v1/namespaces/default/crontabs"


async def refused(api: API, path: str, body: Any, **options: Any) -> Any:
    """The Status of a refusal."""
    answer = await api.call("POST", path, body, **options)
    assert answer.status >= 400, answer
    return answer.body


async def test_a_policy_refuses(api: API) -> None:
    await validate(api, DEPLOYED, validations=[{"expression": "object.spec.replicas <= 5"}])
    await api.create(DEPLOYMENTS, deployment("small", replicas=5))
    status = await refused(api, DEPLOYMENTS, deployment("big", replicas=6))
    denied = (
        "ValidatingAdmissionPolicy 'p' with binding 'p-binding' denied request: "
        "failed expression: object.spec.replicas <= 5"
    )
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert status["message"] == f'deployments.apps "big" is forbidden: {denied}'
    assert status["details"] == {
        "name": "big",
        "group": "apps",
        "kind": "deployments",
        "causes": [{"message": denied}],
    }
    await api.call("DELETE", f"{VALIDATING_BINDINGS}/p-binding")
    await api.create(DEPLOYMENTS, deployment("big", replicas=6))


async def test_variables_messages_and_reasons(api: API) -> None:
    variables = [
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "odd", "expression": "variables.replicas % 2 == 1"},
    ]
    validations = [
        {
            "expression": "variables.odd",
            "messageExpression": "'even: ' + string(variables.replicas)",
            "message": "fallback",
            "reason": "Forbidden",
        },
        {"expression": "variables.replicas < 9", "messageExpression": "string(object.none)", "message": "too many"},
    ]
    await validate(api, DEPLOYED, variables=variables, validations=validations)
    await api.create(DEPLOYMENTS, deployment("a", replicas=3))
    status = await refused(api, DEPLOYMENTS, deployment("b", replicas=2))
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert status["message"].endswith("denied request: even: 2")
    assert (await refused(api, DEPLOYMENTS, deployment("b", replicas=11)))["message"].endswith(": too many")


async def test_warnings_and_notes(api: API) -> None:
    await validate(
        api,
        rule(),
        actions=("Warn", "Audit"),
        validations=[{"expression": "false", "message": "careful"}],
    )
    made = await api.call("POST", CONFIG_MAPS, config_map("a"))
    text = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-binding': careful"
    assert (made.status, made.warnings) == (201, [f'299 - "{text}"'])


@pytest.mark.parametrize(("policy", "status"), [("Fail", 422), ("Ignore", 201)])
async def test_expressions_without_a_value(api: API, policy: str, status: int) -> None:
    await validate(api, rule(), failurePolicy=policy, validations=[{"expression": "object.data.none == 'x'"}])
    answer = await api.call("POST", CONFIG_MAPS, config_map("a", x="1"))
    assert answer.status == status
    if status == 422:
        why = "expression 'object.data.none == 'x'' resulted in error: no such key: none"
        assert answer.body["message"].endswith(f"denied request: {why}")


async def test_match_conditions_and_the_requester(api: API) -> None:
    conditions = [
        {"name": "strangers", "expression": "!('system:masters' in request.userInfo.groups)"},
        {"name": "named", "expression": "request.name != 'free'"},
    ]
    validations = [{"expression": "authorizer.requestResource.check('delete').allowed()", "message": "may not"}]
    await validate(api, rule(), matchConditions=conditions, validations=validations)
    role = {
        "metadata": {"name": "makers"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}],
    }
    access = "/apis/rbac.authorization.k8s.io/v1"
    await api.create(f"{access}/clusterroles", role)
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "makers"}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}]
    binding = {"metadata": {"name": "makers"}, "roleRef": ref, "subjects": subjects}
    await api.create(f"{access}/clusterrolebindings", binding)
    await api.create(CONFIG_MAPS, config_map("by-admin"))
    await api.create(CONFIG_MAPS, config_map("free"), user="joe")
    assert (await refused(api, CONFIG_MAPS, config_map("a"), user="joe"))["message"].endswith("may not")


async def test_old_objects_deletions_and_namespaces(api: API) -> None:
    validations = [
        {"expression": "request.operation != 'DELETE' || !has(oldObject.data)", "message": "not empty"},
        {"expression": "request.operation == 'DELETE' || namespaceObject.metadata.name == 'default'"},
        {"expression": "oldObject == null || object == null || object.data.x >= oldObject.data.x", "message": "less"},
    ]
    await validate(api, rule("configmaps", "*"), validations=validations)
    await api.create(CONFIG_MAPS, config_map("a", x="5"))
    assert (await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "4"}})).body["message"].endswith("less")
    assert (await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "6"}})).status == 200
    assert (await api.call("DELETE", f"{CONFIG_MAPS}/a")).body["message"].endswith("not empty")


async def test_parameters(api: API) -> None:
    limits = {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}
    validations = [{"expression": "object.spec.replicas <= int(params.data.max)", "message": "over the limit"}]
    ref = {"name": "limit", "parameterNotFoundAction": "Deny"}
    await validate(api, DEPLOYED, validations=validations, binding={"paramRef": ref}, **limits)
    status = await refused(api, DEPLOYMENTS, deployment("a", replicas=2))
    assert status["message"].endswith(
        "denied request: failed to configure binding: "
        "no params found for policy binding with `Deny` parameterNotFoundAction"
    )
    await api.create(CONFIG_MAPS, config_map("limit", max="3"))
    await api.create(DEPLOYMENTS, deployment("a", replicas=2))
    assert (await refused(api, DEPLOYMENTS, deployment("b", replicas=4)))["message"].endswith("over the limit")


async def test_parameters_of_a_custom_kind_by_labels(api: API) -> None:
    await established(api, definition())
    kind = {"apiVersion": "stable.example.com/v1", "kind": "CronTab"}
    ref = {
        "selector": {"matchLabels": {"limit": "yes"}},
        "namespace": "default",
        "parameterNotFoundAction": "Allow",
    }
    validations = [{"expression": "object.spec.replicas <= params.spec.replicas", "message": "over the limit"}]
    await validate(api, DEPLOYED, validations=validations, paramKind=kind, binding={"paramRef": ref})
    await api.create(DEPLOYMENTS, deployment("a", replicas=9))
    for name, replicas in (("x", 5), ("y", 3)):
        meta = {"name": name, "labels": {"limit": "yes"}}
        spec = {"cronSpec": "*", "replicas": replicas}
        await api.create(
            CRONTABS, {"apiVersion": kind["apiVersion"], "kind": "CronTab", "metadata": meta, "spec": spec}
        )
    await api.create(DEPLOYMENTS, deployment("b", replicas=3))
    assert (await refused(api, DEPLOYMENTS, deployment("c", replicas=4)))["message"].endswith("over the limit")


async def test_a_kind_of_parameters_that_there_is_not(api: API) -> None:
    kind = {"apiVersion": "none.example.com/v1", "kind": "Limit"}
    await validate(api, rule(), validations=[{"expression": "true"}], paramKind=kind)
    status = await refused(api, CONFIG_MAPS, config_map("a"))
    why = "failed to find resource referenced by paramKind: '{none.example.com/v1 Limit}'"
    assert status["message"].endswith(f"Policy 'p' denied request: failed to configure policy: {why}")


async def test_where_a_policy_holds(api: API) -> None:
    resources = {
        "matchResources": {
            "namespaceSelector": {"matchLabels": {"strict": "yes"}},
            "excludeResourceRules": [{**rule(), "resourceNames": ["free"]}],
        }
    }
    await validate(api, rule(), validations=[{"expression": "false"}], binding=resources)
    await api.create(CONFIG_MAPS, config_map("a"))
    await api.create("/api/v1/namespaces", {"metadata": {"name": "strict", "labels": {"strict": "yes"}}})
    strict = "/api/v1/namespaces/strict/configmaps"
    await refused(api, strict, config_map("a"))
    await api.create(strict, config_map("free"))


async def test_other_versions(api: API) -> None:
    old = rule("deployments", group="extensions", version="v1beta1")
    validations = [{"expression": "object.apiVersion == 'extensions/v1beta1' && request.kind.version == 'v1beta1'"}]
    await validate(api, old, validations=validations)
    await api.create(DEPLOYMENTS, deployment("a"))


async def test_expensive_policies_run_beside_the_event_loop_up_to_their_budget(api: API) -> None:
    numbers = "[" + ",".join(map(str, range(30))) + "]"
    nested = f"{numbers}.all(a, {numbers}.all(b, a + b >= 0))"
    variables = [{"name": "dear", "expression": nested}]
    await validate(api, rule(), variables=variables, validations=[{"expression": f"variables.dear && {nested}"}])
    await api.create(CONFIG_MAPS, config_map("a"))
    deeper = f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, {numbers}.all(d, a + b + c + d >= 0))))"
    await validate(api, rule(), name="dear", validations=[{"expression": deeper}])
    status = await refused(api, CONFIG_MAPS, config_map("b"))
    assert "actual cost limit exceeded" in status["message"]


async def test_counting(api: API) -> None:
    await validate(api, rule(), validations=[{"expression": "false"}])
    await refused(api, CONFIG_MAPS, config_map("a"))
    text = (await api.call("GET", "/metrics")).body.decode()
    labels = 'enforcement_action="deny",error_type="invalid_error",policy="p",policy_binding="p-binding"'
    assert f"apiserver_validating_admission_policy_check_total{{{labels}}} 1.0" in text


async def test_policies_are_not_asked_about_themselves(api: API) -> None:
    everything = {**rule("*/*", "*"), "apiGroups": ["*"], "apiVersions": ["*"]}
    await validate(api, everything, validations=[{"expression": "false"}])
    for path in (f"{VALIDATING_BINDINGS}/p-binding", f"{VALIDATING}/p"):
        assert (await api.call("DELETE", path)).status == 200
