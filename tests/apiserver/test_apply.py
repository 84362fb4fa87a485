"""Server-side apply and managedFields, from outside."""

from typing import Any

import pytest

from sampan.apiserver.authentication.user import User
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, Answer, deployment

APPLY = "application/apply-patch+yaml"


def config(**data: str) -> dict[str, Any]:
    """An apply configuration of ConfigMap a."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


async def apply(api: API, manager: str, body: Any, path: str = f"{CONFIG_MAPS}/a", **query: str) -> Answer:
    """One apply."""
    query = {"fieldManager": manager, **query} if manager else query
    return await api.call("PATCH", path, body, content_type=APPLY, query=query)


def managers(obj: Any) -> list[tuple[str, str]]:
    """(manager, operation) of every record."""
    return [(entry["manager"], entry["operation"]) for entry in obj["metadata"].get("managedFields") or []]


async def test_apply_creates_then_changes(api: API) -> None:
    first = await apply(api, "one", config(x="1", y="1"))
    assert (first.status, first.body["data"]) == (201, {"x": "1", "y": "1"})
    assert managers(first.body) == [("one", "Apply")]
    second = await apply(api, "one", config(x="2"))
    assert (second.status, second.body["data"]) == (200, {"x": "2"})
    assert (await apply(api, "one", config(x="2"))).body == second.body


async def test_conflicts_and_force(api: API) -> None:
    await apply(api, "one", config(x="1"))
    refused = await apply(api, "two", config(x="2"))
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.x'
    forced = await apply(api, "two", config(x="2"), force="true")
    assert (forced.body["data"], managers(forced.body)) == ({"x": "2"}, [("two", "Apply")])


async def test_named_updaters_are_recorded_and_lose(api: API) -> None:
    made = await api.create(CONFIG_MAPS, config(x="1"), query={"fieldManager": "maker"})
    assert managers(made) == [("maker", "Update")]
    refused = await apply(api, "one", config(x="2"))
    assert 'conflict with "maker" using v1: .data.x' in refused.body["message"]
    patched = await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "3"}}, headers={"user-agent": "curl/8"})
    assert managers(patched.body) == [("curl", "Update"), ("maker", "Update")]  # the map itself is still the maker's


async def test_creators_without_a_name_have_that_of_their_agent(api: API) -> None:
    made = await api.create(CONFIG_MAPS, config(x="1", y="1"), headers={"user-agent": "cu\x01rl/8.1 (linux)"})
    assert managers(made) == [("curl", "Update")]
    nameless = await api.create(CONFIG_MAPS, config(x="1") | {"metadata": {"name": "b"}})
    assert managers(nameless) == [("unknown", "Update")]
    for user, program in (
        ("system:kube-scheduler", "kube-scheduler"),
        ("system:node:n1", "kubelet"),
        ("system:serviceaccount:kube-system:job-controller", "kube-controller-manager"),
    ):
        component = api.server.local_client(User(user, ("system:masters",)))
        named = {"metadata": {"name": program, "namespace": "default"}, "data": {"x": "1"}}
        assert managers(await component.create(CONFIG_MAP, named)) == [(program, "Update")]


async def test_cleared_records_stay_cleared_until_an_apply(api: API) -> None:
    await api.create(CONFIG_MAPS, config(x="1", y="1"))
    cleared = await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"managedFields": [{}]}, "data": {"z": "1"}})
    assert managers(cleared.body) == []
    assert managers((await api.patch(f"{CONFIG_MAPS}/a", {"data": {"z": "2"}})).body) == []
    applied = (await apply(api, "one", config(x="1"))).body
    assert managers(applied) == [("one", "Apply"), ("before-first-apply", "Update")]
    assert applied["data"] == {"x": "1", "y": "1", "z": "2"}


async def test_apply_gives_defaults_and_validates(api: API) -> None:
    made = await apply(api, "one", deployment("web", replicas=2), f"{DEPLOYMENTS}/web")
    assert made.body["spec"]["strategy"]["type"] == "RollingUpdate"
    bad = deployment("web", replicas=-1)
    assert (await apply(api, "one", bad, f"{DEPLOYMENTS}/web")).status == 422


@pytest.mark.parametrize("validation", ["Strict", "Warn", "Ignore"])
async def test_fields_that_nobody_could_own_are_refused(api: API, validation: str) -> None:
    unknown = deployment("web", paused=False, other=1)
    unknown["spec"]["template"]["spec"] = {"nodeName": "", **unknown["spec"]["template"]["spec"]}
    unknown["spec"]["template"]["spec"]["containers"][0]["x"] = None
    unknown["spec"]["template"]["spec"]["containers"][0]["y"] = 1
    unknown["metadata"]["z"] = "z"
    refused = await apply(api, "one", unknown, f"{DEPLOYMENTS}/web", fieldValidation=validation)
    assert refused.status == 500 and "reason" not in refused.body
    assert refused.body["message"] == (
        "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): errors:\n"
        "  .metadata.z: field not declared in schema\n"
        '  .spec.template.spec.containers[name="main"].y: field not declared in schema\n'
        "  .spec.other: field not declared in schema"
    )


async def test_keys_given_twice(api: API) -> None:
    body = rb"""apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  "a\"b": x
  "a\"b": y
data: {}
"""
    strict = await apply(api, "one", body, fieldValidation="Strict")
    assert (strict.status, strict.body["message"]) == (
        400,
        "error strict decoding patch: error converting YAML to JSON: yaml: unmarshal errors:\n"
        '  line 6: key "a\\"b" already set in map\n'
        '  line 7: key "data" already set in map',
    )
    warned = await apply(api, "one", body, fieldValidation="Warn")
    assert warned.status == 201
    assert warned.warnings == [
        r'299 - "line 6: key \"a\\\"b\" already set in map"',
        r'299 - "line 7: key \"data\" already set in map"',
    ]
    assert (await apply(api, "one", body, fieldValidation="Ignore")).warnings == []
    broken = await apply(api, "one", b"a: [")
    assert broken.status == 400
    assert broken.body["message"].startswith("error decoding patch: error converting YAML to JSON: yaml: line ")


async def test_refused_options(api: API) -> None:
    nameless = await apply(api, "", config(x="1"))
    assert (nameless.status, nameless.body["message"]) == (
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    )
    forced = await api.patch(f"{CONFIG_MAPS}/a", {}, query={"force": "true"})
    assert "force: Forbidden: may not be specified for non-apply patch" in forced.body["message"]
    assert (await apply(api, "one", {"metadata": {"name": "a"}})).status == 400
    assert (await apply(api, "one", config() | {"metadata": {"name": "b"}})).status == 400


async def test_status_is_applied_apart(api: API) -> None:
    await api.create(DEPLOYMENTS, deployment("web", replicas=2))
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "status": {"replicas": 2}}
    answer = await apply(api, "watcher", body, f"{DEPLOYMENTS}/web/status")
    assert (answer.status, answer.body["status"]["replicas"], answer.body["spec"]["replicas"]) == (200, 2, 2)
    entry = next(e for e in answer.body["metadata"]["managedFields"] if e["manager"] == "watcher")
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {"f:replicas": {}}})
