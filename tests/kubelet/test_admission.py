"""Pods that name their node themselves, and do not fit on it."""

from typing import Any

import pytest

from sampan.kubelet.admission import is_new, refusal
from sampan.machinery.meta import Object

OFFERED = {"cpu": "2", "memory": "1Gi", "pods": "3"}


def pod(requests: Object | None = None, port: Object | None = None, phase: str = "Pending", **status: Any) -> Object:
    container: Object = {"name": "main", "resources": {"requests": requests or {}}}
    if port:
        container["ports"] = [{"containerPort": 80, "protocol": "TCP", **port}]
    return {"metadata": {"name": "a"}, "spec": {"containers": [container]}, "status": {"phase": phase, **status}}


@pytest.mark.parametrize(
    ("wanted", "others", "reason", "message"),
    [
        (
            pod({"cpu": "1500m"}),
            [pod({"cpu": "600m"})],
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000",
        ),
        (
            pod({"memory": "1Gi"}),
            [pod({"memory": "1"})],
            "OutOfmemory",
            "Node didn't have enough resource: memory, requested: 1073741824, used: 1, capacity: 1073741824",
        ),
        (
            pod(),
            [pod(), pod(), pod()],
            "OutOfpods",
            "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
        ),
        (
            pod(port={"hostPort": 8080}),
            [pod(port={"hostPort": 8080, "hostIP": "127.0.0.1"})],
            "NodePorts",
            "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
        ),
    ],
)
def test_refused(wanted: Object, others: list[Object], reason: str, message: str) -> None:
    assert refusal(wanted, OFFERED, others) == (reason, message)
    for other in others:
        other["status"]["phase"] = "Failed"
    assert refusal(wanted, OFFERED, others) is None, "what has ended takes no room"


def test_admitted() -> None:
    assert refusal(pod({"cpu": "1"}), OFFERED, [pod({"cpu": "1"})]) is None
    assert refusal(pod({"example.com/gpu": "1"}), OFFERED, []) is None, "which the node does not know"
    udp = pod(port={"hostPort": 53, "protocol": "UDP"})
    assert refusal(pod(port={"hostPort": 53}), OFFERED, [udp]) is None
    assert refusal(pod(port={}), OFFERED, [pod(port={})]) is None


def test_who_is_asked_about() -> None:
    assert is_new(pod())
    assert not is_new(pod(startTime="2025-01-01T00:00:00Z"))
    assert not is_new(pod(phase="Failed"))
    leaving = pod()
    leaving["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z"
    assert not is_new(leaving)
