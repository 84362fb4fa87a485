"""The status of quotas follows what there is."""

from typing import Any

import pytest

from sampan.controllers.resource_quota import plan
from sampan.controllers.resource_quota.controller import RESYNC, SETTLE
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.pod_resources import resources
from sampan.kinds.core.resource_quota import KIND as QUOTA
from sampan.kinds.core.secret import KIND as SECRET
from sampan.kinds.registry import builtin_kinds
from sampan.machinery.meta import Object
from sampan.testing.clock import VirtualClock
from tests.controllers.cluster import NS, Cluster


def quota(name: str = "q", **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": spec}


def uses(**amounts: str) -> Any:
    """Whether a quota's status says so; `__` stands for a slash."""
    expected = {name.replace("__", "/"): amount for name, amount in amounts.items()}
    return lambda one: (one.get("status") or {}).get("used") == expected


async def test_status_follows_objects(cluster: Cluster) -> None:
    await cluster.create(SECRET, {"metadata": {"name": "a"}})
    await cluster.create(QUOTA, quota(hard={"secrets": "5", "count/secrets": "9", "pods": "3"}))
    made = await cluster.one(QUOTA, "q", uses(secrets="1", count__secrets="1", pods="0"))
    assert made["status"]["hard"] == {"secrets": "5", "count/secrets": "9", "pods": "3"}
    await cluster.client.delete(SECRET, "a", NS)
    await cluster.one(QUOTA, "q", uses(secrets="0", count__secrets="0", pods="0"))


async def test_a_new_limit_is_taken_over(cluster: Cluster) -> None:
    await cluster.create(QUOTA, quota(hard={"configmaps": "5"}))
    await cluster.one(QUOTA, "q", uses(configmaps="1"))  # kube-root-ca.crt
    await cluster.patch(QUOTA, "q", {"spec": {"hard": {"configmaps": "2", "secrets": "1"}}})
    found = await cluster.one(QUOTA, "q", uses(configmaps="1", secrets="0"))
    assert found["status"]["hard"] == {"configmaps": "2", "secrets": "1"}


async def test_finished_pods_give_back(cluster: Cluster) -> None:
    containers = [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m"}}}]
    await cluster.create(POD, {"metadata": {"name": "p"}, "spec": {"containers": containers}})
    await cluster.create(QUOTA, quota(hard={"pods": "5", "requests.cpu": "1", "count/pods": "5"}))
    await cluster.one(QUOTA, "q", lambda one: one["status"].get("used", {}).get("requests.cpu") == "100m")
    await cluster.patch(POD, "p", {"status": {"phase": "Succeeded"}}, subresource="status")
    gone = {"pods": "0", "requests.cpu": "0", "count/pods": "1"}
    await cluster.one(QUOTA, "q", lambda one: one["status"]["used"] == gone)


async def test_what_was_charged_for_nothing_comes_back(cluster: Cluster) -> None:
    """As admission leaves it when the object is then not stored; not before that has had its moment."""
    await cluster.create(QUOTA, quota(hard={"secrets": "5"}))
    await cluster.one(QUOTA, "q", uses(secrets="0"))
    began = cluster.clock.monotonic()
    await cluster.patch(QUOTA, "q", {"status": {"used": {"secrets": "3"}}}, subresource="status")
    await cluster.one(QUOTA, "q", uses(secrets="3"))
    await cluster.one(QUOTA, "q", uses(secrets="0"))
    assert SETTLE <= cluster.clock.monotonic() - began < RESYNC


async def test_a_status_that_somebody_else_writes_is_put_right(cluster: Cluster) -> None:
    await cluster.create(QUOTA, quota(hard={"secrets": "5"}))
    made = await cluster.one(QUOTA, "q", uses(secrets="0"))
    await cluster.patch(QUOTA, "q", {"status": {"hard": {"secrets": "9"}}}, subresource="status")
    await cluster.one(QUOTA, "q", lambda one: one["status"] == made["status"])
    await cluster.patch(QUOTA, "q", {"status": {"used": None}}, subresource="status")
    await cluster.one(QUOTA, "q", lambda one: one["status"] == made["status"])


async def test_wrong_figures_are_put_right_in_time(cluster: Cluster) -> None:
    await cluster.create(SECRET, {"metadata": {"name": "a"}})
    await cluster.create(QUOTA, quota(hard={"secrets": "5"}))
    await cluster.one(QUOTA, "q", uses(secrets="1"))
    await cluster.patch(QUOTA, "q", {"status": {"used": {"secrets": "0"}}}, subresource="status")
    await cluster.one(QUOTA, "q", uses(secrets="0"))
    await cluster.clock.advance(RESYNC + 1)
    await cluster.one(QUOTA, "q", uses(secrets="1"))


def test_only_kinds_that_exist_are_counted() -> None:
    hard = {"count/deployments.apps": "1", "count/nothing.example.com": "1", "secrets": "2"}
    counted = plan.measured(quota(hard=hard), builtin_kinds())
    assert {one.kind.plural for one in counted} == {"deployments", "secrets"}


def test_what_is_not_counted_keeps_its_figure() -> None:
    old = {**quota(hard={"a": "1", "b": "2"}), "status": {"used": {"a": "1", "c": "1"}}}
    assert plan.status(old, resources({"b": "1"})) == {"hard": {"a": "1", "b": "2"}, "used": {"a": "1", "b": "1"}}


@pytest.mark.parametrize(("scopes", "expected"), [([], "2"), (["BestEffort"], "1")])
def test_scopes(scopes: list[str], expected: str) -> None:
    one = quota(hard={"pods": "9"}, scopes=scopes)
    pods: list[Object] = [
        {"metadata": {}, "spec": {"containers": [{"name": "c"}]}},
        {"metadata": {}, "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}},
    ]
    (counted,) = plan.measured(one, [POD, CONFIG_MAP])
    used = plan.used_by(one, counted.evaluator, pods, VirtualClock().now())
    assert {name: str(amount) for name, amount in used.items()} == {"pods": expected}
