"""The Node object: capacity, conditions, what counts as a change."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from sampan.kubelet.config import KubeletConfig
from sampan.kubelet.machine import Machine, Pressure
from sampan.kubelet.node import NodeFacts, changes, image_list, new_node, node_status, runtime_problems
from sampan.machinery.meta import Object
from tests.kubelet.pods import NOW

CONFIG = KubeletConfig(node_name="n", node_ip="192.0.2.1", pod_cidr="10.1.0.0/24", root_dir=Path("/k"), cri_socket="")
GIB = 1 << 30
MACHINE = Machine(4, 8 * GIB, 100 * GIB, "amd64", "6.1", "Debian", "m", "s", "b")
PLENTY = Pressure(4 * GIB, 50 * GIB, 100 * GIB, 90, 100, 10, 1000)
FACTS = NodeFacts(machine=MACHINE, pressure=PLENTY, runtime_version="containerd://1.6")


def conditions(status: Object) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}


def test_a_new_node() -> None:
    node = new_node(CONFIG, FACTS, NOW)
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "n"
    assert node["spec"] == {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]}
    status = node["status"]
    assert status["capacity"]["memory"] == f"{8 * 1024 * 1024}Ki"
    assert status["allocatable"]["memory"] == f"{8 * 1024 * 1024 - 100 * 1024}Ki"
    assert (status["capacity"]["cpu"], status["capacity"]["pods"]) == ("4", "110")
    assert status["allocatable"]["ephemeral-storage"] == str(90 * GIB)
    assert conditions(status) == {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID"),
        "Ready": ("True", "KubeletReady"),
    }


@pytest.mark.parametrize(
    ("fields", "condition", "reason"),
    [
        ({"memory_available": 99 << 20}, "MemoryPressure", "KubeletHasInsufficientMemory"),
        ({"disk_available": 9 * GIB}, "DiskPressure", "KubeletHasDiskPressure"),
        ({"inodes_free": 4}, "DiskPressure", "KubeletHasDiskPressure"),
        ({"processes": 990}, "PIDPressure", "KubeletHasInsufficientPID"),
    ],
)
def test_pressure(fields: dict[str, int], condition: str, reason: str) -> None:
    facts = replace(FACTS, pressure=replace(PLENTY, **fields))
    assert conditions(node_status(CONFIG, facts, {}, NOW))[condition] == ("True", reason)


def test_a_transition_keeps_its_time_and_foreign_conditions_stay() -> None:
    old = new_node(CONFIG, FACTS, NOW)
    old["status"]["conditions"].append({"type": "NetworkUnavailable", "status": "False"})
    later = NOW + timedelta(minutes=1)
    status = node_status(CONFIG, replace(FACTS, runtime_problem="container runtime is down"), old, later)
    by_type = {c["type"]: c for c in status["conditions"]}
    assert by_type["NetworkUnavailable"] == {"type": "NetworkUnavailable", "status": "False"}
    assert by_type["PIDPressure"]["lastTransitionTime"] == "2026-11-23T12:00:00Z"
    assert by_type["PIDPressure"]["lastHeartbeatTime"] == "2026-11-23T12:01:00Z"
    ready = by_type["Ready"]
    assert (ready["lastTransitionTime"], ready["reason"], ready["message"]) == (
        "2026-11-23T12:01:00Z",
        "KubeletNotReady",
        "container runtime is down",
    )
    assert changes(old["status"], status) == ["NodeNotReady"]
    assert changes(status, status) == []


def test_the_runtimes_conditions_in_words() -> None:
    fine = {"RuntimeReady": (True, "", ""), "NetworkReady": (True, "", "")}
    assert runtime_problems(fine) == []
    problem = (False, "NetworkPluginNotReady", "Network plugin returns error: cni plugin not initialized")
    assert runtime_problems(fine | {"NetworkReady": problem}) == [
        "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
        "message:Network plugin returns error: cni plugin not initialized"
    ]


def test_images_are_listed_largest_first() -> None:
    images = [SimpleNamespace(repo_digests=["a@sha"], repo_tags=[f"a:{size}"], size=size) for size in (1, 3, 2)]
    assert [entry["sizeBytes"] for entry in image_list(images)] == [3, 2, 1]
    assert image_list(images)[0]["names"] == ["a@sha", "a:3"]
