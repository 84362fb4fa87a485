"""create, get, update, patch, delete: what is stored, what is answered, what is refused."""

import asyncio

import pytest

from tests.apiserver.harness import API, CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod


async def test_create_fills_in_metadata_and_get_returns_it(api: API) -> None:
    created = await api.create(CONFIG_MAPS, config_map("a", x="1"))
    assert created == await api.get(f"{CONFIG_MAPS}/a")
    meta = created["metadata"]
    assert meta["namespace"] == "default"
    assert {"uid", "creationTimestamp", "resourceVersion"} <= set(meta)
    assert list(created)[:2] == ["kind", "apiVersion"]


async def test_generate_name(api: API) -> None:
    body = {"metadata": {"generateName": "a-" * 40}}
    names = {(await api.create(CONFIG_MAPS, body))["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(len(name) == 63 and name.startswith("a-" * 29) for name in names)


async def test_create_of_a_taken_name(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a"))
    answer = await api.call("POST", CONFIG_MAPS, config_map("a"))
    assert (answer.status, answer.body["reason"]) == (409, "AlreadyExists")
    assert answer.body["message"] == 'configmaps "a" already exists'
    assert answer.body["details"] == {"name": "a", "kind": "configmaps"}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (
            {"metadata": {}},
            422,
            'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
        ),
        ({"metadata": {"name": "a", "namespace": "b"}}, 400, "the namespace of the provided object does not match"),
        ({"metadata": {"name": "a", "resourceVersion": "3"}}, 400, "resourceVersion should not be set on objects to"),
        ({"kind": "Pod", "metadata": {"name": "a"}}, 400, "cannot be handled as a ConfigMap"),
        ({"metadata": {"name": "A"}}, 422, "a lowercase RFC 1123 subdomain must consist of"),
        (
            {"metadata": {"name": "a"}, "data": {"x": 1}},
            400,
            "cannot unmarshal number into Go struct field ConfigMap.data",
        ),
    ],
)
async def test_refused_creates(api: API, body: object, status: int, message: str) -> None:
    answer = await api.call("POST", CONFIG_MAPS, body)
    assert answer.status == status
    assert message in answer.body["message"]


async def test_field_validation(api: API) -> None:
    body = {**config_map("a"), "unknown": 1}
    strict = await api.call("POST", CONFIG_MAPS, body, query={"fieldValidation": "Strict"})
    assert strict.status == 400
    assert 'strict decoding error: unknown field "unknown"' in strict.body["message"]
    warned = await api.call("POST", CONFIG_MAPS, body, query={"fieldValidation": "Warn"})
    assert warned.warnings == ['299 - "unknown field \\"unknown\\""']
    assert "unknown" not in warned.body
    ignored = await api.call(
        "POST", CONFIG_MAPS, {**body, "metadata": {"name": "b"}}, query={"fieldValidation": "Ignore"}
    )
    assert ignored.warnings == []


async def test_missing_namespace(api: API) -> None:
    answer = await api.call("POST", "/api/v1/namespaces/none/configmaps", config_map("a"))
    assert (answer.status, answer.body["message"]) == (404, 'namespaces "none" not found')


async def test_dry_run_stores_nothing(api: API) -> None:
    answer = await api.call("POST", CONFIG_MAPS, config_map("a"), query={"dryRun": "All"})
    assert answer.status == 201
    assert answer.body["metadata"]["uid"]
    assert (await api.call("GET", f"{CONFIG_MAPS}/a")).status == 404
    assert (await api.call("POST", CONFIG_MAPS, config_map("a"), query={"dryRun": "Some"})).status == 422


async def test_update_checks_the_version(api: API) -> None:
    first = await api.create(CONFIG_MAPS, config_map("a", x="1"))
    second = await api.call("PUT", f"{CONFIG_MAPS}/a", {**first, "data": {"x": "2"}})
    assert second.status == 200
    stale = await api.call("PUT", f"{CONFIG_MAPS}/a", {**first, "data": {"x": "3"}})
    assert (stale.status, stale.body["reason"]) == (409, "Conflict")
    assert stale.body["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    unconditional = await api.call("PUT", f"{CONFIG_MAPS}/a", config_map("a", x="4"))
    assert unconditional.body["data"] == {"x": "4"}
    assert unconditional.body["metadata"]["uid"] == first["metadata"]["uid"]
    other = config_map("a") | {"metadata": {"name": "a", "uid": "other"}}
    assert "UID in precondition: other" in (await api.call("PUT", f"{CONFIG_MAPS}/a", other)).body["message"]


async def test_update_without_change_writes_nothing(api: API) -> None:
    first = await api.create(CONFIG_MAPS, config_map("a", x="1"))
    again = await api.call("PUT", f"{CONFIG_MAPS}/a", first)
    assert again.body == first


async def test_update_name_must_match(api: API) -> None:
    answer = await api.call("PUT", f"{CONFIG_MAPS}/a", config_map("b"))
    assert answer.body["message"] == "the name of the object (b) does not match the name on the URL (a)"
    assert (await api.call("PUT", f"{CONFIG_MAPS}/a", config_map("a"))).status == 404


async def test_status_and_spec_are_written_apart(api: API) -> None:
    created = await api.create(DEPLOYMENTS, deployment("web", replicas=1))
    assert created["metadata"]["generation"] == 1
    main = {**created, "spec": {**created["spec"], "replicas": 2}, "status": {"replicas": 9}}
    after_main = (await api.call("PUT", f"{DEPLOYMENTS}/web", main)).body
    assert after_main["metadata"]["generation"] == 2
    assert "replicas" not in after_main["status"]
    status = {**after_main, "spec": {**after_main["spec"], "replicas": 7}, "status": {"replicas": 2}}
    after_status = (await api.call("PUT", f"{DEPLOYMENTS}/web/status", status)).body
    assert (after_status["spec"]["replicas"], after_status["status"]["replicas"]) == (2, 2)
    assert after_status["metadata"]["generation"] == 2


async def test_patches(api: API) -> None:
    await api.create(DEPLOYMENTS, deployment("web"))
    merged = await api.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 3}})
    assert merged.body["spec"]["replicas"] == 3
    step = [{"op": "replace", "path": "/spec/replicas", "value": 4}]
    assert (await api.patch(f"{DEPLOYMENTS}/web", step, "json-patch")).body["spec"]["replicas"] == 4
    containers = [{"name": "side", "image": "b"}]
    strategic = {"spec": {"template": {"spec": {"containers": containers}}}}
    answer = await api.patch(f"{DEPLOYMENTS}/web", strategic, "strategic-merge-patch")
    assert [c["name"] for c in answer.body["spec"]["template"]["spec"]["containers"]] == ["side", "main"]


async def test_patch_conflicts_and_types(api: API) -> None:
    first = await api.create(CONFIG_MAPS, config_map("a"))
    await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "1"}})
    stale = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "data": {"x": "2"}}
    assert (await api.patch(f"{CONFIG_MAPS}/a", stale)).status == 409
    wrong = await api.call("PATCH", f"{CONFIG_MAPS}/a", {}, content_type="application/json")
    assert (wrong.status, wrong.body["reason"]) == (415, "UnsupportedMediaType")
    rename = await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"name": "b"}})
    assert rename.status in (400, 422)


async def test_concurrent_patches_all_arrive(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a"))
    answers = await asyncio.gather(*(api.patch(f"{CONFIG_MAPS}/a", {"data": {f"k{i}": "1"}}) for i in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len((await api.get(f"{CONFIG_MAPS}/a"))["data"]) == 20


async def test_delete_answers_with_a_status(api: API) -> None:
    created = await api.create(CONFIG_MAPS, config_map("a"))
    answer = await api.call("DELETE", f"{CONFIG_MAPS}/a")
    assert answer.body["status"] == "Success"
    assert answer.body["details"] == {"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]}
    assert (await api.call("DELETE", f"{CONFIG_MAPS}/a")).body["message"] == 'configmaps "a" not found'


async def test_delete_preconditions(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a"))
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "other"}}
    answer = await api.call("DELETE", f"{CONFIG_MAPS}/a", options)
    assert answer.status == 409
    assert "Precondition failed: UID in precondition: other, UID in object meta: " in answer.body["message"]


async def test_finalizers_hold_an_object(api: API) -> None:
    body = config_map("a")
    body["metadata"]["finalizers"] = ["example.com/wait"]
    await api.create(CONFIG_MAPS, body)
    answer = await api.call("DELETE", f"{CONFIG_MAPS}/a")
    assert answer.body["metadata"]["deletionTimestamp"]
    more = await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"finalizers": ["example.com/wait", "example.com/b"]}})
    assert "no new finalizers can be added if the object is being deleted" in more.body["message"]
    released = await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"finalizers": None}})
    assert released.status == 200
    assert (await api.call("GET", f"{CONFIG_MAPS}/a")).status == 404


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
async def test_propagation_leaves_work_to_the_collector(api: API, policy: str, finalizer: str) -> None:
    await api.create(DEPLOYMENTS, deployment("web"))
    answer = await api.call("DELETE", f"{DEPLOYMENTS}/web", {"propagationPolicy": policy})
    assert answer.body["metadata"]["finalizers"] == [finalizer]
    assert answer.body["metadata"]["generation"] == 2


async def test_pods_are_deleted_gracefully_once_they_have_a_node(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("free"))
    assert (await api.call("DELETE", f"{PODS}/free")).status == 200
    assert (await api.call("GET", f"{PODS}/free")).status == 404

    await api.create(PODS, pod("bound", terminationGracePeriodSeconds=20))
    for name, status in (("No!", 422), ("n2", 200)):
        nomination = {"status": {"nominatedNodeName": name}}
        told = await api.call("PATCH", f"{PODS}/bound/status", nomination, content_type="application/merge-patch+json")
        assert told.status == status
    binding = {
        "kind": "Binding",
        "apiVersion": "v1",
        "metadata": {"name": "bound"},
        "target": {"kind": "Node", "name": "n1"},
    }
    assert (await api.call("POST", f"{PODS}/bound/binding", binding)).status == 201
    bound = await api.get(f"{PODS}/bound")
    assert bound["metadata"]["generation"] == 1
    assert bound["status"]["conditions"][-1]["observedGeneration"] == 1
    again = await api.call("POST", f"{PODS}/bound/binding", binding)
    assert "nominatedNodeName" not in bound["status"]
    nomination = {"status": {"nominatedNodeName": "n2"}}
    late = await api.call("PATCH", f"{PODS}/bound/status", nomination, content_type="application/merge-patch+json")
    assert late.status == 422 and "may not be set on pods that are already bound to a node" in late.body["message"]
    assert 'pod bound is already assigned to node "n1"' in again.body["message"]
    first = (await api.call("DELETE", f"{PODS}/bound")).body["metadata"]
    assert first["deletionGracePeriodSeconds"] == 20
    longer = (await api.call("DELETE", f"{PODS}/bound", {"gracePeriodSeconds": 60})).body["metadata"]
    assert longer["deletionTimestamp"] == first["deletionTimestamp"]
    await api.call("DELETE", f"{PODS}/bound", {"gracePeriodSeconds": 0})
    assert (await api.call("GET", f"{PODS}/bound")).status == 404


async def test_namespaces_wait_for_finalize(api: API) -> None:
    await api.create("/api/v1/namespaces", {"metadata": {"name": "n"}})
    gone = await api.call("DELETE", "/api/v1/namespaces/n")
    assert gone.body["status"]["phase"] == "Terminating"
    refused = await api.call("POST", "/api/v1/namespaces/n/configmaps", config_map("a"))
    assert refused.status == 403
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    body = {**gone.body, "spec": {"finalizers": []}}
    assert (await api.call("PUT", "/api/v1/namespaces/n/finalize", body)).status == 200
    assert (await api.call("GET", "/api/v1/namespaces/n")).status == 404
    protected = await api.call("DELETE", "/api/v1/namespaces/kube-system")
    assert protected.body["message"] == 'namespaces "kube-system" is forbidden: this namespace may not be deleted'


async def test_delete_collection(api: API) -> None:
    for name in ("a", "b", "c"):
        body = config_map(name)
        body["metadata"]["labels"] = {"keep": "yes" if name == "b" else "no"}
        await api.create(CONFIG_MAPS, body)
    answer = await api.call("DELETE", CONFIG_MAPS, query={"labelSelector": "keep!=yes"})
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "c"]
    assert [item["metadata"]["name"] for item in (await api.get(CONFIG_MAPS))["items"]] == ["b"]


async def test_wrong_places(api: API) -> None:
    assert (await api.call("POST", "/api/v1/configmaps", config_map("a"))).status == 405
    assert (await api.call("GET", "/api/v1/configmaps/a")).status == 404
    assert (await api.call("GET", "/api/v1/namespaces/default/nodes")).status == 404
    assert (await api.call("GET", "/apis/none/v1/things")).status == 404
    assert (await api.call("POST", f"{CONFIG_MAPS}/a", config_map("a"))).status == 405
    assert (await api.call("OPTIONS", CONFIG_MAPS)).status == 405


async def test_generated_names_that_are_all_taken(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sampan.apiserver.metadata.random_suffix", lambda: "same")
    body = {"metadata": {"generateName": "a-"}}
    await api.create(CONFIG_MAPS, body)
    for query in ({}, {"dryRun": "All"}):
        answer = await api.call("POST", CONFIG_MAPS, body, query=query)
        assert (answer.status, answer.body["reason"], answer.headers["retry-after"]) == (409, "AlreadyExists", "1")
        assert answer.body["message"] == (
            'configmaps "a-same" already exists, the server was not able to generate a unique name for the object'
        )


async def test_delete_collection_within_a_limit(api: API) -> None:
    for name in "abc":
        await api.create(CONFIG_MAPS, config_map(name))
    query = {"limit": "2", "labelSelector": "!none"}
    deleted = (await api.call("DELETE", CONFIG_MAPS, query=query)).body["items"]
    assert [item["metadata"]["name"] for item in deleted] == ["a", "b"]
    assert [item["metadata"]["name"] for item in (await api.get(CONFIG_MAPS))["items"]] == ["c"]
