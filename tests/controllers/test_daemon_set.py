"""DaemonSets: a pod on every node that wants one, and their updates."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.daemon_set.backoff import FailureBackOff
from sampan.controllers.daemon_set.plan import plan, status_of, view
from sampan.controllers.daemon_set.pods import belongs, node_of, pod_for
from sampan.kinds.apps.controller_revision import KIND as CONTROLLER_REVISION
from sampan.kinds.apps.daemon_set import KIND as DAEMON_SET
from sampan.kinds.core.node import KIND as NODE
from sampan.kinds.core.node_selectors import spec_allows
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.meta import Key, Object, format_time, labels_of
from sampan.testing.clock import EPOCH
from tests.controllers.cluster import NODE_NAME, NS, Cluster

LATER = EPOCH + timedelta(hours=1)


def monitor(image: str = "luksa/ssd-monitor", update: Object | None = None, **spec: Any) -> Object:
    containers = [{"name": "main", "image": image}]
    template = {"metadata": {"labels": {"app": "ssd"}}, "spec": {"containers": containers, **spec}}
    full: Object = {"selector": {"matchLabels": {"app": "ssd"}}, "template": template}
    full |= {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": update or {}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "ssd", "namespace": NS, "uid": "ds", "generation": 1},
        "spec": full,
    }


def body(made: Object) -> Object:
    return {"metadata": {"name": "ssd"}, "spec": made["spec"]}


def node(name: str, *taints: tuple[str, str], **labels: str) -> Object:
    found = [{"key": key, "effect": effect} for key, effect in taints]
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": found}}


def pod(name: str, on: str, revision: str = "new", *, ready: bool = True, **meta: Any) -> Object:
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": format_time(EPOCH)}
    return {
        "metadata": {"name": name, "namespace": NS, "labels": {"controller-revision-hash": revision}, **meta},
        "spec": {"nodeName": on},
        "status": {"phase": "Running", "conditions": [condition]},
    }


def names(pods: list[Object]) -> list[str]:
    return [one["metadata"]["name"] for one in pods]


def test_where_daemons_belong() -> None:
    made = monitor(nodeSelector={"disk": "ssd"})
    assert belongs(made, node("a", disk="ssd")) == (True, True)
    assert belongs(made, node("a", disk="hdd")) == (False, False)
    assert belongs(made, node("a", ("node.kubernetes.io/unreachable", "NoExecute"), disk="ssd")) == (True, True)
    assert belongs(made, node("a", ("mine", "NoSchedule"), disk="ssd")) == (False, True)
    assert belongs(made, node("a", ("mine", "NoExecute"), disk="ssd")) == (False, False)
    assert belongs(made, node("a", ("mine", "PreferNoSchedule"), disk="ssd")) == (True, True)


def test_node_affinity() -> None:
    def required(*terms: Object) -> Object:
        return {
            "affinity": {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
            }
        }

    def term(operator: str, *values: str) -> Object:
        return {"matchExpressions": [{"key": "cores", "operator": operator, "values": list(values)}]}

    def selects(spec: Object, node: Object) -> bool:
        return spec_allows(spec, labels_of(node), node["metadata"]["name"])

    big = node("big", cores="16")
    assert selects(required(term("Gt", "8")), big)
    assert not selects(required(term("Lt", "8")), big)
    assert selects(required(term("DoesNotExist"), term("In", "4", "16")), big)  # any term
    assert not selects(required({}), big)
    assert not selects(required(), big)


def test_a_pod_is_pinned_to_its_node_and_keeps_its_own_affinity() -> None:
    expression = {"key": "disk", "operator": "Exists"}
    terms = [{"matchExpressions": [expression]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    made = pod_for(monitor(affinity=affinity), "n1", "hash")
    assert node_of(made) == "n1"
    [found] = made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert found["matchExpressions"] == [expression]
    assert terms == [{"matchExpressions": [expression]}]  # the template is as it was
    assert labels_of(made)["controller-revision-hash"] == "hash"


def test_plan_creates_removes_and_replaces() -> None:
    nodes = [node("empty"), node("twice"), node("failed"), node("banned", ("x", "NoExecute")), node("leaving")]
    failed = pod("failed", "failed")
    failed["status"]["phase"] = "Failed"
    pods = [
        pod("one", "twice", creationTimestamp="2025-01-01T00:00:00Z"),
        pod("two", "twice", creationTimestamp="2025-01-01T00:00:01Z"),
        failed,
        pod("banned", "banned"),
        pod("leaving", "leaving", deletionTimestamp="x"),
    ]
    made = plan(view(monitor(), nodes, pods, "new", LATER))
    assert made.create == ["empty"]
    assert sorted(names(made.delete)) == ["banned", "failed", "two"]
    assert [told.reason for told in made.events] == ["FailedDaemonPod"]
    patient = plan(view(monitor(), nodes, pods, "new", LATER, held={"failed"}))
    assert (patient.create, sorted(names(patient.delete)), patient.events) == (["empty"], ["banned", "two"], [])


def test_failed_pods_wait_longer_each_time_until_all_is_well_for_long() -> None:
    failures, key = FailureBackOff(), Key(NS, "ssd")
    assert failures.held(key, 0) == {}
    failures.failed(key, "a", 0)
    failures.failed(key, "a", 1)
    assert (failures.held(key, 2), failures.held(key, 3)) == ({"a": 1.0}, {})
    for _ in range(20):
        failures.failed(key, "a", 100)
    assert failures.held(key, 100) == {"a": 900.0}
    failures.held(key, 2000)
    failures.failed(key, "a", 2000)
    assert failures.held(key, 2000) == {"a": 1.0}


async def test_a_node_that_refuses_a_pod_is_not_flooded(cluster: Cluster) -> None:
    refused: dict[str, float] = {}

    def note(old: Object | None, new: Object | None) -> None:
        if new is not None:
            refused.setdefault(new["metadata"]["name"], cluster.clock.monotonic())

    cluster.informer(POD).on_change(note)
    await cluster.create(DAEMON_SET, body(monitor()))
    for number in range(1, 5):
        await cluster.pods(lambda pods, number=number: len(pods) == 1 and len(refused) == number)
        await cluster.patch(POD, list(refused)[-1], {"status": {"phase": "Failed"}}, subresource="status")
    begun = list(refused.values())
    assert begun[2] - begun[1] >= 1
    assert begun[3] - begun[2] >= 2


@given(st.integers(1, 12), st.integers(1, 5), st.lists(st.booleans(), min_size=12, max_size=12))
def test_an_update_never_takes_more_than_allowed(number: int, allowed: int, ready: list[bool]) -> None:
    nodes = [node(f"n{index}") for index in range(number)]
    pods = [pod(f"p{index}", f"n{index}", "old", ready=ready[index]) for index in range(number)]
    made = plan(view(monitor(update={"maxUnavailable": allowed}), nodes, pods, "new", LATER))
    taken = [one for one in made.delete if ready[int(one["metadata"]["name"][1:])]]
    broken = ready[:number].count(False)
    assert len(taken) == min(number - broken, max(0, allowed - broken))
    assert len(made.delete) - len(taken) == broken


def test_a_surge_keeps_the_old_pod_until_the_new_one_works() -> None:
    made = monitor(update={"maxSurge": 1, "maxUnavailable": 0})
    nodes = [node("a"), node("b")]
    old = [pod("a-old", "a", "old"), pod("b-old", "b", "old")]
    first = plan(view(made, nodes, old, "new", LATER))
    assert (first.create, first.delete) == (["a"], [])
    starting = plan(view(made, nodes, [*old, pod("a-new", "a", ready=False)], "new", LATER))
    assert (starting.create, starting.delete) == ([], [])
    working = plan(view(made, nodes, [*old, pod("a-new", "a")], "new", LATER))
    assert (working.create, names(working.delete)) == ([], ["a-old"])


def test_status() -> None:
    nodes = [node("a"), node("b"), node("c"), node("x", ("k", "NoSchedule"))]
    pods = [pod("a", "a"), pod("b", "b", "old", ready=False), pod("x", "x")]
    assert status_of(view(monitor(), nodes, pods, "new", LATER)) == {
        "currentNumberScheduled": 2,
        "numberMisscheduled": 1,
        "desiredNumberScheduled": 3,
        "numberReady": 1,
        "observedGeneration": 1,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
        "numberUnavailable": 2,
    }


async def test_follows_labels_of_nodes(cluster: Cluster) -> None:
    await cluster.create(DAEMON_SET, body(monitor(nodeSelector={"disk": "ssd"})))
    await cluster.one(DAEMON_SET, "ssd", lambda one: one["status"].get("observedGeneration") == 1)
    assert await cluster.pods(lambda pods: True) == []
    await cluster.client.patch(NODE, NODE_NAME, {"metadata": {"labels": {"disk": "ssd"}}})
    await cluster.pods(lambda pods: len(pods) == 1)
    await cluster.one(DAEMON_SET, "ssd", lambda one: one["status"].get("numberAvailable") == 1)
    await cluster.client.patch(NODE, NODE_NAME, {"metadata": {"labels": {"disk": "hdd"}}})
    await cluster.pods(lambda pods: not pods)


async def test_rolls_and_keeps_history(cluster: Cluster) -> None:
    await cluster.create(DAEMON_SET, body(monitor("one")))
    await cluster.pods(lambda pods: [pod["spec"]["containers"][0]["image"] for pod in pods] == ["one"])
    container = {"name": "main", "image": "two"}
    await cluster.patch(DAEMON_SET, "ssd", {"spec": {"template": {"spec": {"containers": [container]}}}})
    await cluster.pods(lambda pods: [pod["spec"]["containers"][0]["image"] for pod in pods] == ["two"])
    history = await cluster.until(CONTROLLER_REVISION, lambda found: len(found) == 2)
    assert sorted(one["revision"] for one in history) == [1, 2]
    container = {"name": "main", "image": "one"}
    await cluster.patch(DAEMON_SET, "ssd", {"spec": {"template": {"spec": {"containers": [container]}}}})
    history = await cluster.until(CONTROLLER_REVISION, lambda found: {one["revision"] for one in found} == {2, 3})
    await cluster.one(DAEMON_SET, "ssd", lambda one: one["status"].get("updatedNumberScheduled") == 1)
