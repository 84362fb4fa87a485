"""Whole decisions: the words for failure, sampling, ties, and memory that never lies."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.selectors import from_labels
from sampan.scheduler import decision
from sampan.scheduler.decision import Decider, Feasible, Unschedulable, sample_size
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.profile import default_profile
from sampan.scheduler.state import ClusterState
from sampan.testing.scheduling import unconnected
from tests.scheduler.objects import cluster, info, node, pod

PROFILE = default_profile(unconnected(lambda new: from_labels(new.labels) if new.labels else None))


def decider(state: ClusterState, seed: int = 1) -> Decider:
    return Decider(state, PROFILE, Random(seed))


def failure(state: ClusterState, new: PodInfo) -> Unschedulable:
    outcome = decider(state).decide(new)
    assert isinstance(outcome, Unschedulable)
    return outcome


def test_the_emptiest_node_is_chosen() -> None:
    state = cluster(node("a"), node("b"), node("c"), pod("1", node="a", cpu="1"), pod("2", node="c", cpu="2"))
    assert decider(state).decide(info(cpu="1", memory="1Gi")) == "b"


def test_equal_nodes_are_chosen_by_chance() -> None:
    state = cluster(node("a"), node("b"), node("c"))
    choose = decider(state)
    assert {choose.decide(info(cpu="1")) for _ in range(50)} == {"a", "b", "c"}


def test_preferences_weigh_more_than_room() -> None:
    soft = [{"key": "slow", "effect": "PreferNoSchedule"}]
    state = cluster(node("a", taints=soft), node("b"), pod("1", node="b", cpu="3"))
    assert decider(state).decide(info(cpu="1")) == "b"


@pytest.mark.parametrize(
    ("nodes", "spec", "message"),
    [
        ([], {}, "no nodes available to schedule pods"),
        (
            [node("a")],
            {"nodeSelector": {"disk": "ssd"}},
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
        ),
        (
            [
                node("a", cpu="1"),
                node("b", cpu="1", memory="1Gi"),
                node("c", taints=[{"key": "k", "effect": "NoExecute"}]),
            ],
            {"cpu": "2", "memory": "2Gi"},
            "0/3 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s), 2 Insufficient cpu.",
        ),
    ],
)
def test_failures_are_told_in_upstreams_words(nodes: list[Any], spec: dict[str, Any], message: str) -> None:
    assert failure(cluster(*nodes), info(**spec)).message() == message


def test_nodes_that_the_pod_does_not_name_are_not_looked_at() -> None:
    field = {"key": "metadata.name", "operator": "In", "values": ["b"]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    new = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}
    state = cluster(node("a"), node("b", unschedulable=True), node("c"))
    outcome = failure(state, info(**new))
    assert set(outcome.rejections) == {"b"}
    assert outcome.plugins == {"NodeUnschedulable", "NodeAffinity"}
    assert outcome.message() == (
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."
    )


def test_a_rejected_pod_waits_for_what_may_help_it() -> None:
    events = PROFILE.events_for(frozenset({"NodeResourcesFit"}))
    assert {event.name for event in events} == {"NODE_ADD", "NODE_ALLOCATABLE", "POD_REMOVE"}
    assert {event.name for event in PROFILE.events_for(frozenset())} >= {"NODE_ADD", "POD_ADD"}


@pytest.mark.parametrize(("nodes", "size"), [(3, 3), (99, 99), (100, 100), (1000, 420), (5000, 500), (10000, 500)])
def test_large_clusters_are_sampled(nodes: int, size: int) -> None:
    assert sample_size(nodes) == size


def test_the_search_goes_on_where_it_ended() -> None:
    state = cluster(*(node(f"n{number:03}") for number in range(250)))
    choose = decider(state)
    seen: set[str] = set()
    for number in range(3):
        found = choose.find(info())
        assert isinstance(found, Feasible) and len(found.nodes) == 120, number
        seen.update(node.name for node in found.nodes)
    assert len(seen) == 250


def test_zones_take_turns_in_the_order_of_nodes() -> None:
    state = cluster(*(node(f"{zone}{number}", zone=zone) for zone in "xyz" for number in range(2)))
    assert [n.name for n in state.nodes] == ["x0", "y0", "z0", "x1", "y1", "z1"]


WORKLOADS = [
    {"cpu": "500m", "memory": "256Mi", "labels": {"app": "web"}},
    {"cpu": "1"},
    {"ports": [{"hostPort": 80}]},
    {"nodeSelector": {"disk": "ssd"}, "cpu": "100m"},
]


async def test_looking_ahead_judges_what_the_decision_will_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "_JUDGED_AT_ONCE", 3)
    state = cluster(*(node(f"n{number}", unschedulable=number > 0) for number in range(4)))
    ahead, new = decider(state), info(cpu="1")
    assert ahead.is_new(new)
    await ahead.look_ahead(new)
    assert not ahead.is_new(new) and ahead.is_new(info(cpu="2"))
    state.put_node(node("n0", unschedulable=True))  # what has changed since is looked at again
    state.put_node(node("n3"))
    assert ahead.decide(new) == "n3"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(range(5)), st.integers(0, 7)), max_size=40))
def test_remembered_verdicts_decide_as_fresh_ones(steps: list[tuple[int, int]]) -> None:
    """Pods come and go and nodes change; a decider with a memory and one without always agree."""
    state = cluster(node("a", cpu="3"), node("b", labels={"disk": "ssd"}), node("c", zone="z"))
    remembering = Decider(state, PROFILE, Random(1))
    for step, (what, number) in enumerate(steps):
        if what == 4:
            state.put_node(node("b", cpu=str(1 + number), labels={"disk": "ssd"} if number % 2 else {}))
            state.remove_pod(info(f"p{number}").key)
            continue
        new = info(f"p{step}", **WORKLOADS[what])
        fresh = Decider(state, PROFILE, Random(1))
        remembering._chance, remembering._start = Random(1), 0
        decided, expected = remembering.decide(new), fresh.decide(new)
        assert decided == expected
        if isinstance(decided, str):
            state.assume(new, decided)


NEAR = [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@pytest.mark.parametrize(
    ("expected", "new", "fits"),
    [
        pytest.param({"cpu": "3"}, {"cpu": "2"}, False, id="its room is not there"),
        pytest.param({"cpu": "3", "priority": -1}, {"cpu": "2"}, True, id="unless it matters less"),
        pytest.param({"cpu": "3"}, {"cpu": "2", "name": "expected"}, True, id="or is the pod itself"),
        pytest.param(
            {"labels": {"app": "web"}}, {"affinity": {"podAffinity": {REQUIRED: NEAR}}}, False, id="it may not come"
        ),
        pytest.param(
            {"affinity": {"podAntiAffinity": {REQUIRED: NEAR}}}, {"labels": {"app": "web"}}, False, id="or it may"
        ),
        pytest.param(
            {"labels": {"app": "web"}}, {"affinity": {"podAntiAffinity": {REQUIRED: NEAR}}}, False, id="either way"
        ),
    ],
)
def test_a_pod_has_to_fit_with_the_nominated_and_without(
    expected: dict[str, Any], new: dict[str, Any], fits: bool
) -> None:
    nominations = Nominations()
    nominations.put(info("expected", **expected), "a")
    decided = Decider(cluster(node("a")), PROFILE, Random(1), nominations).decide(info(new.pop("name", "new"), **new))
    assert (decided == "a") == fits
