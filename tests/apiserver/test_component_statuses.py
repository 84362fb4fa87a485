"""ComponentStatus: asked of the components when it is read."""

from tests.apiserver.harness import API

PLACE = "/api/v1/componentstatuses"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


async def test_components_say_how_they_are(api: API) -> None:
    api.server.services.components["scheduler"] = lambda: ""
    api.server.services.components["controller-manager"] = lambda: "is still starting"
    answer = await api.call("GET", PLACE)
    assert answer.warnings == ['299 - "v1 ComponentStatus is deprecated in v1.19+"']
    assert answer.body["kind"] == "ComponentStatusList" and answer.body["metadata"] == {}
    well = {"type": "Healthy", "status": "True", "message": "ok"}
    starting = {"type": "Healthy", "status": "False", "error": "is still starting"}
    assert answer.body["items"] == [
        {"metadata": {"name": "controller-manager"}, "conditions": [starting]},
        {"metadata": {"name": "scheduler"}, "conditions": [well]},
        {"metadata": {"name": "etcd-0"}, "conditions": [well]},
    ]
    rows = (await api.get(PLACE, accept=TABLE))["rows"]
    assert [row["cells"] for row in rows] == [
        ["controller-manager", "Unhealthy", "", "is still starting"],
        ["scheduler", "Healthy", "ok", ""],
        ["etcd-0", "Healthy", "ok", ""],
    ]


async def test_one_component(api: API) -> None:
    one = await api.get(f"{PLACE}/etcd-0")
    assert (one["kind"], one["apiVersion"], one["conditions"][0]["status"]) == ("ComponentStatus", "v1", "True")
    table = await api.get(f"{PLACE}/scheduler", accept=TABLE)
    assert table["rows"][0]["cells"][1] == "Unhealthy"  # it does not run beside this server
    missing = await api.call("GET", f"{PLACE}/etcd-9")
    assert (missing.status, missing.body["message"]) == (404, 'componentstatus "etcd-9" not found')


async def test_components_are_selected_and_never_written(api: API) -> None:
    found = await api.get(PLACE, query={"fieldSelector": "metadata.name=etcd-0"})
    assert [item["metadata"]["name"] for item in found["items"]] == ["etcd-0"]
    assert (await api.get(PLACE, query={"labelSelector": "a=b"}))["items"] == []
    assert (await api.call("DELETE", f"{PLACE}/etcd-0")).status == 405
    assert (await api.call("GET", PLACE, query={"watch": "true"})).status == 405


async def test_discovery_tells_of_them(api: API) -> None:
    resources = {resource["name"]: resource for resource in (await api.get("/api/v1"))["resources"]}
    assert resources["componentstatuses"] == {
        "name": "componentstatuses",
        "singularName": "componentstatus",
        "namespaced": False,
        "kind": "ComponentStatus",
        "verbs": ["get", "list"],
        "shortNames": ["cs"],
    }
    found = await api.server.local_client().transport.request("GET", PLACE)
    assert [item["metadata"]["name"] for item in found["items"]] == ["controller-manager", "scheduler", "etcd-0"]
