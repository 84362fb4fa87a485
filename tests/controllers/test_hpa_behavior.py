"""How fast an autoscaler goes: tables of policies and windows, conditions, and a week of a load that comes and goes."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.client.informer import Informers
from sampan.controllers.config import Config, ControllerContext
from sampan.controllers.horizontal_pod_autoscaler import plan
from sampan.controllers.horizontal_pod_autoscaler.behavior import (
    Bounds,
    behavior_of,
    down_limit,
    limited,
    limited_by,
    tolerances_of,
    up_limit,
)
from sampan.controllers.horizontal_pod_autoscaler.combine import Combined
from sampan.controllers.horizontal_pod_autoscaler.controller import HorizontalPodAutoscalerController
from sampan.controllers.horizontal_pod_autoscaler.history import History, Sample
from sampan.controllers.horizontal_pod_autoscaler.overlap import Selectors
from sampan.controllers.horizontal_pod_autoscaler.plan import Decision, Pace
from sampan.controllers.horizontal_pod_autoscaler.report import Report
from sampan.controllers.horizontal_pod_autoscaler.stabilization import stabilized, stabilized_by
from sampan.kinds.autoscaling.horizontal_pod_autoscaler import KIND as SCALER
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.conditions import find
from sampan.machinery.meta import Key, Object, format_time
from sampan.machinery.selectors import parse
from sampan.reconcile.action import after
from sampan.reconcile.discovery import Discovery
from sampan.testing.clock import EPOCH, settle
from tests.extremes import INT32
from tests.fake_api import FakeApi

NOW = 10_000.0
PER_MINUTE: Object = {"type": "Pods", "value": 4, "periodSeconds": 60}
HALF: Object = {"type": "Percent", "value": 50, "periodSeconds": 60}


def samples(**changes: int) -> list[Sample]:
    """Changes, by how many seconds ago: s30=4."""
    return [Sample(number, NOW - int(age[1:])) for age, number in changes.items()]


def rules(*policies: Object, **more: Any) -> Object:
    return {"policies": list(policies), **more}


@pytest.mark.parametrize(
    ("given_rules", "current", "added", "removed", "limit"),
    [
        (rules(PER_MINUTE), 10, {}, {}, 14),
        (rules(PER_MINUTE), 13, {"s30": 3}, {}, 14),
        (rules(PER_MINUTE), 13, {"s60": 3}, {}, 17),
        (rules(PER_MINUTE), 8, {}, {"s10": 2}, 14),
        (rules(HALF), 3, {}, {}, 5),
        (rules(PER_MINUTE, HALF), 100, {}, {}, 150),
        (rules(PER_MINUTE, HALF, selectPolicy="Min"), 100, {}, {}, 104),
        (rules(PER_MINUTE, selectPolicy="Disabled"), 100, {}, {}, 100),
        (rules(HALF), 2**31 - 1, {}, {}, 2**31 - 1),
    ],
)
def test_how_far_up(given_rules: Object, current: int, added: Any, removed: Any, limit: int) -> None:
    behavior = behavior_of({"behavior": {"scaleUp": given_rules}}, 300)
    assert behavior and up_limit(behavior.up, current, History([], samples(**added), samples(**removed)), NOW) == limit


@pytest.mark.parametrize(
    ("given_rules", "current", "added", "removed", "limit"),
    [
        (rules(PER_MINUTE), 10, {}, {}, 6),
        (rules(PER_MINUTE), 7, {}, {"s30": 3}, 6),
        (rules(PER_MINUTE), 7, {"s5": 1}, {"s30": 3}, 5),
        (rules(PER_MINUTE), 7, {}, {"s60": 3}, 3),
        (rules(HALF), 5, {}, {}, 2),
        (rules(PER_MINUTE, HALF), 100, {}, {}, 50),
        (rules(PER_MINUTE, HALF, selectPolicy="Min"), 100, {}, {}, 96),
        (rules(PER_MINUTE, selectPolicy="Disabled"), 100, {}, {}, 100),
    ],
)
def test_how_far_down(given_rules: Object, current: int, added: Any, removed: Any, limit: int) -> None:
    behavior = behavior_of({"behavior": {"scaleDown": given_rules}}, 300)
    found = History([], samples(**added), samples(**removed))
    assert behavior and down_limit(behavior.down, current, found, NOW) == limit


def test_what_a_behavior_leaves_out() -> None:
    assert behavior_of({}, 300) is None
    behavior = behavior_of({"behavior": {}}, 300)
    assert behavior and (behavior.up.window, behavior.down.window) == (0, 300)
    assert up_limit(behavior.up, 1, History(), NOW) == 5 and up_limit(behavior.up, 20, History(), NOW) == 40
    assert down_limit(behavior.down, 20, History(), NOW) == 0
    assert tolerances_of({"behavior": {"scaleUp": {"tolerance": "50m"}}}) == (0.1, 0.05)
    assert tolerances_of({"behavior": {"scaleDown": {"tolerance": "0"}}}, 0.2) == (0.0, 0.2)


@pytest.mark.parametrize(
    ("wanted", "bounds", "replicas", "reason"),
    [
        (5, Bounds(1, 10, 3), 5, "DesiredWithinRange"),
        (9, Bounds(1, 10, 3), 6, "ScaleUpLimit"),
        (9, Bounds(1, 10, 1), 4, "ScaleUpLimit"),
        (20, Bounds(1, 10, 8), 10, "TooManyReplicas"),
        (0, Bounds(2, 10, 3), 2, "TooFewReplicas"),
    ],
)
def test_without_a_behavior(wanted: int, bounds: Bounds, replicas: int, reason: str) -> None:
    assert limited(wanted, bounds)[:2] == (replicas, reason)


@pytest.mark.parametrize(
    ("wanted", "bounds", "replicas", "reason"),
    [
        (5, Bounds(1, 20, 3), 5, "DesiredWithinRange"),
        (9, Bounds(1, 20, 3), 7, "ScaleUpLimit"),
        (25, Bounds(1, 20, 18), 20, "TooManyReplicas"),
        (3, Bounds(1, 20, 10), 6, "ScaleDownLimit"),
        (1, Bounds(2, 20, 4), 2, "TooFewReplicas"),
        (4, Bounds(2, 20, 4), 4, "DesiredWithinRange"),
    ],
)
def test_with_a_behavior(wanted: int, bounds: Bounds, replicas: int, reason: str) -> None:
    behavior = behavior_of({"behavior": {"scaleUp": rules(PER_MINUTE), "scaleDown": rules(PER_MINUTE)}}, 300)
    assert behavior and limited_by(behavior, wanted, bounds, History(), NOW)[:2] == (replicas, reason)


def test_recommendations_hold_for_their_window() -> None:
    earlier = samples(s400=50, s300=9, s100=3)
    assert stabilized(5, earlier, 300, NOW).replicas == 9
    assert stabilized(5, earlier, 299, NOW).replicas == 5
    both = {"scaleUp": {"stabilizationWindowSeconds": 200}, "scaleDown": {"stabilizationWindowSeconds": 350}}
    behavior = behavior_of({"behavior": both}, 300)
    assert behavior
    assert stabilized_by(behavior, 5, 4, earlier, NOW)[:2] == (4, "ScaleUpStabilized"), "it was 3 once"
    assert stabilized_by(behavior, 5, 2, earlier, NOW)[:2] == (3, "ScaleUpStabilized")
    assert stabilized_by(behavior, 5, 20, earlier, NOW)[:2] == (9, "ScaleDownStabilized")


def test_history_forgets() -> None:
    history = History()
    history.begin(3, 0)
    history.begin(4, 1)
    for second in range(100):
        history.recommend(second, second * 15, 300)
        history.scaled(1, 2, second * 15, 60)
    assert len(history.recommended) == 21 and len(history.added) == 5


def scaler(**spec: Any) -> Object:
    return {"metadata": {"name": "web", "generation": 1}, "spec": {"maxReplicas": 10, **spec}}


def asked_for(replicas: int) -> Combined:
    return Combined(replicas, "m", [], [])


@pytest.mark.parametrize(
    ("spec", "current", "was_zero", "decision"),
    [
        ({}, 11, False, Decision(10, "Current number of replicas above Spec.MaxReplicas")),
        ({"minReplicas": 3}, 2, False, Decision(3, "Current number of replicas below Spec.MinReplicas")),
        ({}, 0, False, Decision(0)),
        ({"minReplicas": 3}, 0, False, Decision(0)),
        ({"minReplicas": 0, "metrics": [{"type": "Resource"}]}, 0, True, Decision(0)),
        ({"minReplicas": 0, "metrics": [{"type": "External"}]}, 0, True, None),
        ({"minReplicas": 1, "metrics": [{"type": "Resource"}]}, 0, True, None),
        ({}, 5, False, None),
    ],
)
def test_what_needs_no_metrics(spec: Any, current: int, was_zero: bool, decision: Decision | None) -> None:
    known = scaler(**spec)
    known["status"] = {"conditions": [{"type": "ScaledToZero", "status": str(was_zero)}]}
    report = Report(known, EPOCH)
    assert plan.at_once(known["spec"], current, report) == decision
    disabled = find(report.conditions, "ScalingActive")
    assert (disabled is not None) == (decision == Decision(0))


def test_from_zero_to_the_fewest() -> None:
    history, pace = History(), Pace(None, 300, NOW)
    report = Report(scaler(), EPOCH)
    found = plan.by_metrics(scaler(minReplicas=3)["spec"], 0, asked_for(0), history, pace, report)
    assert found == Decision(3, "") or found == Decision(3, "Current number of replicas below Spec.MinReplicas")
    assert plan.by_metrics(scaler(minReplicas=3)["spec"], 5, asked_for(-9), History(), pace, report).replicas == 3


def test_conditions_keep_their_places_and_times() -> None:
    known = scaler()
    known["status"] = {
        "desiredReplicas": 4,
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": format_time(EPOCH), "reason": "R", "message": "M"}
            for kind in ("AbleToScale", "ScalingActive")
        ],
    }
    report = Report(known, EPOCH + timedelta(minutes=1))
    report.set("AbleToScale", True, "Other", "text")
    report.set("ScalingActive", False, "Failed", "text")
    report.set("ScalingLimited", True, "New", "text")
    first, second, third = report.conditions
    assert (first["type"], first["reason"], first["lastTransitionTime"]) == ("AbleToScale", "Other", format_time(EPOCH))
    assert (second["type"], second["lastTransitionTime"]) == ("ScalingActive", "2025-01-01T00:01:00Z")
    assert third["type"] == "ScalingLimited"
    report.count(3, [])
    assert (report.status["desiredReplicas"], report.status["observedGeneration"]) == (4, 1)
    assert known["status"]["conditions"][0]["reason"] == "R", "what informers have stays as it is"


def test_rivals() -> None:
    selectors, pods = Selectors(), [{"metadata": {"labels": {"app": "web"}}}]
    one, two = Key("a", "one"), Key("a", "two")
    for key in (one, two, Key("b", "three")):
        selectors.put(key, parse("app=web"))
    assert (selectors.rival(one, pods), selectors.rival(two, pods)) == (two, one)
    assert selectors.rival(one, []) is None, "there is nothing to quarrel about"
    assert selectors.rival(Key("b", "three"), pods) is None
    selectors.remove(two)
    assert selectors.rival(one, pods) is None


COUNTS = st.sampled_from([number for number in INT32 if number >= 0])
POLICIES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Pods", "Percent"]),
        "value": st.sampled_from([1, 100, 2**31 - 1]),
        "periodSeconds": st.sampled_from([1, 1800]),
    }
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "stabilizationWindowSeconds": st.sampled_from([None, 0, 3600]),
        "policies": st.lists(POLICIES, max_size=2),
        "selectPolicy": st.sampled_from(["Min", "Max", "Disabled", None]),
        "tolerance": st.sampled_from(["0", "1n", "1e308", None]),
    },
)


@given(
    st.none() | st.fixed_dictionaries({}, optional={"scaleUp": RULES, "scaleDown": RULES}),
    COUNTS,
    st.lists(st.tuples(st.sampled_from(INT32), st.sampled_from([0.0, 1e-9, 15.0, 1e9])), min_size=1, max_size=5),
)
def test_any_numbers_end_within_the_bounds(behavior: Any, current: int, asked: list[tuple[int, float]]) -> None:
    spec = scaler(behavior=behavior, minReplicas=2)["spec"]
    history, now = History(), 0.0
    tolerances_of(spec)
    for wanted, seconds in asked:
        report, now = Report(scaler(), EPOCH), now + seconds
        history.begin(current, now)
        decision = plan.at_once(spec, current, report)
        if decision is None:
            pace = Pace(behavior_of(spec, 300), 300, now)
            decision = plan.by_metrics(spec, current, asked_for(wanted), history, pace, report)
        assert decision == Decision(0) or 2 <= decision.replicas <= 10
        history.scaled(current, decision.replicas, now, 60)
        current = decision.replicas


# A week

LABELS = {"app": "web"}
DAY = 86400
PERIOD = 60.0
KEY = Key("shop", "web")


class Hands:
    """A clock that a loop moves by itself."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


class Shop(FakeApi):
    """Pods that share a load: scaled at once, ready after 20 seconds, and measured each time that one looks."""

    def __init__(self, clock: Hands) -> None:
        super().__init__()
        self.clock, self.chance = clock, Random(7)
        self.pods: list[Object] = []
        self.sizes: list[int] = []
        self.resize(5)

    def load(self) -> float:
        """CPUs: between 1 and 11 in the course of a day, and 3 % beside that at random."""
        course = 6 - 5 * math.cos(2 * math.pi * self.clock.elapsed / DAY)
        return course * self.chance.uniform(0.97, 1.03)

    def resize(self, replicas: int) -> None:
        while len(self.pods) > replicas:
            self.remove(POD, self.pods.pop())
        while len(self.pods) < replicas:
            self.pods.append(self._pod(f"web-{len(self.pods)}"))
            self.put(POD, self.pods[-1])

    def _pod(self, name: str) -> Object:
        start, ready = (format_time(self.clock.now() + timedelta(seconds=seconds)) for seconds in (0, 20))
        container = {"name": "main", "resources": {"requests": {"cpu": "1"}}}
        status = {"phase": "Running", "startTime": start}
        status["conditions"] = [{"type": "Ready", "status": "True", "lastTransitionTime": ready}]
        meta = {"name": name, "namespace": KEY.namespace, "labels": LABELS, "uid": name}
        return {"metadata": meta, "spec": {"containers": [container]}, "status": status}

    def use(self) -> Object:
        each = f"{max(round(self.load() / len(self.pods) * 1000), 0)}m"
        stamp = format_time(self.clock.now())
        items = [
            {"metadata": pod["metadata"], "timestamp": stamp, "window": "30s", "containers": [{"usage": {"cpu": each}}]}
            for pod in self.pods
        ]
        return {"items": items}

    async def request(self, method: str, path: str, *, body: Any = None, **options: Any) -> Object:
        if path.endswith("/scale"):
            if method == "PUT":
                self.resize(body["spec"]["replicas"])
            status = {"replicas": len(self.pods), "selector": "app=web"}
            return {"metadata": {}, "spec": {"replicas": len(self.pods)}, "status": status}
        if path.endswith("/status"):
            self.put(SCALER, body)
            return {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._revision)}}
        if path.startswith("/apis/metrics.k8s.io/"):
            return self.use()
        return await super().request(method, path, body=body, **options)


@asynccontextmanager
async def running(shop: Shop) -> AsyncIterator[HorizontalPodAutoscalerController]:
    """The controller over a shop, its informers followed, reconciled by the test."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    made = scaler(scaleTargetRef=target, metrics=[{"type": "Resource", "resource": cpu}], maxReplicas=30)
    shop.put(SCALER, {**made, "kind": SCALER.name, "metadata": {**made["metadata"], "namespace": KEY.namespace}})
    informers = Informers(shop.client, sleep=shop.clock.sleep)
    discovery = Discovery(shop.client, informers, shop.clock)
    config = Config(horizontal_pod_autoscaler_sync_period=PERIOD)
    context = ControllerContext(shop.client, informers, shop.clock, discovery=discovery, config=config)
    controller = HorizontalPodAutoscalerController(context)
    async with asyncio.TaskGroup() as group:
        informers.run(group)
        following = group.create_task(discovery.run())
        await controller.synced()
        yield controller
        following.cancel()
        for task in list(informers._tasks.values()):
            task.cancel()


async def test_a_week() -> None:
    clock = Hands()
    shop = Shop(clock)
    sizes = []
    async with running(shop) as controller:
        for _ in range(int(7 * DAY / PERIOD)):
            assert await controller.reconcile(KEY) == after(PERIOD)
            sizes.append(len(shop.pods))
            await settle(5)
            clock.elapsed += PERIOD
    first = int(DAY / PERIOD)
    assert 22 <= max(sizes) <= 25, "at half of what is requested, or a tenth beside that"
    assert 2 <= min(sizes[first:]) <= 3
    steps = [size - before for before, size in pairwise(sizes) if size != before]
    turns = sum((one > 0) != (other > 0) for one, other in pairwise(steps))
    assert turns <= 14, "up once a day, and down once"
    assert len(steps) <= 7 * 2 * 22, f"{len(steps)} changes"
