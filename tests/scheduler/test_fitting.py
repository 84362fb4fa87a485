"""A trial of a node says what the state itself would say if its pods were so."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.meta import Object
from sampan.scheduler.decision import Decider
from sampan.scheduler.fitting import Trial
from sampan.scheduler.framework import Rejection
from sampan.scheduler.nominations import Nominations
from sampan.scheduler.pod_info import PodInfo
from sampan.scheduler.profile import default_profile
from sampan.scheduler.state import ClusterState
from sampan.testing.scheduling import unconnected
from tests.scheduler.objects import HOSTNAME, ZONE, cluster, info, node

PROFILE = default_profile(unconnected())
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
APPS = st.sampled_from(["a", "b", ""])


def _term(app: str, key: str) -> Object:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}


def _affinity(kind: str, app: str, key: str) -> dict[str, Any]:
    return {"affinity": {kind: {REQUIRED: [_term(app, key)]}}}


def _spread(app: str, key: str, skew: int, least: int) -> dict[str, Any]:
    selector = {"labelSelector": {"matchLabels": {"app": app}}}
    limits = {"maxSkew": skew, "whenUnsatisfiable": "DoNotSchedule", **({"minDomains": least} if least else {})}
    return {"topologySpreadConstraints": [{"topologyKey": key, **limits, **selector}]}


KEYS = st.sampled_from([ZONE, HOSTNAME])
WISHES = st.one_of(
    st.just({}),
    st.builds(_affinity, st.sampled_from(["podAffinity", "podAntiAffinity"]), st.sampled_from("ab"), KEYS),
    st.builds(_spread, st.sampled_from("ab"), KEYS, st.integers(1, 2), st.sampled_from([0, 3])),
)
OTHERS = st.fixed_dictionaries(
    {"app": APPS, "wish": WISHES, "where": st.sampled_from(["x0", "x1", "y0"]), "cpu": st.sampled_from(["1", "2"])}
)


def _pod(name: str, app: str, wish: dict[str, Any], **more: Any) -> PodInfo:
    return info(name, labels={"app": app} if app else {}, **wish, **more)


def _cluster() -> ClusterState:
    return cluster(node("x0", zone="x"), node("x1", zone="x"), node("y0", zone="y"), node("nowhere"))


def _says(state: ClusterState, new: PodInfo, nominations: Nominations | None = None) -> Rejection | None:
    fitting = Decider(state, PROFILE, Random(1), nominations).fitting(new)
    assert fitting is not None
    found = state.node("x0")
    assert found is not None
    return fitting.rejection(found)


@settings(max_examples=150, deadline=None)
@given(st.lists(OTHERS, max_size=8), st.data(), APPS, WISHES)
def test_pods_that_are_gone_and_put_back(
    others: list[dict[str, Any]], data: st.DataObject, app: str, wish: dict[str, Any]
) -> None:
    tried, state = _cluster(), _cluster()
    there = [_pod(f"p{n}", each["app"], each["wish"], cpu=each["cpu"]) for n, each in enumerate(others)]
    for one, each in zip(there, others, strict=True):
        tried.put_pod(one, each["where"])
        state.put_pod(one, each["where"])
    here = [one for one, each in zip(there, others, strict=True) if each["where"] == "x0"]
    gone = data.draw(st.lists(st.sampled_from(here), unique_by=lambda p: p.key)) if here else []
    new = _pod("new", app, wish, cpu="1")
    fitting = Decider(tried, PROFILE, Random(1)).fitting(new)
    assert fitting is not None
    found = tried.node("x0")
    assert found is not None
    trial = Trial(fitting, found, gone)
    for one in gone:
        state.remove_pod(one.key)
    assert trial.rejection() == _says(state, new)
    for one in gone:  # one by one, and those without whom it fits leave again
        state.put_pod(one, "x0")
        expected = _says(state, new)
        assert trial.put_back(one) == (expected is None)
        if expected is not None:
            state.remove_pod(one.key)
        assert trial.rejection() == _says(state, new)


@settings(max_examples=100, deadline=None)
@given(st.lists(OTHERS, max_size=6), st.lists(OTHERS, min_size=1, max_size=3), APPS, WISHES)
def test_pods_that_are_nominated(
    others: list[dict[str, Any]], expected: list[dict[str, Any]], app: str, wish: dict[str, Any]
) -> None:
    state, nominations = _cluster(), Nominations()
    for number, each in enumerate(others):
        state.put_pod(_pod(f"p{number}", each["app"], each["wish"], cpu=each["cpu"]), each["where"])
    new = _pod("new", app, wish, cpu="1")
    without = _says(state, new)
    coming = [_pod(f"q{n}", each["app"], each["wish"], cpu=each["cpu"]) for n, each in enumerate(expected)]
    for one in coming:
        nominations.put(one, "x0")
    told = _says(state, new, nominations)
    for one in coming:
        state.put_pod(one, "x0")
    assert told == (_says(state, new) or without)


@pytest.mark.parametrize(("priority", "yields"), [(0, True), (5, True), (6, False)])
def test_whom_a_pod_yields_to(priority: int, yields: bool) -> None:
    nominations = Nominations()
    nominations.put(info("expected", cpu="4", priority=5), "x0")
    told = _says(_cluster(), info("new", cpu="1", priority=priority), nominations)
    assert (told is not None) == yields
