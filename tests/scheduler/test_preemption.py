"""Who has to go: eligibility, budgets, reprieve, the order of harm, and what holds whatever the cluster."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.meta import Object
from sampan.scheduler.budgets import Budgets, violating
from sampan.scheduler.decision import Decider, Unschedulable
from sampan.scheduler.dry_run import DryRun, Limits, Preemption, harm, victims_on
from sampan.scheduler.fitting import Fitting
from sampan.scheduler.framework import Rejection, Unfinished
from sampan.scheduler.node_info import NodeInfo
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.preemption import NoPreemption, Preemptor
from sampan.scheduler.profile import default_profile
from sampan.scheduler.state import ClusterState
from sampan.testing.scheduling import unconnected
from tests.scheduler.objects import HOSTNAME, ZONE, cluster, info, node, pod

PROFILE = default_profile(unconnected(lambda new: None))
GOING = {"deletionTimestamp": "2025-01-01T00:00:00Z"}


def budget(name: str, allowed: int, *, disrupted: Sequence[str] = (), namespace: str = "default", **app: Any) -> Object:
    """One that protects the pods with label app=`name`, or those that `selector` selects."""
    selector = app.get("selector", {"matchLabels": {"app": name}})
    status = {"disruptionsAllowed": allowed, "disruptedPods": dict.fromkeys(disrupted, "2025-01-01T00:00:00Z")}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}, "status": status}


def budgets(*objects: Object) -> Budgets:
    found = Budgets()
    for obj in objects:
        found.changed(None, obj)
    return found


def preempt(
    state: ClusterState,
    new: PodInfo,
    *,
    nominated: str = "",
    known: Budgets | None = None,
    limits: Limits = Limits(),  # noqa: B008
) -> Preemption | NoPreemption:
    nominations = Nominations()
    nominations.put(new, nominated)
    decider = Decider(state, PROFILE, Random(1), nominations)
    failure = decider.decide(new)
    assert isinstance(failure, Unschedulable)
    preemptor = Preemptor(state, decider, nominations, Budgets() if known is None else known, Random(1), limits)
    return asyncio.run(preemptor.find(new, failure))


def names(found: Preemption | NoPreemption) -> tuple[str, list[str]]:
    assert isinstance(found, Preemption), found
    return found.node, [victim.key.name for victim in found.victims]


def going(name: str, *, by: str = "", **more: Any) -> Object:
    """A pod that is being deleted, as a scheduler wanted it or not."""
    condition = {"type": "DisruptionTarget", "status": "True", "reason": by}
    obj = pod(name, **more, status={"phase": "Running", "conditions": [condition]})
    return {**obj, "metadata": {**obj["metadata"], **GOING}}


# Whom it takes


def test_the_least_important_pods_go_and_no_more_than_needed() -> None:
    state = cluster(
        node("a"), *(pod(f"p{n}", node="a", cpu="1", priority=n) for n in range(4)), pod("q", node="a", priority=0)
    )
    assert names(preempt(state, info(cpu="2", priority=10))) == ("a", ["p1", "p0"])
    assert len(state.nodes[0].pods) == 5  # the search has changed nothing


def test_of_equals_the_one_that_started_last_goes() -> None:
    times = {"old": "2025-01-01T00:00:00Z", "young": "2025-01-02T00:00:00Z"}
    pods = [pod(name, node="a", cpu="1", status={"startTime": when}) for name, when in times.items()]
    state = cluster(node("a", cpu="3"), *pods, pod("not started", node="a", cpu="1"))
    assert names(preempt(state, info(cpu="1", priority=1))) == ("a", ["not started"])
    assert names(preempt(state, info(cpu="2", priority=1))) == ("a", ["young", "not started"])


def test_those_whose_going_breaks_a_budget_stay_before_the_important() -> None:
    state = cluster(
        node("a", cpu="2"),
        pod("protected", node="a", cpu="1", labels={"app": "db"}, priority=1),
        pod("important", node="a", cpu="1", priority=5),
    )
    found = preempt(state, info(cpu="1", priority=9), known=budgets(budget("db", 0)))
    assert names(found) == ("a", ["important"])


def test_a_budget_is_broken_where_nothing_else_helps() -> None:
    state = cluster(node("a", cpu="1"), pod("p", node="a", cpu="1", labels={"app": "db"}))
    found = preempt(state, info(cpu="1", priority=9), known=budgets(budget("db", 0)))
    assert isinstance(found, Preemption) and found.violations == 1


def test_what_is_nominated_for_a_node_takes_its_room() -> None:
    state = cluster(node("a", cpu="4"), *(pod(f"p{n}", node="a", cpu="2") for n in range(2)))
    nominations = Nominations()
    nominations.put(info("before", cpu="2", priority=10), "a")
    decider = Decider(state, PROFILE, Random(1), nominations)
    fitting = decider.fitting(info(cpu="2", priority=10))
    assert fitting is not None
    found = victims_on(state.nodes[0], fitting, Budgets())
    assert isinstance(found, Preemption) and len(found.victims) == 2
    fitting = decider.fitting(info(cpu="4", priority=10))
    assert fitting is not None
    assert victims_on(state.nodes[0], fitting, Budgets()) == ("Insufficient cpu",)


@pytest.mark.parametrize(
    "spec",
    [
        {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ZONE}]}}},
        {"topologySpreadConstraints": [{"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}]},
        {"ports": [{"hostPort": 80}]},
    ],
    ids=["anti-affinity", "spreading", "ports"],
)
def test_pods_go_for_other_reasons_than_room(spec: dict[str, Any]) -> None:
    """Of the two pods on the node that could be kept apart from, only the one that is in the way goes."""
    selector = {"matchLabels": {"app": "web"}}
    for constraint in (
        *spec.get("topologySpreadConstraints", ()),
        *spec.get("affinity", {}).get("podAntiAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", ()),
    ):
        constraint["labelSelector"] = selector
    ports = spec.get("ports", [])
    state = cluster(
        node("a", zone="x", taints=[{"key": "k", "effect": "NoSchedule"}]),
        node("b", zone="y"),
        pod("in the way", node="b", labels={"app": "web"}, ports=ports),
        pod("not in the way", node="b"),
    )
    new = info(labels={"app": "web"}, priority=1, **spec)
    assert names(preempt(state, new)) == ("b", ["in the way"])


def test_whoever_refuses_the_pod_goes() -> None:
    term = {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {"app": "web"}}}
    shy = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    state = cluster(node("a"), pod("shy", node="a", **shy), pod("other", node="a"))
    assert names(preempt(state, info(labels={"app": "web"}, priority=1))) == ("a", ["shy"])


# Why nobody goes


@pytest.mark.parametrize(
    ("objects", "spec", "message"),
    [
        (
            [node("a"), pod("1", node="a", cpu="4", priority=10)],
            {"cpu": "1"},
            "0/1 nodes are available: 1 No preemption victims found for incoming pod.",
        ),
        (
            [node("a", unschedulable=True), node("b", cpu="1"), pod("1", node="a")],
            {"cpu": "2"},
            "0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
        ),
        (
            [node("a"), pod("1", node="a", cpu="3", priority=99), pod("2", node="a", cpu="1"), node("b", cpu="1")],
            {"cpu": "2"},
            "0/2 nodes are available: 1 Insufficient cpu, 1 Preemption is not helpful for scheduling.",
        ),
        ([node("a"), pod("1", node="a", cpu="4")], {"cpu": "1", "preemptionPolicy": "Never"}, ""),
    ],
    ids=["equals", "what pods do not hold they cannot give", "the important stay", "some pods do not preempt"],
)
def test_why_nobody_goes(objects: list[Object], spec: dict[str, Any], message: str) -> None:
    found = preempt(cluster(*objects), info(priority=10, **spec), nominated="a")
    never = "preemptionPolicy" in spec
    message = message or "not eligible due to preemptionPolicy=Never."
    assert found == NoPreemption(f"preemption: {message}", nominated=never)


@pytest.mark.parametrize(
    ("objects", "waits"),
    [
        pytest.param([going("1", node="a", cpu="4", by="PreemptionByScheduler")], True, id="room is being made"),
        pytest.param([going("1", node="a", cpu="4", by="EvictionByEvictionAPI")], False, id="going by itself"),
        pytest.param(
            [going("1", node="a", cpu="4", by="PreemptionByScheduler", priority=10)], False, id="not for this pod"
        ),
    ],
)
def test_room_that_is_being_made_is_waited_for(objects: list[Object], waits: bool) -> None:
    found = preempt(cluster(node("a"), node("b", cpu="1"), *objects), info(cpu="2", priority=10), nominated="a")
    told = NoPreemption("preemption: not eligible due to a terminating pod on the nominated node.", nominated=True)
    assert (found == told) == waits


def test_a_nominated_node_that_nothing_helps_is_given_up() -> None:
    state = cluster(
        node("a", unschedulable=True),
        going("1", node="a", cpu="4", by="PreemptionByScheduler"),
        node("b"),
        pod("2", node="b", cpu="4"),
    )
    assert names(preempt(state, info(cpu="2", priority=10), nominated="a")) == ("b", ["2"])


# Which node


def test_a_plugin_may_go_on_at_the_next_step() -> None:
    asked = []

    def check(node: NodeInfo) -> Rejection | None:
        asked.append(node.name)
        if len(asked) == 1:
            raise Unfinished
        return None if len(node.pods) == 0 else Rejection("Slow", ("still there",))

    state = cluster(node("n"), pod("low", node="n", priority=1))
    there = state.node("n")
    assert there is not None
    run = DryRun(Fitting(info(priority=2), (), [check]), budgets(), 1)
    assert len(list(run.steps([there], 0))) == 1 and run.tried == 1
    assert [one.node for one in run.candidates] == ["n"]


def test_the_node_that_is_harmed_least_is_chosen() -> None:
    state = cluster(
        *(node(name) for name in "abc"),
        pod("1", node="a", cpu="4", priority=5),
        *(pod(f"2{n}", node="b", cpu="2", priority=1) for n in range(2)),
        pod("3", node="c", cpu="4", priority=1),
    )
    assert names(preempt(state, info(cpu="4", priority=10))) == ("c", ["3"])


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param((0, [(9, "2")]), (1, [(0, "2")]), id="broken budgets come first"),
        pytest.param((1, [(9, "2")]), (2, [(0, "2")]), id="by number"),
        pytest.param((0, [(1, "2")]), (0, [(2, "2")]), id="the highest priority decides"),
        pytest.param((0, [(5, "2")]), (0, [(5, "2"), (0, "2")]), id="then the sum"),
        pytest.param((0, [(-10, "2")]), (0, [(-10, "2"), (-10, "2")]), id="a sum of negative priorities is no gain"),
        pytest.param((0, [(0, "2")]), (0, [(0, "2"), (-(2**31), "2")]), id="then the number"),
        pytest.param((0, [(1, "3"), (0, "1")]), (0, [(1, "2"), (0, "9")]), id="then who started last, of the highest"),
        pytest.param((0, [(1, "")]), (0, [(1, "2")]), id="who has not started at all is the last"),
    ],
)
def test_the_order_of_harm(better: tuple[int, list[tuple[int, str]]], worse: tuple[int, list[tuple[int, str]]]) -> None:
    def candidate(violations: int, pods: list[tuple[int, str]]) -> Preemption:
        status = [{"startTime": f"202{year}-01-01T00:00:00Z"} if year else {} for _, year in pods]
        found = [
            info(str(number), priority=priority, status=status[number]) for number, (priority, _) in enumerate(pods)
        ]
        return Preemption("a", found, violations)

    assert harm(candidate(*better)) < harm(candidate(*worse))


@pytest.mark.parametrize(("nodes", "size"), [(1, 1), (100, 100), (101, 100), (1000, 100), (5000, 500)])
def test_how_many_candidates_are_enough(nodes: int, size: int) -> None:
    assert Limits().enough(nodes) == size


def test_the_search_goes_on_for_a_candidate_that_breaks_no_budget() -> None:
    nodes = [node(f"n{number}", cpu="1") for number in range(40)]
    pods = [pod(f"p{n}", node=f"n{n}", cpu="1", labels={"app": "db"} if n != 29 else {}) for n in range(40)]
    found = preempt(cluster(*nodes, *pods), info(cpu="1", priority=1), known=budgets(budget("db", 0)), limits=FEW)
    assert names(found) == ("n29", ["p29"])


FEW = Limits(percentage=5, absolute=1)


# Budgets


@pytest.mark.parametrize(
    ("known", "breaking"),
    [
        ([budget("a", 3)], []),
        ([budget("a", 1)], ["a1", "a2"]),
        ([budget("a", 0, disrupted=["a1"])], ["a0", "a2"]),
        ([budget("a", 0, namespace="other")], []),
        ([budget("a", 0, selector={})], []),
        ([budget("a", 0, selector=None)], []),
        ([budget("a", 0, selector={"matchExpressions": [{"key": "app", "operator": "Nonsense"}]})], []),
        ([budget("a", 9), budget("b", 1, selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})], None),
        ([budget("none", 0, selector={"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]})], []),
    ],
    ids=["enough", "some", "disrupted", "namespace", "empty", "absent", "bad", "several", "no labels"],
)
def test_which_pods_break_a_budget(known: list[Object], breaking: list[str] | None) -> None:
    pods = [info(f"a{n}", labels={"app": "a"}) for n in range(3)] + [info("b"), info("b2", labels={"app": "b"})]
    found, harmless = violating(pods, budgets(*known))
    assert [p.key.name for p in found] == (["a1", "a2", "b2"] if breaking is None else breaking)
    assert len(found) + len(harmless) == len(pods)


def test_budgets_follow_their_objects() -> None:
    known, protected = budgets(first := budget("a", 0)), info(labels={"app": "a"})
    assert [found.allowed for found in known.of(protected)] == [0]
    known.changed(first, second := budget("a", 2))
    assert [found.allowed for found in known.of(protected)] == [2]
    known.changed(second, other := budget("a", 2, selector={"matchLabels": {"app": "b"}}))
    assert known.of(protected) == []
    known.changed(other, None)
    assert known.of(info(labels={"app": "b"})) == ()


# Whatever the cluster

POD = st.fixed_dictionaries(
    {
        "cpu": st.sampled_from(["1", "2", "3"]),
        "priority": st.integers(-2, 12),
        "app": st.sampled_from(["a", "b", ""]),
        "port": st.sampled_from([0, 0, 80]),
        "node": st.integers(0, 3),
    }
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(POD, max_size=20),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(["1", "3", "6"]),
    st.sampled_from([0, 80]),
)
def test_no_victim_is_needless_and_no_budget_is_broken_without_need(
    drawn: list[dict[str, Any]], allowed_a: int, allowed_b: int, cpu: str, port: int
) -> None:
    state = cluster(*(node(f"n{number}", cpu="6") for number in range(4)))
    for number, each in enumerate(drawn):
        labels = {"app": each["app"]} if each["app"] else {}
        ports = [{"hostPort": each["port"]}] if each["port"] else []
        there = info(f"p{number}", cpu=each["cpu"], priority=each["priority"], labels=labels, ports=ports)
        state.put_pod(there, f"n{each['node']}")
    known = budgets(budget("a", allowed_a), budget("b", allowed_b))
    new = info(cpu=cpu, priority=10, ports=[{"hostPort": port}] if port else [])
    decider = Decider(state, PROFILE, Random(1))
    failure = decider.decide(new)
    if not isinstance(failure, Unschedulable):
        return
    found = asyncio.run(Preemptor(state, decider, Nominations(), known, Random(1)).find(new, failure))
    if not isinstance(found, Preemption):
        for there in state.nodes:  # not even all who may go would be enough
            assert not _fits_without([p for p in there.pods.values() if p.priority < 10], state, new, there.name)
        return
    assert _fits_without(found.victims, state, new, found.node)
    for victim in found.victims:
        assert victim.priority < 10
        assert not _fits_without([p for p in found.victims if p is not victim], state, new, found.node)
    fitting = decider.fitting(new)
    assert fitting is not None
    others = [c for n in state.nodes if isinstance(c := victims_on(n, fitting, known), Preemption)]
    assert found.violations == min(other.violations for other in others)
    assert found.violations or not violating(found.victims, known)[0]


def _fits_without(gone: Sequence[PodInfo], state: ClusterState, new: PodInfo, name: str) -> bool:
    """By the state itself, not by a trial of it."""
    found = state.node(name)
    assert found is not None
    for each in gone:
        state.remove_pod(each.key)
    fits = Decider(state, PROFILE, Random(1)).fits(new, found)
    for each in gone:
        state.put_pod(each, name)
    return fits
