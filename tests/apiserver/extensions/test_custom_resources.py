"""Objects of kinds that a definition brings: from its establishment to its end."""

import asyncio
import copy

import pytest

from sampan.storage.memory import MemoryStore
from tests.apiserver.extensions.crontabs import (
    CRONTABS,
    DEFINITIONS,
    NAME,
    SCHEMA,
    condition,
    crontab,
    definition,
    established,
    until,
    version,
)
from tests.apiserver.harness import API, running


async def test_whoever_sees_a_definition_established_finds_its_objects_served(api: API) -> None:
    found = await established(api, definition(names={"shortNames": ["ct"], "categories": ["all"]}))
    made = await api.create(CRONTABS, crontab())
    assert made["spec"] == {"cronSpec": "*/5", "replicas": 1} and made["metadata"]["generation"] == 1
    assert (made["kind"], made["apiVersion"]) == ("CronTab", "stable.example.com/v1")
    assert found["status"]["acceptedNames"] == found["spec"]["names"] and found["status"]["storedVersions"] == ["v1"]
    resource = (await api.get("/apis/stable.example.com/v1"))["resources"][0]
    assert (resource["shortNames"], resource["categories"]) == (["ct"], ["all"])
    listed = await api.get(CRONTABS)
    assert listed["kind"] == "CronTabList" and listed["items"] == [made]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replicas": 11}, "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to"),
        ({"replicas": "a"}, 'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer'),
        ({"image": "bad"}, "spec.image: Invalid value: a bad image"),
        (
            {"steps": [{"name": "a"}, {"name": "a"}]},
            'spec.steps[1]: Duplicate value: {"name":"a"}',
        ),
    ],
)
async def test_objects_are_held_to_the_schema_and_its_rules(api: API, spec: dict[str, object], message: str) -> None:
    await established(api, definition())
    answer = await api.call("POST", CRONTABS, crontab(**spec))
    assert answer.status == 422 and message in answer.body["message"], answer.body


async def test_unknown_fields_are_dropped_told_or_refused(api: API) -> None:
    await established(api, definition())
    body = crontab(unknown=1)
    warned = await api.call("POST", CRONTABS, body)
    assert "unknown" not in warned.body["spec"] and warned.warnings == ['299 - "unknown field \\"spec.unknown\\""']
    refused = await api.call("POST", CRONTABS, body, query={"fieldValidation": "Strict"})
    assert refused.status == 400 and 'strict decoding error: unknown field "spec.unknown"' in refused.body["message"]


async def test_updates_are_held_to_rules_over_the_old_object_and_count_generations(api: API) -> None:
    await established(api, definition())
    made = await api.create(CRONTABS, crontab())
    answer = await api.patch(CRONTABS + "/my", {"spec": {"cronSpec": "*/7"}})
    assert answer.status == 422 and "cronSpec stays" in answer.body["message"]
    changed = await api.patch(CRONTABS + "/my", {"spec": {"replicas": 3}})
    assert changed.body["metadata"]["generation"] == 2
    unconditional = await api.call("PUT", CRONTABS + "/my", crontab())
    assert unconditional.status == 422 and "must be specified for an update" in unconditional.body["message"]
    stale = await api.call("PUT", CRONTABS + "/my", made)
    assert stale.status == 409


async def test_strategic_patches_are_not_understood(api: API) -> None:
    await established(api, definition())
    await api.create(CRONTABS, crontab())
    answer = await api.patch(CRONTABS + "/my", {}, "strategic-merge-patch")
    assert answer.status == 415
    assert "strategic" not in answer.body["message"].partition("accepted media types include:")[2]


async def test_apply_refuses_fields_that_nobody_could_own(api: API) -> None:
    schema = copy.deepcopy(SCHEMA)
    metadata = {"type": "object", "properties": {"name": {"type": "string"}}}
    embedded = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"metadata": metadata}}
    schema["properties"]["spec"]["properties"]["free"] = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"closed": {"type": "object", "properties": {"y": {"type": "string"}}}, "sub": embedded},
    }
    await established(api, definition(version(schema=schema)))
    body = crontab(steps=[{"name": "a", "more": 1}])
    body["metadata"]["unknown"] = "x"
    apply = {"content_type": "application/apply-patch+yaml", "query": {"fieldManager": "one"}}
    refused = await api.call("PATCH", CRONTABS + "/my", body, **apply)
    assert (refused.status, refused.body["message"]) == (
        500,
        "failed to create typed patch object (default/my; stable.example.com/v1, Kind=CronTab): errors:\n"
        "  .metadata.unknown: field not declared in schema\n"
        '  .spec.steps[name="a"].more: field not declared in schema',
    )
    del body["spec"]["steps"][0]["more"], body["metadata"]["unknown"]
    body["spec"] |= {"free": {"closed": {"x": 1}, "sub": {"apiversion": "v1", "kind": "Sub", "metadata": {"y": 2}}}}
    refused = await api.call("PATCH", CRONTABS + "/my", body, **apply)
    assert refused.body["message"].endswith("Kind=CronTab): .spec.free.sub.metadata.y: field not declared in schema")
    del body["spec"]["free"]["sub"]
    assert (await api.call("PATCH", CRONTABS + "/my", body, **apply)).status == 201


async def test_apply_merges_lists_by_their_keys(api: API) -> None:
    await established(api, definition())
    apply = {"content_type": "application/apply-patch+yaml"}
    one = crontab(steps=[{"name": "a", "run": "1"}])
    first = await api.call("PATCH", CRONTABS + "/my", one, query={"fieldManager": "one"}, **apply)
    assert first.status == 201
    two = {**crontab(), "spec": {"steps": [{"name": "b", "run": "2"}]}}
    second = await api.call("PATCH", CRONTABS + "/my", two, query={"fieldManager": "two"}, **apply)
    assert {step["name"]: step["run"] for step in second.body["spec"]["steps"]} == {"a": "1", "b": "2"}
    theirs = {**crontab(), "spec": {"steps": [{"name": "a", "run": "3"}]}}
    conflict = await api.call("PATCH", CRONTABS + "/my", theirs, query={"fieldManager": "two"}, **apply)
    assert conflict.status == 409 and conflict.body["details"]["causes"][0]["field"] == '.spec.steps[name="a"].run'


async def test_fields_that_nobody_has_described_have_owners_too(api: API) -> None:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    await established(api, definition(version(schema={"type": "object", "properties": {"spec": anything}})))
    body = {**crontab(), "spec": {"a": None, "b": [{"c": "d"}], "e": {"f": {"g": 1}}}}
    made = await api.create(CRONTABS, body, query={"fieldManager": "me"})
    assert made["spec"] == body["spec"]
    owned = made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    assert owned == {".": {}, "f:a": {}, "f:b": {}, "f:e": {".": {}, "f:f": {".": {}, "f:g": {}}}}


@pytest.mark.parametrize("spec", [[], "text", {"steps": {"name": "a"}}, {"steps": ["a"]}, {"steps": [{"name": {}}]}])
async def test_a_value_of_the_wrong_type_is_refused(api: API, spec: object) -> None:
    await established(api, definition())
    answer = await api.call("POST", CRONTABS, {**crontab(), "spec": spec}, query={"fieldManager": "me"})
    assert answer.status == 422, answer.body


async def test_status_and_scale_are_subresources_where_the_definition_says_so(api: API) -> None:
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    await established(api, definition(version(subresources={"status": {}, "scale": scale})))
    made = await api.create(CRONTABS, {**crontab(), "status": {"replicas": 5}})
    assert "status" not in made
    status = {**made, "status": {"replicas": 2, "selector": "a=b"}, "spec": {"cronSpec": "other"}}
    written = (await api.call("PUT", CRONTABS + "/my/status", status)).body
    assert written["status"]["replicas"] == 2 and written["spec"]["cronSpec"] == "*/5"
    assert written["metadata"]["generation"] == 1
    assert (await api.get(CRONTABS + "/my/scale"))["status"] == {"replicas": 2, "selector": "a=b"}
    scaled = await api.patch(CRONTABS + "/my/scale", {"spec": {"replicas": 4}})
    assert scaled.body["spec"] == {"replicas": 4}
    assert (await api.get(CRONTABS + "/my"))["spec"]["replicas"] == 4


async def test_a_scale_needs_no_selector_but_the_field_of_the_replicas(api: API) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
    scale = {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}
    await established(api, definition(version(schema=schema, subresources={"scale": scale})))
    await api.create(CRONTABS, {**crontab(), "spec": {}})
    missing = await api.call("GET", CRONTABS + "/my/scale")
    assert missing.status == 500
    assert missing.body["message"] == 'Internal error occurred: the spec replicas field ".spec.n" does not exist'
    scaled = await api.patch(CRONTABS + "/my/scale", {"spec": {"replicas": 4}})
    assert (scaled.body["spec"], scaled.body["status"]) == ({"replicas": 4}, {"replicas": 0})
    assert await api.get(CRONTABS + "/my/scale") == scaled.body


async def test_without_a_status_subresource_the_status_is_a_field(api: API) -> None:
    await established(api, definition())
    await api.create(CRONTABS, crontab())
    changed = await api.patch(CRONTABS + "/my", {"status": {"replicas": 2}})
    assert changed.body["status"] == {"replicas": 2} and changed.body["metadata"]["generation"] == 2
    assert (await api.call("GET", CRONTABS + "/my/status")).status == 404


async def test_columns_are_the_versions_own(api: API) -> None:
    columns = [
        {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec"},
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas", "priority": 1},
        {"name": "Nothing", "type": "string", "jsonPath": ".spec.image"},
    ]
    await established(api, definition(version(additionalPrinterColumns=columns)))
    await api.create(CRONTABS, crontab())
    table = await api.get(CRONTABS, accept="application/json;as=Table;g=meta.k8s.io;v=v1")
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Spec", "Replicas", "Nothing"]
    assert table["rows"][0]["cells"] == ["my", "*/5", 1, None]


async def test_selectable_fields_select_lists_and_watches(api: API) -> None:
    await established(api, definition(version(selectableFields=[{"jsonPath": ".spec.image"}])))
    await api.create(CRONTABS, crontab("a", image="x"))
    await api.create(CRONTABS, crontab("b", image="y"))
    query = {"fieldSelector": "spec.image=x"}
    assert [item["metadata"]["name"] for item in (await api.get(CRONTABS, query=query))["items"]] == ["a"]
    async with api.watch(CRONTABS, query={**query, "resourceVersion": "0"}) as events:
        assert (await anext(events))["object"]["metadata"]["name"] == "a"
        await api.patch(CRONTABS + "/a", {"spec": {"image": "z"}})
        gone = await anext(events)
        assert (gone["type"], gone["object"]["metadata"]["name"]) == ("DELETED", "a")
    refused = await api.call("GET", CRONTABS, query={"fieldSelector": "spec.cronSpec=x"})
    assert refused.status == 400 and "field label not supported: spec.cronSpec" in refused.body["message"]


async def test_what_is_stored_follows_the_definition_of_today(api: API) -> None:
    made = await established(api, definition())
    await api.create(CRONTABS, crontab(image="x"))
    properties = SCHEMA["properties"]["spec"]["properties"]
    changed = {name: field for name, field in properties.items() if name != "image"}
    changed["retries"] = {"type": "integer", "default": 7}
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": changed}},
    }
    made["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema
    assert (await api.call("PUT", f"{DEFINITIONS}/{NAME}", made)).status == 200
    found = await api.get(CRONTABS + "/my")
    assert found["spec"] == {"cronSpec": "*/5", "replicas": 1, "retries": 7}
    assert (await api.get(CRONTABS))["items"][0]["spec"] == found["spec"]
    async with api.watch(CRONTABS, query={"resourceVersion": "0"}) as events:
        assert (await anext(events))["object"]["spec"] == found["spec"]


async def test_versions_differ_in_their_name_where_nothing_converts(api: API) -> None:
    made = await established(api, definition(version("v1"), version("v2", stored=False, deprecated=True)))
    await api.create(CRONTABS, crontab())
    second = CRONTABS.replace("/v1/", "/v2/")
    found = await api.call("GET", second + "/my")
    assert found.body["apiVersion"] == "stable.example.com/v2"
    assert found.warnings == ['299 - "stable.example.com/v2 CronTab is deprecated"']
    made["spec"]["versions"][0]["storage"], made["spec"]["versions"][1]["storage"] = False, True
    moved = (await api.call("PUT", f"{DEFINITIONS}/{NAME}", made)).body
    assert moved["status"]["storedVersions"] == ["v1", "v2"]
    await api.create(second, crontab("new", api="v2"))
    listed = await api.get(CRONTABS)
    assert [(item["metadata"]["name"], item["apiVersion"]) for item in listed["items"]] == [
        ("my", "stable.example.com/v1"),
        ("new", "stable.example.com/v1"),
    ]
    entries = api.server.services.cache.list("/stable.example.com/crontabs/").items
    assert [entry.object["apiVersion"] for entry in entries] == ["stable.example.com/v1", "stable.example.com/v2"]


async def test_whoever_writes_in_another_version_is_answered_in_it(api: API) -> None:
    await established(api, definition(version("v1"), version("v2", stored=False)))
    second = CRONTABS.replace("/v1/", "/v2/")
    made = await api.create(second, crontab(api="v2"))
    assert made["apiVersion"] == "stable.example.com/v2" and made["metadata"]["resourceVersion"]
    changed = await api.patch(second + "/my", {"spec": {"replicas": 2}})
    assert (changed.body["apiVersion"], changed.body["spec"]["replicas"]) == ("stable.example.com/v2", 2)
    assert await api.get(second + "/my") == changed.body
    again = await api.patch(second + "/my", {"spec": {"replicas": 2}})
    assert again.body["metadata"]["resourceVersion"] == changed.body["metadata"]["resourceVersion"]
    assert (await api.get(CRONTABS + "/my"))["apiVersion"] == "stable.example.com/v1"


async def test_a_definition_takes_its_objects_along(api: API) -> None:
    await established(api, definition())
    await api.create(CRONTABS, {**crontab(), "metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
    await api.create(CRONTABS, crontab())
    async with api.watch(CRONTABS) as events:
        answer = await api.call("DELETE", f"{DEFINITIONS}/{NAME}")
        assert condition(answer.body, "Terminating")["reason"] == "InstanceDeletionPending"
        refused = await api.call("POST", CRONTABS, crontab("late"))
        assert refused.status == 405
        assert refused.body["message"] == "create not allowed while custom resource definition is terminating"
        await until(api, NAME, lambda found: condition(found, "Terminating")["reason"] == "InstanceDeletionInProgress")
        async for event in events:  # until what is not held has gone
            if event["type"] == "DELETED":
                assert event["object"]["metadata"]["name"] == "my"
                break
    assert [item["metadata"]["name"] for item in (await api.get(CRONTABS))["items"]] == ["held"]
    async with api.watch(DEFINITIONS) as events:
        await api.patch(CRONTABS + "/held", {"metadata": {"finalizers": None}})
        async for event in events:
            if event["type"] == "DELETED":
                break
    assert (await api.call("GET", CRONTABS)).status == 404


async def test_names_belong_to_who_asked_first_and_are_given_on(api: API) -> None:
    await established(api, definition(names={"shortNames": ["ct"]}))
    rival = definition(plural="rivals", names={"singular": "rival", "shortNames": ["ct"]}, kind="CronTab")
    await api.create(DEFINITIONS, rival)
    name = rival["metadata"]["name"]
    refused = await until(api, name, lambda found: condition(found, "NamesAccepted"))
    told = condition(refused, "NamesAccepted")
    assert (told["status"], told["reason"]) == ("False", "ListKindConflict")
    assert told["message"] == '"CronTabList" is already in use'
    assert condition(refused, "Established")["reason"] == "NotAccepted"
    assert (await api.call("GET", "/apis/stable.example.com/v1/rivals")).status == 404
    await api.call("DELETE", f"{DEFINITIONS}/{NAME}")
    await until(api, name, lambda found: condition(found, "Established").get("status") == "True")
    assert (await api.get("/apis/stable.example.com/v1/rivals"))["kind"] == "CronTabList"


async def test_a_server_that_starts_anew_serves_what_it_had() -> None:
    store = MemoryStore()

    class Kept(MemoryStore):
        async def close(self) -> None:
            """The next server goes on with it."""

    store = Kept()
    async with running(store=store) as api:
        await established(api, definition())
        await api.create(CRONTABS, crontab())
    async with running(store=store) as api:
        assert (await api.get(CRONTABS + "/my"))["spec"] == {"cronSpec": "*/5", "replicas": 1}


async def test_many_objects_are_looked_at_in_slices(api: API) -> None:
    made = await established(api, definition())
    await asyncio.gather(*(api.create(CRONTABS, crontab(f"c{number}")) for number in range(120)))
    made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["new"] = {
        "type": "string",
        "default": "x",
    }
    await api.call("PUT", f"{DEFINITIONS}/{NAME}", made)
    assert {item["spec"]["new"] for item in (await api.get(CRONTABS))["items"]} == {"x"}


async def test_what_built_in_kinds_have_stays_theirs(api: API) -> None:
    body = definition(version("v9"), plural="roles", kind="Mine", group="rbac.authorization.k8s.io")
    annotations = {"api-approved.kubernetes.io": "unapproved, a test"}
    body["metadata"] = {"name": "roles.rbac.authorization.k8s.io", "annotations": annotations}
    await established(api, body)
    assert (await api.call("GET", "/apis/rbac.authorization.k8s.io/v9/namespaces/default/roles")).status == 404
    assert (await api.get("/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles"))["items"]


async def test_a_kind_that_is_called_like_a_built_in_one_has_none_of_its_rules(api: API) -> None:
    await established(api, definition(plural="pods", kind="Pod"))
    path = "/apis/stable.example.com/v1/namespaces/default/pods"
    made = await api.create(path, {**crontab(), "kind": "Pod"})
    assert set(made["spec"]) == {"cronSpec", "replicas"} and "status" not in made
    gone = await api.call("DELETE", path + "/my")
    assert gone.status == 200 and gone.body["kind"] == "Status"
    assert (await api.call("GET", path + "/my/log")).status == 404
