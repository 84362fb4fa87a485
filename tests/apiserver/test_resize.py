"""pods/resize: more CPU and memory for a pod that runs, and nothing else."""

from typing import Any

import pytest

from tests.apiserver.harness import API, PODS

NODES, QUOTAS = "/api/v1/nodes", "/api/v1/namespaces/default/resourcequotas"


def sized(cpu: str, **fields: Any) -> dict[str, Any]:
    resources = {"requests": {"cpu": cpu, "memory": "64Mi"}, "limits": {"cpu": "4", "memory": "128Mi"}}
    container = {"name": "c", "image": "i", "resources": resources, **fields}
    return {"metadata": {"name": "p"}, "spec": {"containers": [container], "nodeName": "n"}}


def change(cpu: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}}


@pytest.fixture
async def running(api: API) -> API:
    """A pod on a node of eight CPUs."""
    await api.service_account()
    await api.create(NODES, {"metadata": {"name": "n"}})
    await api.patch(f"{NODES}/n/status", {"status": {"allocatable": {"cpu": "8", "memory": "1Gi"}}})
    await api.create(PODS, sized("1"))
    return api


async def test_more_is_wanted_and_everything_else_stays(running: API) -> None:
    body = {**change("2"), "metadata": {"labels": {"a": "b"}}}
    body["spec"]["containers"][0]["image"] = "other"
    answer = await running.patch(f"{PODS}/p/resize", body, "strategic-merge-patch")
    assert answer.status == 200, answer
    (container,) = answer.body["spec"]["containers"]
    assert (container["resources"]["requests"]["cpu"], container["image"]) == ("2", "i")
    assert "labels" not in answer.body["metadata"] and answer.body["metadata"]["generation"] == 2


async def test_the_whole_pod_may_be_sent(running: API) -> None:
    pod = await running.get(f"{PODS}/p/resize")
    pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "3"
    assert (await running.call("PUT", f"{PODS}/p/resize", pod)).status == 200
    assert (await running.get(f"{PODS}/p"))["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "3"


async def test_the_pod_itself_is_not_the_place_for_it(running: API) -> None:
    refused = await running.patch(f"{PODS}/p", change("2"), "strategic-merge-patch")
    assert (refused.status, refused.body["details"]["causes"][0]["field"]) == (422, "spec")


async def test_a_node_has_only_so_much(running: API) -> None:
    limits = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "9"}, "limits": {"cpu": "9"}}}]}}
    refused = await running.patch(f"{PODS}/p/resize", limits, "strategic-merge-patch")
    assert refused.status == 403
    assert (
        "node didn't have enough allocatable resources: cpu, requested: 9000, allocatable: 8000"
        in (refused.body["message"])
    )


async def test_quota_counts_the_difference(running: API) -> None:
    await running.create(QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": {"requests.cpu": "2"}}})
    counted = {"status": {"hard": {"requests.cpu": "2"}, "used": {"requests.cpu": "1"}}}
    assert (await running.patch(f"{QUOTAS}/q/status", counted)).status == 200
    refused = await running.patch(f"{PODS}/p/resize", change("3"), "strategic-merge-patch")
    assert (refused.status, "exceeded quota: q, requested: requests.cpu=2" in refused.body["message"]) == (403, True)
    assert (await running.patch(f"{PODS}/p/resize", change("2"), "strategic-merge-patch")).status == 200


async def test_limit_ranges_hold_for_resizes(running: API) -> None:
    limits = {"limits": [{"type": "Container", "max": {"cpu": "4"}, "min": {"cpu": "1"}}]}
    await running.create("/api/v1/namespaces/default/limitranges", {"metadata": {"name": "l"}, "spec": limits})
    refused = await running.patch(f"{PODS}/p/resize", change("500m"), "strategic-merge-patch")
    assert (refused.status, "minimum cpu usage per Container is 1" in refused.body["message"]) == (403, True)


async def test_who_resizes_owns_sizes_alone(running: API) -> None:
    query = {"fieldManager": "sizer"}
    assert (await running.patch(f"{PODS}/p/resize", change("2"), "strategic-merge-patch", query=query)).status == 200
    managed = (await running.get(f"{PODS}/p"))["metadata"]["managedFields"]
    (own,) = [entry for entry in managed if entry["manager"] == "sizer"]
    assert own["subresource"] == "resize"
    path = own["fieldsV1"]["f:spec"]["f:containers"]['k:{"name":"c"}']
    assert path == {"f:resources": {"f:requests": {"f:cpu": {}}}}
