"""Nodes that fall silent, and the pods on them; all by the virtual clock."""

from datetime import timedelta

import pytest

from sampan.controllers.node_health import endures, silent_conditions, taints_for, tolerates
from sampan.controllers.pod_gc import plan
from sampan.kinds.coordination.lease import KIND as LEASE
from sampan.kinds.core.event import KIND as EVENT
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Object, format_micro_time, format_time
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import NODE_NAME, NS, READY, Cluster

POD_BODY = {"spec": {"containers": [{"name": "c", "image": "i"}]}}


async def report(cluster: Cluster, name: str) -> None:
    """The node says that it is well."""
    beat = {**READY, "lastHeartbeatTime": format_time(cluster.clock.now())}
    await cluster.client.patch(NODE, name, {"status": {"conditions": [beat]}}, subresource="status")


async def renew(cluster: Cluster, name: str) -> None:
    spec = {"renewTime": format_micro_time(cluster.clock.now()), "holderIdentity": name}
    await cluster.client.patch(LEASE, name, {"spec": spec}, "kube-node-lease")


async def prepare(cluster: Cluster, *names: str) -> None:
    spaces = await cluster.until(NAMESPACE, lambda found: True, "")
    if not any(one["metadata"]["name"] == "kube-node-lease" for one in spaces):
        await cluster.create(NAMESPACE, {"metadata": {"name": "kube-node-lease"}})
    for name in names:
        if name != NODE_NAME:
            await cluster.create(NODE, {"metadata": {"name": name}})
        await cluster.create(LEASE, {"metadata": {"name": name, "namespace": "kube-node-lease"}})
        await report(cluster, name)
        await renew(cluster, name)


def keys(node: Object) -> list[tuple[str, str]]:
    return [
        (taint["key"].removeprefix("node.kubernetes.io/"), taint["effect"]) for taint in node["spec"].get("taints", ())
    ]


async def test_a_silent_node_is_noticed_tainted_and_emptied(cluster: Cluster) -> None:
    await prepare(cluster, NODE_NAME, "other")
    await cluster.create(POD, {"metadata": {"name": "web"}, **POD_BODY})
    await cluster.one(POD, "web", lambda pod: pod["status"]["phase"] == "Running")
    for _ in range(12):
        await cluster.clock.advance(10)
        await renew(cluster, "other")
        if cluster.clock.monotonic() < 45:
            node = await cluster.client.get(NODE, NODE_NAME)
            assert node["status"]["conditions"][0]["status"] == "True"
    silent = await cluster.one(NODE, NODE_NAME, lambda node: len(keys(node)) == 2)
    assert sorted(keys(silent)) == [("unreachable", "NoExecute"), ("unreachable", "NoSchedule")]
    by_type = {one["type"]: (one["status"], one["reason"]) for one in silent["status"]["conditions"]}
    assert by_type["Ready"] == ("Unknown", "NodeStatusUnknown")
    assert by_type["MemoryPressure"] == ("Unknown", "NodeStatusNeverUpdated")
    healthy = await cluster.client.get(NODE, "other")
    assert keys(healthy) == []
    pod = await cluster.client.get(POD, "web", NS)
    assert [one["status"] for one in pod["status"]["conditions"] if one["type"] == "Ready"] == ["False"]
    for _ in range(31):  # the default tolerations last for five minutes
        await cluster.clock.advance(10)
        await renew(cluster, "other")
    await cluster.gone(POD, "web")


async def test_a_node_that_comes_back_is_cleared(cluster: Cluster) -> None:
    await prepare(cluster, NODE_NAME, "other")
    for _ in range(7):
        await cluster.clock.advance(10)
        await renew(cluster, "other")
    await cluster.one(NODE, NODE_NAME, lambda node: len(keys(node)) == 2)
    await report(cluster, NODE_NAME)
    await cluster.one(NODE, NODE_NAME, lambda node: keys(node) == [])


async def test_nobody_is_evicted_when_all_are_silent(cluster: Cluster) -> None:
    await prepare(cluster, NODE_NAME)
    await cluster.clock.advance(60)
    silent = await cluster.one(NODE, NODE_NAME, lambda node: node["status"]["conditions"][0]["status"] == "Unknown")
    await cluster.clock.advance(10)
    silent = await cluster.client.get(NODE, silent["metadata"]["name"])
    assert keys(silent) == [("unreachable", "NoSchedule")]


async def test_pods_of_a_removed_node_are_collected(cluster: Cluster) -> None:
    await cluster.create(POD, {"metadata": {"name": "web"}, **POD_BODY})
    await cluster.one(POD, "web", lambda pod: pod["status"]["phase"] == "Running")
    await cluster.client.delete(NODE, NODE_NAME)
    await cluster.clock.advance(39)
    assert (await cluster.client.get(POD, "web", NS))["status"]["phase"] == "Running"
    await cluster.clock.advance(60)
    await cluster.gone(POD, "web")


def pod(name: str, **parts: Object) -> Object:
    meta = {
        "name": name,
        "namespace": NS,
        "creationTimestamp": f"2025-01-01T00:00:0{name[-1]}Z",
        **parts.get("meta", {}),
    }
    return {"metadata": meta, "spec": parts.get("spec", {"nodeName": "n"}), "status": parts.get("status", {})}


def test_what_the_pod_collector_removes() -> None:
    done, dying = {"phase": "Succeeded"}, {"deletionTimestamp": "x"}
    out = {"spec": {"taints": [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]}}
    pods = [
        pod("done2", status=done),
        pod("done1", status=done),
        pod("done3", status=done),
        pod("evicted9", status={"phase": "Failed", "reason": "Evicted"}),
        pod("lost4", spec={"nodeName": "gone"}),
        pod("slow5", spec={"nodeName": "unsure"}),
        pod("unbound6", spec={}, meta=dying),
        pod("shut7", spec={"nodeName": "out"}, meta=dying),
        pod("fine8"),
    ]
    removed = plan(pods, {"n": {"spec": {}}, "out": out}, {"gone"}.__contains__, 1)
    assert [(one.pod["metadata"]["name"], one.message) for one in removed] == [
        ("evicted9", ""),
        ("done1", ""),
        ("done2", ""),
        ("lost4", "PodGC: node no longer exists"),
        ("unbound6", ""),
        ("shut7", "PodGC: node is out-of-service"),
    ]


TAINT = {"key": "k", "value": "v", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("toleration", "covers"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "k", "operator": "Exists"}, True),
        ({"key": "k", "value": "v"}, True),
        ({"key": "k", "value": "w"}, False),
        ({"key": "j", "operator": "Exists"}, False),
        ({"key": "k", "operator": "Exists", "effect": "NoSchedule"}, False),
    ],
)
def test_tolerations(toleration: Object, covers: bool) -> None:
    assert tolerates(toleration, TAINT) is covers


def test_endurance() -> None:
    forever, minute = {"operator": "Exists"}, {"key": "k", "operator": "Exists", "tolerationSeconds": 60}
    other = {"key": "x", "effect": "NoExecute"}
    assert endures([forever], [TAINT]) is None
    assert endures([minute, forever], [TAINT]) == 60
    assert endures([minute], [TAINT, other]) == 0
    assert endures([{**minute, "tolerationSeconds": -5}], [TAINT]) == 0


def test_taints_follow_conditions_and_leave_foreign_ones_alone() -> None:
    node = {
        "metadata": {"name": "n"},
        "spec": {
            "unschedulable": True,
            "taints": [TAINT, {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}],
        },
        "status": {"conditions": [READY, {"type": "DiskPressure", "status": "True"}]},
    }
    found = taints_for(node, evict=True, now=EPOCH)
    assert found[0] == TAINT
    assert keys({"spec": {"taints": found[1:]}}) == [("disk-pressure", "NoSchedule"), ("unschedulable", "NoSchedule")]


def test_silence_spares_conditions_that_others_report() -> None:
    network = {"type": "NetworkUnavailable", "status": "False"}
    node = {"metadata": {}, "status": {"conditions": [READY, network]}}
    found = silent_conditions(node, EPOCH + timedelta(minutes=1))
    assert network in found
    assert found[0]["status"] == "Unknown"
    assert found[0]["lastTransitionTime"] == "2025-01-01T00:01:00Z"


async def test_events_tell_of_nodes_that_come_and_go(cluster: Cluster) -> None:
    await cluster.create(NODE, {"metadata": {"name": "short"}})
    await cluster.client.delete(NODE, "short")

    def told(found: list[Object]) -> set[str]:
        return {one["message"] for one in found if one["involvedObject"]["name"] == "short"}

    wanted = {
        "Node short event: Registered Node short in Controller",
        "Node short event: Removing Node short from Controller",
    }
    await cluster.until(EVENT, lambda found: told(found) == wanted, "default")
