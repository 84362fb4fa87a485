"""Discovery, health, version, metrics, OpenAPI."""

from typing import Any

import pytest

from tests.apiserver.harness import API
from tests.catalogue import CATALOGUE

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList,application/json"


def resources(document: Any) -> dict[str, Any]:
    """The resources of a version, by name."""
    return {resource["name"]: resource for resource in document["resources"]}


async def test_groups(api: API) -> None:
    assert (await api.get("/api"))["versions"] == ["v1"]
    groups = (await api.get("/apis"))["groups"]
    names = [group["name"] for group in groups]
    assert names[:2] == ["apiregistration.k8s.io", "apps"]
    apps = await api.get("/apis/apps")
    assert apps["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    assert (await api.call("GET", "/apis/none")).status == 404


async def test_core_resources(api: API) -> None:
    document = await api.get("/api/v1")
    found = resources(document)
    assert document["groupVersion"] == "v1"
    pods = found["pods"]
    assert (pods["singularName"], pods["namespaced"], pods["kind"], pods["shortNames"]) == ("pod", True, "Pod", ["po"])
    assert pods["categories"] == ["all"]
    assert pods["verbs"] == ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    assert pods["storageVersionHash"] == "xPOwRZ+Yhw8="  # as upstream computes it
    assert found["pods/eviction"] == {
        "name": "pods/eviction",
        "singularName": "",
        "namespaced": True,
        "group": "policy",
        "version": "v1",
        "kind": "Eviction",
        "verbs": ["create"],
    }
    assert found["replicationcontrollers/scale"]["group"] == "autoscaling"
    assert {"pods/log", "pods/exec", "pods/binding", "namespaces/finalize", "serviceaccounts/token"} <= set(found)
    assert found["bindings"]["verbs"] == ["create"]


async def test_every_kind_in_every_version_is_discovered(api: API) -> None:
    kubectl = {"user-agent": "kubectl/v1.33.1"}
    for group, version, plural in CATALOGUE.by_resource:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        assert plural in resources(await api.get(path, headers=kubectl))


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
async def test_aggregated(api: API, version: str) -> None:
    answer = await api.call("GET", "/apis", accept=AGGREGATED.format(version))
    assert answer.body["kind"] == "APIGroupDiscoveryList"
    assert (
        answer.headers["content-type"] == f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    )
    apps = next(group for group in answer.body["items"] if group["metadata"]["name"] == "apps")
    deployments = next(r for r in apps["versions"][0]["resources"] if r["resource"] == "deployments")
    assert deployments["responseKind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert (deployments["scope"], deployments["singularResource"]) == ("Namespaced", "deployment")
    assert {sub["subresource"] for sub in deployments["subresources"]} == {"scale", "status"}
    again = await api.call(
        "GET", "/apis", accept=AGGREGATED.format(version), headers={"if-none-match": answer.headers["etag"]}
    )
    assert (again.status, again.body) == (304, b"")


async def test_unknown_aggregated_form_falls_back(api: API) -> None:
    assert (await api.get("/apis", accept=AGGREGATED.format("v9")))["kind"] == "APIGroupList"


async def test_version(api: API) -> None:
    version = await api.get("/version")
    assert (version["gitVersion"], version["major"], version["minor"]) == ("v1.37.0", "1", "37")


async def test_health(api: API) -> None:
    assert (await api.get("/livez")) == b"ok"
    verbose = await api.get("/readyz", query={"verbose": ""})
    assert b"[+]ping ok\n" in verbose
    assert verbose.endswith(b"readyz check passed\n")
    assert (await api.get("/readyz/ping")) == b"ok"
    assert (await api.call("GET", "/readyz/none")).status == 404
    await api.server.stop(0)
    assert (await api.call("GET", "/readyz")).status == 500


async def test_metrics(api: API) -> None:
    await api.get("/api/v1/pods")
    await api.call("GET", "/api/v1/whatever-a-client-thinks-of")
    text = (await api.get("/metrics")).decode()
    line = 'apiserver_request_total{code="200",component="apiserver",group="",resource="pods",scope="cluster",'
    assert line in text
    assert "apiserver_request_duration_seconds_bucket" in text
    assert "whatever" not in text
    assert 'apiserver_storage_objects{resource="namespaces"} 4.0' in text


async def test_openapi(api: API) -> None:
    index = (await api.get("/openapi/v3"))["paths"]
    path, query = index["apis/apps/v1"]["serverRelativeURL"].split("?")
    answer = await api.call("GET", path, query={"hash": query.removeprefix("hash=")})
    assert "io.k8s.api.apps.v1.Deployment" in answer.body["components"]["schemas"]
    assert "immutable" in answer.headers["cache-control"]
    cached = await api.call("GET", path, headers={"if-none-match": answer.headers["etag"]})
    assert cached.status == 304
    assert (await api.get("/openapi/v2"))["swagger"] == "2.0"
    assert (await api.call("GET", "/openapi/v3/apis/none/v1")).status == 404
