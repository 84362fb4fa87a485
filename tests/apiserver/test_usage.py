"""metrics.k8s.io: what is measured of the nodes and pods that there are."""

from typing import Any

from sampan.machinery.meta import Key
from tests.apiserver.harness import API

PLACE = "/apis/metrics.k8s.io/v1beta1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
TOLD = {"timestamp": "2025-01-01T00:00:00Z", "window": "15s"}


class Measured:
    """Of everything the same."""

    def of_node(self, name: str) -> Any:
        return {**TOLD, "usage": {"cpu": "2", "memory": "1Gi"}}

    def of_pod(self, key: Key) -> Any:
        uses = [("main", "100m", "64Mi"), ("side", "1", "1Mi")]
        containers = [{"name": name, "usage": {"cpu": cpu, "memory": memory}} for name, cpu, memory in uses]
        return None if key.name == "new" else {**TOLD, "containers": containers}


async def pod(api: API, name: str, phase: str = "Running", **labels: str) -> None:
    spec = {"containers": [{"name": "main", "image": "web"}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
    path = "/api/v1/namespaces/default/pods"
    await api.create(path, body)
    patch = {"status": {"phase": phase}}
    answer = await api.call("PATCH", f"{path}/{name}/status", patch, content_type="application/merge-patch+json")
    assert answer.status == 200


async def test_running_pods_that_are_measured(api: API) -> None:
    api.server.services.usage = Measured()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    await api.create("/api/v1/namespaces/default/serviceaccounts", account)
    await pod(api, "web", app="web")
    await pod(api, "other")
    await pod(api, "new")
    await pod(api, "done", "Succeeded")
    found = await api.get(f"{PLACE}/namespaces/default/pods", query={"labelSelector": "app=web"})
    assert found["kind"] == "PodMetricsList"
    (web,) = found["items"]
    assert web["metadata"].pop("creationTimestamp")
    assert web == {
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
        **TOLD,
        "containers": [
            {"name": "main", "usage": {"cpu": "100m", "memory": "64Mi"}},
            {"name": "side", "usage": {"cpu": "1", "memory": "1Mi"}},
        ],
    }
    everywhere = await api.get(f"{PLACE}/pods", query={"fieldSelector": "metadata.name!=web"})
    assert [item["metadata"]["name"] for item in everywhere["items"]] == ["other"]
    assert (await api.get(f"{PLACE}/namespaces/default/pods/web"))["kind"] == "PodMetrics"
    missing = await api.call("GET", f"{PLACE}/namespaces/default/pods/new")
    assert (missing.status, missing.body["message"]) == (404, 'podmetrics.metrics.k8s.io "default/new" not found')
    rows = (await api.get(f"{PLACE}/namespaces/default/pods/web", accept=TABLE))["rows"]
    assert [row["cells"] for row in rows] == [["web", "1100m", "65Mi", "15s"]]


async def test_nodes(api: API) -> None:
    await api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}})
    assert (await api.get(f"{PLACE}/nodes"))["items"] == [], "nobody measures"
    api.server.services.usage = Measured()
    one = await api.get(f"{PLACE}/nodes/one")
    assert (one["kind"], one["usage"]) == ("NodeMetrics", {"cpu": "2", "memory": "1Gi"})
    missing = await api.call("GET", f"{PLACE}/nodes/two")
    assert (missing.status, missing.body["message"]) == (404, 'nodemetrics.metrics.k8s.io "two" not found')
    assert (await api.call("GET", f"{PLACE}/namespaces/default/nodes")).status == 404
    assert (await api.call("DELETE", f"{PLACE}/nodes/one")).status == 405


async def test_it_comes_last_among_the_groups_and_is_nobodys_to_install(api: API) -> None:
    groups = [group["name"] for group in (await api.get("/apis"))["groups"]]
    assert groups[-1] == "metrics.k8s.io", "so that pods are those of the core"
    registered = await api.get("/apis/apiregistration.k8s.io/v1/apiservices")
    assert not [one for one in registered["items"] if one["spec"].get("group") == "metrics.k8s.io"]
