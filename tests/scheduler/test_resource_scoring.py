"""Strategies of NodeResourcesFit and the balance of resources: tables, and numbers that nobody expects."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.scheduler.framework import MAX_SCORE
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.plugins.node_resources_fit import NodeResourcesFit
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.resource_scoring import DEFAULT_RESOURCES, Shape, Weighed, balance, ratio_by, strategy
from tests.scheduler.objects import cluster, info, node, pod

GPU = "example.com/gpu"
BOTH = [Weighed("cpu", 3), Weighed("memory", 1)]
RISING: Shape = ((0, 0), (100, 10))


def asking(name: str = "new", **amounts: str) -> dict[str, Any]:
    """A pod that requests whatever it is said to."""
    made = pod(name, node="n")
    made["spec"]["containers"][0]["resources"] = {"requests": amounts}
    return made


def with_gpus(*pods: Any, gpus: str = "8") -> NodeInfo:
    made = node("n")
    made["status"]["allocatable"][GPU] = gpus
    return cluster(made, *pods).nodes[0]


# A node of 4 CPUs and 8 GiB; the pod asks for 1 and 4.
@pytest.mark.parametrize(
    ("kind", "resources", "shape", "expected"),
    [
        ("LeastAllocated", DEFAULT_RESOURCES, (), (75 + 50) // 2),
        ("LeastAllocated", BOTH, (), (75 * 3 + 50) // 4),
        ("MostAllocated", DEFAULT_RESOURCES, (), (25 + 50) // 2),
        ("MostAllocated", BOTH, (), (25 * 3 + 50) // 4),
        ("MostAllocated", [Weighed("cpu"), Weighed("pods"), Weighed("example.com/none")], (), 25),
        ("RequestedToCapacityRatio", DEFAULT_RESOURCES, RISING, 38),  # rounded, not cut
        ("RequestedToCapacityRatio", DEFAULT_RESOURCES, ((0, 10), (100, 0)), 63),
        ("RequestedToCapacityRatio", DEFAULT_RESOURCES, ((0, 0), (50, 10), (100, 0)), 75),
        ("RequestedToCapacityRatio", BOTH, ((0, 0), (25, 0), (50, 10)), 100),  # what scores nothing does not count
        ("RequestedToCapacityRatio", DEFAULT_RESOURCES, ((30, 2), (40, 3)), 25),
    ],
)
def test_strategies(kind: str, resources: Sequence[Weighed], shape: Shape, expected: int) -> None:
    score = strategy(kind, resources, shape)
    assert score(info(cpu="1", memory="4Gi"), cluster(node("n")).nodes[0]) == expected


def test_devices_count_for_pods_that_ask_for_them() -> None:
    score = strategy("MostAllocated", [Weighed(GPU, 5), Weighed("cpu", 1)])
    node = with_gpus(asking("old", **{GPU: "2"}))
    assert score(PodInfo(asking(cpu="2", **{GPU: "2"})), node) == (50 * 5 + 52) // 6
    assert score(PodInfo(asking(cpu="2")), node) == 52  # 100m are assumed of the old one


def test_the_balance_is_of_what_a_pod_changes() -> None:
    uneven = [pod("old", node="n", cpu="2")]
    score = balance(DEFAULT_RESOURCES)
    assert score(info(cpu="1", memory="2Gi"), cluster(node("n")).nodes[0]) == 75
    assert score(info(memory="4Gi"), cluster(node("n"), *uneven).nodes[0]) == 87
    assert score(info(cpu="2"), cluster(node("n"), *uneven).nodes[0]) == 62
    assert score(info(), cluster(node("n")).nodes[0]) == 0
    assert score(info(cpu="1"), cluster(node("n", memory="0")).nodes[0]) == 75
    three = balance([*DEFAULT_RESOURCES, Weighed(GPU)])
    assert three(PodInfo(asking(**{GPU: "8"})), with_gpus()) == (150 + 52 - 100) // 2


def test_what_is_ignored_is_not_missed() -> None:
    new, full = PodInfo(asking(**{GPU: "9", "other.com/x": "1", "cpu": "9"})), with_gpus()
    missed = {
        (): ("Insufficient example.com/gpu", "Insufficient other.com/x", "Insufficient cpu"),
        (GPU,): ("Insufficient other.com/x", "Insufficient cpu"),
        (GPU, "cpu"): ("Insufficient other.com/x", "Insufficient cpu"),  # only devices can be ignored
    }
    for ignored, reasons in missed.items():
        rejection = NodeResourcesFit(ignored=ignored).filter(new, full)
        assert rejection is not None and rejection.reasons == reasons
    rejection = NodeResourcesFit(ignored_groups=["example.com", "other.com"]).filter(new, full)
    assert rejection is not None and rejection.reasons == ("Insufficient cpu",)


amounts = st.integers(0, 2**63 - 1)
shapes = st.lists(st.integers(0, 100), min_size=1, max_size=5, unique=True).flatmap(
    lambda steps: st.lists(st.integers(0, 10), min_size=len(steps), max_size=len(steps)).map(
        lambda scores: list(zip(sorted(steps), scores, strict=True))
    )
)


@given(shapes, amounts, amounts)
def test_a_score_is_one_whatever_the_numbers(shape: Shape, requested: int, offered: int) -> None:
    assert 0 <= ratio_by(shape)(requested, offered) <= MAX_SCORE


@given(amounts, amounts, amounts, amounts, amounts, amounts)
def test_the_balance_of_two_is_that_of_many(
    asked: int, more: int, used: int, taken: int, cpu: int, memory: int
) -> None:
    new, target = info(), NodeInfo("n")
    new.requests, target.requested = {"cpu": asked, "memory": more}, {"cpu": used, "memory": taken}
    target.allocatable = {"cpu": cpu, "memory": memory}
    of_many = balance([*DEFAULT_RESOURCES, Weighed(GPU)])
    assert balance(DEFAULT_RESOURCES)(new, target) == of_many(new, target)
