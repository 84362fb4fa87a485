"""Evictions under PodDisruptionBudgets."""

from typing import Any

import pytest

from sampan.apiserver.subresources.disruption import is_free, may_go_unhealthy
from tests.apiserver.harness import API, PODS, pod

BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


async def evict(api: API, name: str, **query: str) -> Any:
    return await api.call("POST", f"{PODS}/{name}/eviction", {"metadata": {"name": name}}, query=query)


async def budget(api: API, name: str = "b", **status: Any) -> None:
    """A budget of all pods with the label app=a, as its controller has left it."""
    selector = {"matchLabels": {"app": "a"}}
    made = await api.create(BUDGETS, {"metadata": {"name": name}, "spec": {"minAvailable": 1, "selector": selector}})
    counts = {"expectedPods": 2, "currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 1}
    full = {"observedGeneration": 1, **counts, **status}
    answer = await api.call("PUT", f"{BUDGETS}/{name}/status", {**made, "status": full})
    assert answer.status == 200, answer


@pytest.fixture
async def running(api: API) -> API:
    """Pods one and two, running and ready, with the label app=a."""
    await api.service_account()
    for name in ("one", "two"):
        body = pod(name, nodeName="n")
        await api.create(PODS, {**body, "metadata": {"name": name, "labels": {"app": "a"}}})
        await api.patch(f"{PODS}/{name}/status", {"status": READY})
    return api


async def test_a_budget_is_used_up(running: API) -> None:
    await budget(running)
    assert (await evict(running, "one", dryRun="All")).status == 201
    assert (await evict(running, "one")).status == 201
    status = (await running.get(f"{BUDGETS}/b"))["status"]
    assert (status["disruptionsAllowed"], list(status["disruptedPods"])) == (0, ["one"])
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "DisruptionAllowed",
        "False",
        "InsufficientPods",
    )
    refused = await evict(running, "two")
    assert (refused.status, refused.body["reason"]) == (429, "TooManyRequests")
    assert refused.body["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    (cause,) = refused.body["details"]["causes"]
    assert cause == {
        "reason": "DisruptionBudget",
        "message": "The disruption budget b needs 1 healthy pods and has 2 currently",
    }
    assert "deletionTimestamp" not in (await running.get(f"{PODS}/two"))["metadata"]
    assert (await evict(running, "one")).status == 201  # it is going already


async def test_a_budget_that_has_changed_is_looked_at_first(running: API) -> None:
    await budget(running)
    await running.patch(f"{BUDGETS}/b", {"spec": {"minAvailable": 2}})
    refused = await evict(running, "one")
    assert (refused.status, refused.body["details"]["retryAfterSeconds"]) == (429, 10)
    assert "is still being processed by the server" in refused.body["details"]["causes"][0]["message"]


async def test_a_failed_sync_is_told(running: API) -> None:
    failed = {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "why"}
    await budget(running, disruptionsAllowed=0, conditions=[{**failed, "lastTransitionTime": "2026-01-01T00:00:00Z"}])
    message = (await evict(running, "one")).body["details"]["causes"][0]["message"]
    assert message == "The disruption budget b does not allow evicting pods currently because it failed sync: why"


async def test_two_budgets_are_one_too_many(running: API) -> None:
    await budget(running)
    await budget(running, "c")
    refused = await evict(running, "one")
    assert (refused.status, refused.body["message"].startswith("This pod has more than one")) == (500, True)


async def test_a_pod_that_is_not_ready_may_go_where_enough_others_are(running: API) -> None:
    await budget(running, disruptionsAllowed=0)
    await running.patch(f"{PODS}/one/status", {"status": {"conditions": []}})
    assert (await evict(running, "one")).status == 201
    assert (await running.get(f"{BUDGETS}/b"))["status"]["disruptionsAllowed"] == 0


async def test_a_budget_that_nobody_has_looked_at_yet_holds_everybody(running: API) -> None:
    selector = {"matchLabels": {"app": "a"}}
    await running.create(BUDGETS, {"metadata": {"name": "b"}, "spec": {"minAvailable": 0, "selector": selector}})
    refused = await evict(running, "one")
    assert (refused.status, refused.body["details"]["retryAfterSeconds"]) == (429, 10)
    assert refused.body["details"]["causes"][0]["message"] == (
        "The disruption budget b is still being processed by the server."
    )


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, {"currentHealthy": 2, "desiredHealthy": 2}, True),
        ({}, {"currentHealthy": 1, "desiredHealthy": 2}, False),
        ({}, {"currentHealthy": 0, "desiredHealthy": 0}, False),
        ({"unhealthyPodEvictionPolicy": "AlwaysAllow"}, {"currentHealthy": 0, "desiredHealthy": 2}, True),
    ],
)
def test_who_may_go_unhealthy(spec: Any, status: Any, expected: bool) -> None:
    unready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert may_go_unhealthy({"spec": spec, "status": status}, unready) is expected
    assert not may_go_unhealthy({"spec": spec, "status": status}, {"status": READY})


@pytest.mark.parametrize(
    ("phase", "free"), [("Pending", True), ("Failed", True), ("Succeeded", True), ("Running", False)]
)
def test_what_does_not_run_is_free(phase: str, free: bool) -> None:
    assert is_free({"metadata": {}, "status": {"phase": phase}}) is free
    assert is_free({"metadata": {"deletionTimestamp": "x"}, "status": {"phase": phase}})
