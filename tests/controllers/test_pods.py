"""Which pods go first, and when they are available."""

from datetime import timedelta
from typing import Any

from sampan.controllers.pods import available_in, first_to_delete
from sampan.controllers.replicas import plan, status_of
from sampan.machinery.meta import Object, format_time
from sampan.testing.clock import EPOCH

NOW = EPOCH + timedelta(days=1)


def pod(name: str, *, node: str = "n", phase: str = "Running", ready_for: float | None = 3600, **extra: Any) -> Object:
    conditions = []
    if ready_for is not None:
        since = format_time(NOW - timedelta(seconds=ready_for))
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": since}]
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": format_time(EPOCH), **extra.get("meta", {})},
        "spec": {"nodeName": node} if node else {},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"restartCount": extra.get("restarts", 0)}],
        },
    }


def order(*pods: Object, related: tuple[Object, ...] = ()) -> list[str]:
    chosen = first_to_delete(list(pods), related or pods, len(pods) - 1, NOW)
    return [one["metadata"]["name"] for one in chosen]


def test_alike_pods_go_in_the_same_order_whoever_asks() -> None:
    """A controller that is killed in the middle of it has a successor that lists them in another order."""
    assert order(pod("a"), pod("b"), pod("c")) == order(pod("c"), pod("b"), pod("a")) == ["a", "b"]


def test_each_rule_in_turn() -> None:
    cost = {"meta": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-1"}}}
    assert order(pod("keep"), pod("unbound", node="", ready_for=None)) == ["unbound"]
    assert order(pod("keep"), pod("pending", phase="Pending", ready_for=None)) == ["pending"]
    assert order(pod("keep"), pod("unready", ready_for=None)) == ["unready"]
    assert order(pod("keep"), pod("cheap", **cost)) == ["cheap"]
    assert order(pod("keep"), pod("crowded", node="m"), related=(pod("x", node="m"),)) == ["crowded"]
    assert order(pod("keep", ready_for=4000), pod("younger", ready_for=10)) == ["younger"]
    assert order(pod("keep"), pod("restarted", restarts=3)) == ["restarted"]
    born = {"meta": {"creationTimestamp": format_time(NOW - timedelta(seconds=9))}}
    assert order(pod("keep"), pod("newer", **born)) == ["newer"]


def test_earlier_rules_win() -> None:
    dear = {"meta": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "100"}}}
    assert order(pod("a"), pod("b", ready_for=None, **dear), pod("c", node="", ready_for=None, **dear)) == ["c", "b"]


def test_plan_counts() -> None:
    pods = [pod("a"), pod("b", ready_for=1)]
    assert plan(5, pods, pods, NOW).create == 3
    assert plan(1000, pods, pods, NOW).create == 500
    assert [one["metadata"]["name"] for one in plan(1, pods, pods, NOW).delete] == ["b"]
    assert plan(2, pods, pods, NOW) == plan(2, [*pods], [], NOW)


def test_availability_takes_time() -> None:
    assert available_in(pod("a", ready_for=3), 10, NOW) == 7
    assert available_in(pod("a", ready_for=30), 10, NOW) == 0
    assert available_in(pod("a", ready_for=None), 0, NOW) is None


def test_status_counts_labels_and_keeps_a_failure_as_it_was() -> None:
    owner = {
        "metadata": {"generation": 4},
        "spec": {"minReadySeconds": 10, "template": {"metadata": {"labels": {"a": "b"}}}},
        "status": {},
    }
    labelled = {"meta": {"labels": {"a": "b"}}}
    pods = [pod("x", **labelled), pod("y", ready_for=5), pod("z", ready_for=None), pod("end", phase="Failed")]
    status = status_of(owner, pods, ("FailedCreate", "no"), NOW)
    [condition] = status.pop("conditions")
    assert status == {
        "replicas": 3,
        "fullyLabeledReplicas": 1,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "observedGeneration": 4,
    }
    owner["status"] = {"conditions": [condition]}
    again = status_of(owner, pods, ("FailedCreate", "still no"), NOW + timedelta(seconds=5))
    assert again["conditions"] == [condition]
    assert "conditions" not in status_of(owner, pods, None, NOW)
