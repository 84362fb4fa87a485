"""Endpoints, EndpointSlices and load balancer addresses against a control plane."""

from typing import Any

from sampan.kinds.core.endpoints import KIND as ENDPOINTS
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.machinery.meta import Object, annotations_of, labels_of
from tests.controllers.cluster import NODE_NAME, NS, Cluster


def service(name: str = "kubia", **spec: Any) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    return {"metadata": {"name": name}, "spec": {"selector": {"app": "kubia"}, "ports": ports, **spec}}


def pod(name: str, **spec: Any) -> Object:
    container = {"name": "main", "image": "kubia", "ports": [{"name": "web", "containerPort": 8080}]}
    return {"metadata": {"name": name, "labels": {"app": "kubia"}}, "spec": {"containers": [container], **spec}}


def ready(found: list[Object], number: int) -> bool:
    endpoints = [one for item in found for one in item.get("endpoints") or ()]
    return sum(one["conditions"]["ready"] for one in endpoints) == number


async def test_both_forms_follow_pods(cluster: Cluster) -> None:
    await cluster.create(SERVICE, service())
    [empty] = await cluster.until(ENDPOINT_SLICE, lambda found: len(found) == 1)
    assert not empty.get("endpoints")
    await cluster.create(POD, pod("a"))
    [filled] = await cluster.until(ENDPOINT_SLICE, lambda found: ready(found, 1))
    assert labels_of(filled) == {
        "kubernetes.io/service-name": "kubia",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    [endpoint] = filled["endpoints"]
    assert endpoint["nodeName"] == NODE_NAME
    assert endpoint["conditions"] == {"ready": True, "serving": True, "terminating": False}
    assert endpoint["targetRef"]["name"] == "a"
    assert filled["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert filled["metadata"]["ownerReferences"][0]["kind"] == "Service"
    old = await cluster.one(ENDPOINTS, "kubia", lambda found: bool(found.get("subsets")))
    [subset] = old["subsets"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert subset["addresses"][0]["ip"] == endpoint["addresses"][0]
    assert "endpoints.kubernetes.io/last-change-trigger-time" in annotations_of(old)
    unready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    await cluster.patch(POD, "a", unready, subresource="status")
    await cluster.until(ENDPOINT_SLICE, lambda found: ready(found, 0))
    await cluster.one(ENDPOINTS, "kubia", lambda found: "notReadyAddresses" in (found["subsets"] or [{}])[0])
    await cluster.client.delete(SERVICE, "kubia", NS)
    await cluster.gone(ENDPOINTS, "kubia")
    await cluster.until(ENDPOINT_SLICE, lambda found: not found)


async def test_headless_publishes_hostnames(cluster: Cluster) -> None:
    await cluster.create(SERVICE, service(clusterIP="None", publishNotReadyAddresses=True))
    await cluster.create(POD, pod("a", hostname="zero", subdomain="kubia"))
    [found] = await cluster.until(ENDPOINT_SLICE, lambda found: ready(found, 1))
    assert found["endpoints"][0]["hostname"] == "zero"
    assert labels_of(found)["service.kubernetes.io/headless"] == ""
    old = await cluster.one(ENDPOINTS, "kubia", lambda one: bool(one.get("subsets")))
    assert old["subsets"][0]["addresses"][0]["hostname"] == "zero"


async def test_endpoints_written_by_hand_are_mirrored(cluster: Cluster) -> None:
    await cluster.create(SERVICE, {"metadata": {"name": "outside"}, "spec": {"ports": [{"port": 80}]}})
    subsets = [{"addresses": [{"ip": "11.11.11.11"}, {"ip": "22.22.22.22"}], "ports": [{"port": 80}]}]
    await cluster.create(ENDPOINTS, {"metadata": {"name": "outside"}, "subsets": subsets})
    [found] = await cluster.until(ENDPOINT_SLICE, lambda found: ready(found, 2))
    assert labels_of(found)["endpointslice.kubernetes.io/managed-by"] == "endpointslicemirroring-controller.k8s.io"
    await cluster.patch(ENDPOINTS, "outside", {"metadata": {"labels": {"team": "x"}, "annotations": {"note": "y"}}})
    [found] = await cluster.until(ENDPOINT_SLICE, lambda found: labels_of(found[0]).get("team") == "x")
    assert annotations_of(found)["note"] == "y"
    subsets = [{"addresses": [{"ip": "11.11.11.11"}], "ports": [{"port": 80}]}]
    await cluster.patch(ENDPOINTS, "outside", {"subsets": subsets})
    await cluster.until(ENDPOINT_SLICE, lambda found: ready(found, 1))
    await cluster.client.delete(SERVICE, "outside", NS)
    await cluster.gone(ENDPOINTS, "outside")


async def test_load_balancers_get_addresses_while_there_are_some(cluster: Cluster) -> None:
    for name in ("a", "b", "c"):  # the pool has two
        await cluster.create(SERVICE, service(name, type="LoadBalancer"))

    def addresses(found: list[Object]) -> dict[str, str]:
        held = {one["metadata"]["name"]: one["status"]["loadBalancer"].get("ingress") for one in found}
        return {name: ingress[0]["ip"] for name, ingress in held.items() if ingress}

    found = addresses(await cluster.until(SERVICE, lambda found: len(addresses(found)) == 2))
    assert sorted(found.values()) == ["10.10.0.1", "10.10.0.2"]
    await cluster.until(EVENT, lambda found: any(e["reason"] == "SyncLoadBalancerFailed" for e in found))
    [waiting] = {"a", "b", "c"} - found.keys()
    [freed, *_] = sorted(found)
    await cluster.patch(SERVICE, freed, {"spec": {"type": "ClusterIP"}})
    after = addresses(await cluster.until(SERVICE, lambda services: waiting in addresses(services)))
    assert after[waiting] == found[freed]
    assert freed not in after
