"""HorizontalPodAutoscalers against the API server, with metrics of an adapter behind APIServices."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from sampan.controllers.config import Config
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.autoscaling.horizontal_pod_autoscaler import KIND as SCALER
from sampan.kinds.core.event import KIND as EVENT
from sampan.machinery import conditions
from sampan.machinery.meta import Object, format_time
from tests.apiserver.aggregation.backend import front_options
from tests.controllers.cluster import NS, Cluster, control_plane
from tests.controllers.metrics_server import MetricsServer, metrics_server

LABELS = {"app": "web"}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
PODS = f"metrics.k8s.io/v1beta1/namespaces/{NS}/pods"
CUSTOM = f"custom.metrics.k8s.io/v1beta2/namespaces/{NS}"
EXTERNAL = f"external.metrics.k8s.io/v1beta1/namespaces/{NS}"


@pytest.fixture
async def adapter() -> AsyncIterator[MetricsServer]:
    async with metrics_server() as made:
        yield made


@pytest.fixture
async def cluster(adapter: MetricsServer) -> AsyncIterator[Cluster]:
    async with control_plane(Config(), **front_options()) as running:
        await adapter.register(running)
        yield running


def template(**requests: str) -> Object:
    container = {"name": "main", "image": "web", "resources": {"requests": requests}}
    return {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}


async def deploy(cluster: Cluster, replicas: int, **requests: str) -> list[Object]:
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template(**requests)}
    await cluster.create(DEPLOYMENT, {"metadata": {"name": "web"}, "spec": spec})
    return await running(cluster, replicas)


async def running(cluster: Cluster, replicas: int) -> list[Object]:
    def ready(pods: list[Object]) -> bool:
        return len(pods) == replicas and all((pod.get("status") or {}).get("conditions") for pod in pods)

    await cluster.one(DEPLOYMENT, "web", lambda found: (found.get("status") or {}).get("readyReplicas", 0) == replicas)
    return await cluster.pods(ready)


async def autoscale(cluster: Cluster, *metrics: Object, name: str = "grow", **spec: Any) -> None:
    given = {"scaleTargetRef": TARGET, "maxReplicas": 10, "metrics": list(metrics), **spec}
    await cluster.create(SCALER, {"metadata": {"name": name}, "spec": given})


def resource(name: str, **target: Any) -> Object:
    type = "Utilization" if "averageUtilization" in target else "AverageValue"
    return {"type": "Resource", "resource": {"name": name, "target": {"type": type, **target}}}


def external(**target: Any) -> Object:
    type = "Value" if "value" in target else "AverageValue"
    metric = {"name": "queue", "selector": {"matchLabels": {"of": "web"}}}
    return {"type": "External", "external": {"metric": metric, "target": {"type": type, **target}}}


def use(cluster: Cluster, pods: Iterable[Object], **usage: str) -> Object:
    """A PodMetricsList."""
    items = [
        {
            "metadata": {"name": pod["metadata"]["name"], "namespace": NS},
            "timestamp": format_time(cluster.clock.now()),
            "window": "0s",
            "containers": [{"name": "main", "usage": usage}],
        }
        for pod in pods
    ]
    return {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}


def has(type: str, status: str, reason: str, **numbers: int) -> Callable[[Object], bool]:
    """Whether an autoscaler has a condition, and its status these numbers."""

    def holds(scaler: Object) -> bool:
        told = scaler.get("status") or {}
        found = conditions.find(told.get("conditions") or (), type) or {}
        return (found.get("status"), found.get("reason")) == (status, reason) and all(
            told.get(name, 0) == number for name, number in numbers.items()
        )

    return holds


def message(scaler: Object, type: str) -> str:
    return str((conditions.find(scaler["status"]["conditions"], type) or {})["message"])


async def told(cluster: Cluster, *reasons: str) -> dict[str, str]:
    def are_there(events: list[Object]) -> bool:
        return set(reasons) <= {event["reason"] for event in events}

    return {event["reason"]: event["message"] for event in await cluster.until(EVENT, are_there)}


async def test_up_and_down_by_a_resource(cluster: Cluster, adapter: MetricsServer) -> None:
    pods = await deploy(cluster, 2, memory="100Mi")
    adapter.answers[PODS] = use(cluster, pods, memory="150Mi")
    await autoscale(cluster, resource("memory", averageUtilization=50), maxReplicas=4)
    up = await cluster.one(SCALER, "grow", has("AbleToScale", "True", "SucceededRescale", desiredReplicas=4))
    assert message(up, "ScalingLimited") == "the desired replica count is more than the maximum replica count"
    current = {"averageUtilization": 150, "averageValue": "150Mi"}
    assert up["status"]["currentMetrics"] == [{"type": "Resource", "resource": {"name": "memory", "current": current}}]
    assert (up["status"]["observedGeneration"], up["status"]["currentReplicas"]) == (1, 2)
    assert up["status"]["lastScaleTime"] and message(up, "ScalingActive").endswith(
        "calculate a replica count from memory resource utilization (percentage of request)"
    )
    events = await told(cluster, "SuccessfulRescale")
    assert events["SuccessfulRescale"] == (
        "New size: 4; reason: memory resource utilization (percentage of request) above target"
    )
    pods = await running(cluster, 4)
    adapter.answers[PODS] = use(cluster, pods, memory="10Mi")
    await cluster.one(SCALER, "grow", has("AbleToScale", "True", "ScaleDownStabilized", desiredReplicas=4))
    await cluster.clock.advance(300)
    await cluster.one(SCALER, "grow", has("ScalingActive", "True", "ValidMetricFound", desiredReplicas=1))
    asked = [request for request in adapter.requests if request.path == f"/apis/{PODS}"]
    assert {request.raw_query for request in asked} == {"labelSelector=app%3Dweb"}


async def test_without_metrics_it_says_why(cluster: Cluster, adapter: MetricsServer) -> None:
    await deploy(cluster, 2, cpu="1")
    await autoscale(cluster, resource("cpu", averageUtilization=50), external(value="1"))
    scaler = await cluster.one(SCALER, "grow", has("ScalingActive", "False", "FailedGetResourceMetric"))
    why = (
        "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource "
        "metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
    )
    assert message(scaler, "ScalingActive") == f"the HPA was unable to compute the replica count: {why}"
    assert (scaler["status"]["currentReplicas"], scaler["status"]["currentMetrics"]) == (2, [{"type": ""}] * 2)
    events = await told(cluster, "FailedGetResourceMetric", "FailedGetExternalMetric", "FailedComputeMetricsReplicas")
    assert events["FailedGetResourceMetric"] == why
    assert events["FailedGetExternalMetric"] == (
        f"unable to get external metric {NS}/queue/&LabelSelector{{MatchLabels:map[string]string{{of: web,}},"
        "MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: "
        "the server could not find the requested resource (get queue.external.metrics.k8s.io)"
    )
    assert events["FailedComputeMetricsReplicas"] == (
        f"invalid metrics (2 invalid out of 2), first error is: failed to get cpu resource metric value: {why}"
    )
    shown = await cluster.client.transport.request("GET", f"/apis/autoscaling/v1{SCALER.path(NS, 'grow')[20:]}")
    assert "autoscaling.alpha.kubernetes.io/conditions" in shown["metadata"]["annotations"]
    assert (await cluster.client.get(DEPLOYMENT, "web", NS))["spec"]["replicas"] == 2


def values(value: str, *names: str) -> Object:
    """A MetricValueList of v1beta2, or with no names, an ExternalMetricValueList."""
    items = [{"describedObject": {"name": name}, "timestamp": "2025-01-01T00:00:00Z", "value": value} for name in names]
    return {"kind": "List", "items": items or [{"metricName": "queue", "value": value}]}


async def test_custom_metrics_of_pods_and_of_an_object(cluster: Cluster, adapter: MetricsServer) -> None:
    pods = await deploy(cluster, 2)
    names = [pod["metadata"]["name"] for pod in pods]
    adapter.answers[f"{CUSTOM}/pods/*/packets"] = values("15", *names)
    adapter.answers[f"{CUSTOM}/ingresses.networking.k8s.io/door/hits"] = values("2500m", "door")
    adapter.answers[f"{CUSTOM}/metrics/quota"] = values("7", NS)
    door = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "door"}
    here = {"apiVersion": "v1", "kind": "Namespace", "name": "any"}
    of_pods = {"metric": {"name": "packets"}, "target": {"type": "AverageValue", "averageValue": "10"}}
    of_door = {"metric": {"name": "hits"}, "describedObject": door, "target": {"type": "Value", "value": "2"}}
    of_here = {"metric": {"name": "quota"}, "describedObject": here}
    of_here["target"] = {"type": "AverageValue", "averageValue": "2"}
    await autoscale(
        cluster,
        {"type": "Pods", "pods": of_pods},
        {"type": "Object", "object": of_door},
        {"type": "Object", "object": of_here},
    )
    scaler = await cluster.one(SCALER, "grow", has("ScalingActive", "True", "ValidMetricFound", desiredReplicas=4))
    first, second, third = scaler["status"]["currentMetrics"]
    assert first == {"type": "Pods", "pods": {"metric": {"name": "packets"}, "current": {"averageValue": "15"}}}
    assert second["object"] == {"metric": {"name": "hits"}, "describedObject": door, "current": {"value": "2500m"}}
    assert third["object"]["current"] == {"averageValue": "3500m"}
    assert message(scaler, "ScalingActive").endswith("from external metric quota(nil)")


async def test_down_to_zero_and_up_again(cluster: Cluster, adapter: MetricsServer) -> None:
    await deploy(cluster, 1)
    adapter.answers[f"{EXTERNAL}/queue"] = values("0")
    fast = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    await autoscale(cluster, external(averageValue="5"), minReplicas=0, behavior=fast)
    await cluster.one(SCALER, "grow", has("ScaledToZero", "True", "ScaledToZero", desiredReplicas=0))
    await cluster.one(DEPLOYMENT, "web", lambda found: found["spec"]["replicas"] == 0)
    adapter.answers[f"{EXTERNAL}/queue"] = values("11")
    await cluster.one(SCALER, "grow", has("ScaledToZero", "False", "NotScaledToZero", desiredReplicas=3))
    await running(cluster, 3)
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 0}}
    await cluster.patch(DEPLOYMENT, "web", scale, subresource="scale")
    stopped = await cluster.one(SCALER, "grow", has("ScalingActive", "False", "ScalingDisabled", currentReplicas=0))
    assert message(stopped, "ScalingActive") == "scaling is disabled since the replica count of the target is zero"


async def test_the_bounds_hold_without_metrics(cluster: Cluster) -> None:
    await deploy(cluster, 1)
    await autoscale(cluster, resource("cpu", averageUtilization=50), minReplicas=3)
    await cluster.one(SCALER, "grow", has("AbleToScale", "True", "SucceededRescale", desiredReplicas=3))
    await cluster.patch(SCALER, "grow", {"spec": {"minReplicas": 1, "maxReplicas": 2}})
    changed = await cluster.one(SCALER, "grow", has("AbleToScale", "True", "SucceededRescale", desiredReplicas=2))
    assert changed["status"]["observedGeneration"] == 2
    events = await cluster.until(EVENT, lambda found: sum(one["reason"] == "SuccessfulRescale" for one in found) == 2)
    assert {one["message"] for one in events if one["reason"] == "SuccessfulRescale"} == {
        "New size: 3; reason: Current number of replicas below Spec.MinReplicas",
        "New size: 2; reason: Current number of replicas above Spec.MaxReplicas",
    }


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (TARGET | {"name": "gone"}, 'deployments.apps "gone" not found'),
        (TARGET | {"kind": "Boat"}, 'no matches for kind "Boat" in group "apps"'),
        (
            {"apiVersion": "example.com/v1", "kind": "Boat", "name": "web"},
            'no matches for kind "Boat" in group "example.com"',
        ),
        (
            {"apiVersion": "batch/v1", "kind": "Job", "name": "web"},
            "could not find scale subresource for batch/v1, Resource=jobs in discovery information",
        ),
    ],
)
async def test_a_target_that_is_not_there(cluster: Cluster, target: Object, why: str) -> None:
    await autoscale(cluster, resource("cpu", averageUtilization=50), scaleTargetRef=target)
    scaler = await cluster.one(SCALER, "grow", has("AbleToScale", "False", "FailedGetScale"))
    assert message(scaler, "AbleToScale") == f"the HPA controller was unable to get the target's current scale: {why}"
    assert (await told(cluster, "FailedGetScale"))["FailedGetScale"] == why


async def test_two_for_the_same_pods_scale_nothing(cluster: Cluster, adapter: MetricsServer) -> None:
    adapter.answers[PODS] = use(cluster, await deploy(cluster, 2, memory="1Mi"), memory="1Mi")
    for name in ("one", "two"):
        await autoscale(cluster, resource("memory", averageUtilization=10), name=name, minReplicas=2)
    scaler = await cluster.one(SCALER, "two", has("ScalingActive", "False", "AmbiguousSelector", currentReplicas=2))
    said = f"pods by selector app=web are controlled by more than one HPA (e.g. [{{one {NS}}} {{two {NS}}}])"
    assert message(scaler, "ScalingActive") == said
    await cluster.client.delete(SCALER, "one", NS)
    await cluster.one(SCALER, "two", has("ScalingActive", "True", "ValidMetricFound"))


async def test_a_custom_resource(cluster: Cluster, adapter: MetricsServer) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    paths = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    version["subresources"] = {"status": {}, "scale": paths}
    names = {"plural": "fleets", "singular": "fleet", "kind": "Fleet"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    await cluster.create(DEFINITION, {"metadata": {"name": "fleets.example.com"}, "spec": spec})

    def is_established(definition: Object) -> bool:
        found = (definition.get("status") or {}).get("conditions") or ()
        return (conditions.find(found, "Established") or {}).get("status") == "True"

    await cluster.one(DEFINITION, "fleets.example.com", is_established)
    path = f"/apis/example.com/v1/namespaces/{NS}/fleets"
    body = {"apiVersion": "example.com/v1", "kind": "Fleet", "metadata": {"name": "first"}, "spec": {"size": 1}}
    await cluster.client.transport.request("POST", path, body=body)
    adapter.answers[f"{EXTERNAL}/queue"] = values("35")
    target = {"apiVersion": "example.com/v1", "kind": "Fleet", "name": "first"}
    await autoscale(cluster, external(averageValue="10"), scaleTargetRef=target, minReplicas=2)
    scaler = await cluster.one(SCALER, "grow", has("ScalingActive", "False", "InvalidSelector", currentReplicas=2))
    assert message(scaler, "ScalingActive") == "the HPA target's scale is missing a selector"
    assert (await told(cluster, "SelectorRequired"))["SelectorRequired"] == "selector is required"
    found = await cluster.client.transport.request("GET", f"{path}/first")
    assert found["spec"]["size"] == 2
