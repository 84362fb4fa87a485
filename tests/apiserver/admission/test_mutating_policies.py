"""MutatingAdmissionPolicy."""

from typing import Any

import pytest

from tests.apiserver.admission.hooks import rule
from tests.apiserver.admission.policies import mutate
from tests.apiserver.extensions.crontabs import CRONTABS, crontab, definition, established
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod

DEPLOYED = rule("deployments", group="apps")


async def test_apply_configurations_merge(api: API) -> None:
    container = "Object.spec.template.spec.containers{name: 'main', env: [Object.spec.template.spec.containers.env{name: 'A', value: object.metadata.name}]}"  # noqa: E501
    text = f"Object{{spec: Object.spec{{template: Object.spec.template{{spec: Object.spec.template.spec{{containers: [{container}]}}}}}}}}"  # noqa: E501
    await mutate(api, DEPLOYED, mutations=["Object{metadata: Object.metadata{annotations: {'my': 'yes'}}}", text])
    made = await api.create(DEPLOYMENTS, deployment("web"))
    (found,) = made["spec"]["template"]["spec"]["containers"]
    assert (found["image"], found["env"]) == ("busybox", [{"name": "A", "value": "web"}])
    assert made["metadata"]["annotations"] == {"my": "yes"}
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "web"}


async def test_json_patches(api: API) -> None:
    patch = (
        "[JSONPatch{op: 'test', path: '/data/x', value: '1'}, "
        "JSONPatch{op: 'add', path: '/metadata/labels', value: {'a/b': 'c'}}, "
        "JSONPatch{op: 'replace', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'd'}]"
    )
    await mutate(api, rule(), mutations=[patch])
    assert (await api.create(CONFIG_MAPS, config_map("a", x="1")))["metadata"]["labels"] == {"a/b": "d"}
    assert "labels" not in (await api.create(CONFIG_MAPS, config_map("b", x="2")))["metadata"]


async def test_defaults_are_given_again(api: API) -> None:
    await api.service_account()
    volume = "[JSONPatch{op: 'add', path: '/spec/initContainers', value: [Object.spec.initContainers{name: 'i', image: 'i'}]}]"  # noqa: E501
    await mutate(api, rule("pods"), mutations=[volume])
    (added,) = (await api.create(PODS, pod("p")))["spec"]["initContainers"]
    assert (added["image"], added["terminationMessagePolicy"]) == ("i", "File")


async def test_custom_resources(api: API) -> None:
    await established(api, definition())
    steps = "Object{spec: Object.spec{steps: [Object.spec.steps{name: 'b', run: 'x'}]}}"
    await mutate(api, rule("crontabs", group="stable.example.com"), mutations=[steps])
    made = await api.create(CRONTABS, crontab(steps=[{"name": "a"}, {"name": "b"}]))
    assert made["spec"]["steps"] == [{"name": "a"}, {"name": "b", "run": "x"}]


async def test_conditions_variables_and_parameters(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("source", x="from params"))
    await mutate(
        api,
        rule(),
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        binding={"paramRef": {"name": "source", "parameterNotFoundAction": "Deny"}},
        matchConditions=[{"name": "marked", "expression": "has(object.data.marked)"}],
        variables=[{"name": "x", "expression": "params.data.x"}],
        mutations=["Object{data: Object.data{x: variables.x}}"],
    )
    assert (await api.create(CONFIG_MAPS, config_map("a", marked="1")))["data"]["x"] == "from params"
    assert "x" not in (await api.create(CONFIG_MAPS, config_map("b", y="1")))["data"]


BAD = [
    (
        "Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'a': 'b'}}}}",
        "atomic arrays, maps or structs: .spec.selector",
    ),
    ("Object{spec: Object.spec{template: Object.spec.wrong{}}}", "type mismatch: unexpected type name"),
    ("Object{spec: Object.spec{replicas: 'many'}}", "error applying patch: failed to convert patch object"),
    ("[JSONPatch{op: 'remove', path: '/spec/none'}]", "JSON Patch: "),
    ("Object{spec: Object.spec{replicas: object.spec.none}}", "resulted in error: no such key: none"),
]


@pytest.mark.parametrize(("text", "why"), BAD)
async def test_mutations_that_fail(api: API, text: str, why: str) -> None:
    await mutate(api, DEPLOYED, mutations=[text])
    failed = await api.call("POST", DEPLOYMENTS, deployment("web"))
    assert (failed.status, failed.body["reason"]) == (403, "Invalid")
    assert failed.body["message"].startswith("policy 'm' with binding 'm-binding' denied request: ")
    assert why in failed.body["message"]
    assert failed.body["details"]["causes"] == [{"message": failed.body["message"]}]


async def test_failures_can_be_ignored(api: API) -> None:
    await mutate(api, DEPLOYED, failurePolicy="Ignore", mutations=["[JSONPatch{op: 'remove', path: '/spec/none'}]"])
    await api.create(DEPLOYMENTS, deployment("web"))


async def test_a_second_round(api: API) -> None:
    def counting(name: str) -> str:
        return f"[JSONPatch{{op: 'add', path: '/data/{name}', value: '{name} saw ' + string(size(object.data))}}]"

    again: Any = {"reinvocationPolicy": "IfNeeded"}
    await mutate(api, rule(), name="a", mutations=[counting("a")], **again)
    await mutate(api, rule(), name="b", mutations=[counting("b")])
    made = await api.create(CONFIG_MAPS, config_map("x", start="1"))
    assert made["data"] == {"start": "1", "a": "a saw 3", "b": "b saw 2"}


async def test_counting(api: API) -> None:
    await mutate(api, rule(), mutations=["Object{data: Object.data{x: 'y'}}"])
    await api.create(CONFIG_MAPS, config_map("a"))
    text = (await api.call("GET", "/metrics")).body.decode()
    labels = 'error_type="no_error",policy="m",policy_binding="m-binding"'
    assert f"apiserver_mutating_admission_policy_check_total{{{labels}}} 1.0" in text
