"""PodDisruptionBudgets: what their status says, evictions that it holds back, and marks that have become stale."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from sampan.controllers.disruption.budget import Wanted, disrupted, failed_status, status_of, wanted
from sampan.controllers.stale_disruption import is_marked
from sampan.kinds.apiextensions.custom_resource_definition import KIND as DEFINITION
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.replication_controller import KIND as RC
from sampan.kinds.core.service_account import KIND as SERVICE_ACCOUNT
from sampan.kinds.policy.pod_disruption_budget import KIND as BUDGET
from sampan.machinery.errors import TooManyRequests
from sampan.machinery.meta import Object, format_time
from sampan.machinery.selector_text import shown
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import NS, Cluster

LABELS = {"app": "web"}
LATER = EPOCH + timedelta(hours=1)


def budget(**spec: Any) -> Object:
    made = {"selector": {"matchLabels": LABELS}, **spec}
    return {"metadata": {"name": "web", "namespace": NS, "generation": 3}, "spec": made}


def pod(name: str, *, ready: bool = True, **meta: Any) -> Object:
    condition = {"type": "Ready", "status": str(ready)}
    metadata = {"name": name, "namespace": NS, "labels": LABELS, **meta}
    return {"metadata": metadata, "spec": {}, "status": {"phase": "Running", "conditions": [condition]}}


@pytest.mark.parametrize(
    ("spec", "count", "healthy"),
    [
        ({"minAvailable": 2}, 5, 2),
        ({"minAvailable": "50%"}, 5, 3),
        ({"minAvailable": "100%"}, 5, 5),
        ({"maxUnavailable": 1}, 5, 4),
        ({"maxUnavailable": "30%"}, 5, 3),
        ({"maxUnavailable": 9}, 5, 0),
        ({"maxUnavailable": "0%"}, 5, 5),
    ],
)
def test_how_many_have_to_stay(spec: Object, count: int, healthy: int) -> None:
    assert wanted(spec, count) == (count, healthy)


def test_without_a_number_nobody_may_go() -> None:
    assert wanted({}, 5) == (0, 0)
    assert status_of(budget(), [pod("a")], Wanted(0, 0), {}, LATER)["disruptionsAllowed"] == 0


def test_status() -> None:
    pods = [pod("a"), pod("b"), pod("c", ready=False), pod("d", deletionTimestamp=format_time(EPOCH)), pod("e")]
    going = {"e": format_time(LATER)}
    condition = {
        "type": "DisruptionAllowed",
        "status": "True",
        "observedGeneration": 3,
        "lastTransitionTime": format_time(LATER),
        "reason": "SufficientPods",
        "message": "",
    }
    status = status_of(budget(), pods, Wanted(5, 1), going, LATER)
    assert status == {
        "disruptionsAllowed": 1,
        "currentHealthy": 2,
        "desiredHealthy": 1,
        "expectedPods": 5,
        "observedGeneration": 3,
        "disruptedPods": going,
        "conditions": [condition],
    }
    known = {**budget(), "status": status}
    again = status_of(known, pods[:3], Wanted(5, 1), {}, LATER + timedelta(minutes=1))
    assert again["conditions"] == [condition], "its time is that of the change"
    short = status_of(known, pods[:1], Wanted(5, 1), {}, LATER + timedelta(minutes=1))
    assert (short["disruptionsAllowed"], short["conditions"][0]["reason"]) == (0, "InsufficientPods")
    failed = failed_status(known, "no owner", LATER)
    assert (failed["disruptionsAllowed"], failed["conditions"][0]["message"]) == (0, "no owner")
    assert failed["currentHealthy"] == 2


def test_pods_that_were_granted_an_eviction() -> None:
    known = {"a": format_time(LATER), "b": format_time(EPOCH), "c": format_time(LATER), "gone": format_time(LATER)}
    asked = {**budget(), "status": {"disruptedPods": known}}
    pods = [pod("a"), pod("b"), pod("c", deletionTimestamp=format_time(LATER)), pod("d")]
    found = disrupted(asked, pods, LATER + timedelta(seconds=20))
    assert found.pods == {"a": format_time(LATER)} and found.next_look == 100
    assert [one["metadata"]["name"] for one in found.overdue] == ["b"]


def test_selectors_as_go_prints_them() -> None:
    expression = {"key": "tier", "operator": "In", "values": ["a", "b"]}
    assert shown({"matchLabels": LABELS, "matchExpressions": [expression]}) == (
        "&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{"
        "LabelSelectorRequirement{Key:tier,Operator:In,Values:[a b],},},}"
    )
    assert shown(None) == "nil"


def template() -> Object:
    return {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "main", "image": "web"}]}}


def allows(number: int, **more: int) -> Any:
    def holds(found: Object) -> bool:
        status = found.get("status") or {}
        return status.get("observedGeneration") == found["metadata"]["generation"] and (
            {"disruptionsAllowed": number, **more}.items() <= status.items()
        )

    return holds


async def evict(cluster: Cluster, name: str) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": NS}}
    await cluster.client.create(POD, body, NS, subresource="eviction")


async def deploy(cluster: Cluster, replicas: int) -> None:
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template()}
    await cluster.create(DEPLOYMENT, {"metadata": {"name": "web"}, "spec": spec})


async def test_a_budget_of_a_deployment(cluster: Cluster) -> None:
    await deploy(cluster, 4)
    spec = {"maxUnavailable": "25%", "selector": {"matchLabels": LABELS}}
    await cluster.create(BUDGET, {"metadata": {"name": "web"}, "spec": spec})
    await cluster.one(BUDGET, "web", allows(1, expectedPods=4, desiredHealthy=3, currentHealthy=4))
    pods = await cluster.pods(lambda pods: len(pods) == 4)
    await evict(cluster, pods[0]["metadata"]["name"])
    with pytest.raises(TooManyRequests, match="would violate the pod's disruption budget"):
        await evict(cluster, pods[1]["metadata"]["name"])
    await cluster.gone(POD, pods[0]["metadata"]["name"])
    await cluster.one(BUDGET, "web", allows(1, currentHealthy=4))
    await evict(cluster, pods[1]["metadata"]["name"])
    await cluster.client.patch(DEPLOYMENT, "web", {"spec": {"replicas": 8}}, NS)
    await cluster.one(BUDGET, "web", allows(2, expectedPods=8, desiredHealthy=6))


async def test_a_budget_that_has_not_been_looked_at_holds_back(cluster: Cluster) -> None:
    await deploy(cluster, 1)
    pods = await cluster.pods(lambda pods: len(pods) == 1 and pods[0]["status"]["phase"] == "Running")
    spec = {"minAvailable": 0, "selector": {"matchLabels": LABELS}}
    await cluster.create(BUDGET, {"metadata": {"name": "web"}, "spec": spec})
    with pytest.raises(TooManyRequests) as error:
        await evict(cluster, pods[0]["metadata"]["name"])
    assert "still being processed" in str(error.value.details)
    await cluster.one(BUDGET, "web", allows(1))
    await evict(cluster, pods[0]["metadata"]["name"])


async def told(cluster: Cluster, reasons: Iterable[str]) -> dict[str, str]:
    def are_there(events: list[Object]) -> bool:
        return set(reasons) <= {event["reason"] for event in events}

    return {event["reason"]: event["message"] for event in await cluster.until(EVENT, are_there)}


async def test_pods_without_an_owner_and_with_one_that_has_no_scale(cluster: Cluster) -> None:
    await cluster.create(POD, {"metadata": {"name": "alone", "labels": LABELS}, "spec": template()["spec"]})
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}}
    await cluster.create(BUDGET, {"metadata": {"name": "web"}, "spec": spec})
    assert "found to be unmanaged" in (await told(cluster, ["UnmanagedPods"]))["UnmanagedPods"]
    await cluster.one(BUDGET, "web", allows(0, expectedPods=0))
    owner = await cluster.client.get(SERVICE_ACCOUNT, "default", NS)  # which the controller may not even read
    reference = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "default", "controller": True}
    reference["uid"] = owner["metadata"]["uid"]
    await cluster.patch(POD, "alone", {"metadata": {"ownerReferences": [reference]}})
    failed = await told(cluster, ["CalculateExpectedPodCountFailed"])
    assert failed["CalculateExpectedPodCountFailed"] == (
        "Failed to calculate the number of expected pods: serviceaccounts does not implement the scale subresource"
    )
    known = await cluster.one(BUDGET, "web", lambda one: one["status"]["conditions"][0]["reason"] == "SyncFailed")
    assert known["status"]["conditions"][0]["message"].endswith("does not implement the scale subresource")


def is_established(definition: Object) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


async def test_an_owner_that_is_a_custom_resource(cluster: Cluster) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}},
    }
    names = {"plural": "fleets", "singular": "fleet", "kind": "Fleet"}
    definition = {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [version]}
    await cluster.create(DEFINITION, {"metadata": {"name": "fleets.example.com"}, "spec": definition})
    await cluster.one(DEFINITION, "fleets.example.com", is_established, "")
    path = f"/apis/example.com/v1/namespaces/{NS}/fleets"
    fleet = {"apiVersion": "example.com/v1", "kind": "Fleet", "metadata": {"name": "big"}, "spec": {"size": 10}}
    made = await cluster.client.transport.request("POST", path, body=fleet)
    reference = {"apiVersion": "example.com/v1", "kind": "Fleet", "name": "big", "controller": True}
    reference["uid"] = made["metadata"]["uid"]
    meta = {"name": "one", "labels": LABELS, "ownerReferences": [reference]}
    await cluster.create(POD, {"metadata": meta, "spec": template()["spec"]})
    spec = {"maxUnavailable": "90%", "selector": {"matchLabels": LABELS}}
    await cluster.create(BUDGET, {"metadata": {"name": "web"}, "spec": spec})
    await cluster.one(BUDGET, "web", allows(0, expectedPods=10, desiredHealthy=1))


async def test_an_eviction_that_came_to_nothing(cluster: Cluster) -> None:
    spec = {"replicas": 2, "selector": LABELS, "template": template()}
    await cluster.create(RC, {"metadata": {"name": "web"}, "spec": spec})
    await cluster.create(
        BUDGET, {"metadata": {"name": "web"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}}}
    )
    found = await cluster.one(BUDGET, "web", allows(1))
    pods = await cluster.pods(lambda pods: len(pods) == 2)
    name = pods[0]["metadata"]["name"]
    granted = {"disruptedPods": {name: format_time(cluster.clock.now())}, "disruptionsAllowed": 0}
    await cluster.client.update(BUDGET, {**found, "status": {**found["status"], **granted}}, subresource="status")
    await cluster.one(BUDGET, "web", allows(0, currentHealthy=1))
    assert (await told(cluster, ["NotDeleted"]))["NotDeleted"] == (
        f"Pod was expected by PDB {NS}/web to be deleted but it wasn't"
    )
    await cluster.one(BUDGET, "web", lambda one: "disruptedPods" not in one["status"])


async def test_a_stale_mark_is_taken_back(cluster: Cluster) -> None:
    await cluster.create(POD, {"metadata": {"name": "a", "labels": LABELS}, "spec": template()["spec"]})
    await cluster.one(POD, "a", lambda one: one["status"]["phase"] == "Running")
    mark = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastTransitionTime": format_time(cluster.clock.now()),
    }
    began = cluster.clock.monotonic()
    patch = {"status": {"conditions": [mark]}}
    await cluster.client.patch(POD, "a", patch, NS, type="strategic", subresource="status")
    await cluster.one(POD, "a", is_marked)
    found = await cluster.one(POD, "a", lambda one: not is_marked(one))
    assert cluster.clock.monotonic() - began >= 120
    left = next(one for one in found["status"]["conditions"] if one["type"] == "DisruptionTarget")
    assert left["status"] == "False" and "reason" not in left
    by_kubelet = {**mark, "reason": "TerminationByKubelet"}
    assert not is_marked({"metadata": {}, "status": {"conditions": [by_kubelet]}})
