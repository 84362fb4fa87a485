"""How many pods measured uses ask for: tables, and numbers from anywhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import get_ident
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.horizontal_pod_autoscaler.beside import MANY, beside
from sampan.controllers.horizontal_pod_autoscaler.combine import NOTHING, Failed, Proposal, combined
from sampan.controllers.horizontal_pod_autoscaler.metric_values import (
    PodMetric,
    custom_pod_metrics,
    pod_metrics,
    values,
    versions_of,
)
from sampan.controllers.horizontal_pod_autoscaler.numbers import INT32_MAX, INT64_MAX
from sampan.controllers.horizontal_pod_autoscaler.pods import CalculationError, Timing, grouped, requests_of
from sampan.controllers.horizontal_pod_autoscaler.replicas import (
    Measured,
    Tolerances,
    Wanted,
    for_average,
    for_utilization,
    for_value,
    for_value_per_pod,
    total,
)
from sampan.machinery.meta import Object, format_time
from sampan.testing.clock import EPOCH
from tests.extremes import INT32, INT64

NOW = EPOCH + timedelta(hours=1)
TIMING = Timing(NOW)
EVEN = Tolerances()
READY, PENDING, FAILED, GOING, NO_FIGURE = "ready", "pending", "failed", "going", "no figure"


def ago(seconds: float) -> str:
    return format_time(NOW - timedelta(seconds=seconds))


def pod(
    name: str, state: str = READY, *, cpu: str | None = "1", started: float = 3600, changed: float = 3600
) -> Object:
    """A pod in a state, which started and became ready (or unready) so many seconds ago."""
    meta: Object = {"name": name} | ({"deletionTimestamp": ago(1)} if state == GOING else {})
    phase = {PENDING: "Pending", FAILED: "Failed"}.get(state, "Running")
    ready = {"type": "Ready", "status": str(state != "unready"), "lastTransitionTime": ago(changed)}
    resources = {"requests": {"cpu": cpu}} if cpu else {}
    spec = {"containers": [{"name": "main", "resources": resources}]}
    return {
        "metadata": meta,
        "spec": spec,
        "status": {"phase": phase, "startTime": ago(started), "conditions": [ready]},
    }


def measured(figures: Sequence[int], states: Sequence[str] = (), resource: str = "cpu") -> Measured:
    """Pods p0, p1 ... that ask for a whole CPU each, and what they use, in thousandths."""
    states = [*states, *[READY] * (len(figures) - len(states))]
    pods = [pod(f"p{number}", state) for number, state in enumerate(states)]
    metrics = {
        f"p{number}": PodMetric(figure, NOW, 60)
        for number, (figure, state) in enumerate(zip(figures, states, strict=True))
        if state != NO_FIGURE
    }
    return Measured(pods, metrics, resource, TIMING)


@pytest.mark.parametrize(
    ("current", "percent", "figures", "states", "wanted"),
    [
        pytest.param(3, 30, (300, 500, 700), (), (5, 500, 50), id="up"),
        pytest.param(3, 50, (100, 100, 100), (), (1, 100, 10), id="down"),
        pytest.param(3, 50, (540, 550, 545), (), (3, 545, 54), id="near enough, in whole percents"),
        pytest.param(3, 50, (550, 550, 565), (), (3, 555, 55), id="at the edge"),
        pytest.param(3, 50, (560, 560, 560), (), (4, 560, 56), id="just beyond it"),
        pytest.param(3, 50, (0, 0, 0), (), (0, 0, 0), id="nothing is used"),
        # An unready pod counts as using nothing where more are wanted, and not at all where fewer are.
        pytest.param(3, 30, (300, 500, 700), ("pending",), (4, 600, 60), id="up, one pending"),
        pytest.param(3, 50, (100, 100, 100), ("pending",), (1, 100, 10), id="down, one pending"),
        pytest.param(4, 100, (1100, 1200, 1000, 1000), (READY, READY, PENDING, PENDING), (4, 1150, 115), id="no up"),
        # A pod without figures counts against the change.
        pytest.param(3, 50, (600, 600, 0), (READY, READY, NO_FIGURE), (3, 600, 60), id="missing, near enough"),
        pytest.param(3, 20, (800, 800, 0), (READY, READY, NO_FIGURE), (8, 800, 80), id="missing, up"),
        pytest.param(4, 50, (100, 100, 0, 0), (READY, READY, NO_FIGURE, NO_FIGURE), (4, 100, 10), id="missing, down"),
        pytest.param(
            4, 80, (100, 100, 100, 0), (READY, READY, READY, NO_FIGURE), (2, 100, 10), id="missing, less down"
        ),
        pytest.param(4, 200, (100, 100, 100, 0), (READY, READY, READY, NO_FIGURE), (2, 100, 10), id="by its target"),
        # What goes and what has failed does not count.
        pytest.param(3, 50, (1000, 1000, 9000, 9000), (READY, READY, FAILED, GOING), (4, 1000, 100), id="ignored"),
    ],
)
def test_by_utilization(
    current: int, percent: int, figures: Sequence[int], states: Sequence[str], wanted: tuple[int, int, int]
) -> None:
    assert for_utilization(current, percent, measured(figures, states), "", EVEN) == Wanted(*wanted)


@pytest.mark.parametrize(
    ("current", "target", "figures", "states", "wanted"),
    [
        pytest.param(3, 15000, (20000, 10000, 30000), (), (4, 20000), id="up"),
        pytest.param(3, 20000, (12000, 12000, 12000), (), (2, 12000), id="down"),
        pytest.param(3, 20000, (21000, 21000, 22000), (), (3, 21333), id="near enough"),
        pytest.param(2, 15000, (50000, 10000, 0), ("pending", "pending", READY), (0, 0), id="pending do not count"),
        pytest.param(3, 15000, (50000, 1000, 30000), (READY, PENDING, READY), (6, 40000), id="pending, up"),
        pytest.param(4, 15000, (5000, 5000, 5000, 0), (READY,) * 3 + (NO_FIGURE,), (2, 5000), id="missing, down"),
        pytest.param(2, 100, (-500, -501), (), (-10, -500), id="negative"),
    ],
)
def test_by_an_average(
    current: int, target: int, figures: Sequence[int], states: Sequence[str], wanted: tuple[int, int]
) -> None:
    assert for_average(current, target, measured(figures, states, ""), EVEN) == Wanted(*wanted)


@pytest.mark.parametrize(
    ("current", "usage", "target", "wanted"),
    [
        (3, 20000, 15000, 4),
        (3, 16000, 15000, 3),
        (3, 5000, 15000, 1),
        (3, 0, 15000, 0),
        (0, 0, 15000, 0),
        (0, 1, 15000, 1),
        (0, 45001, 15000, 4),
        (3, INT64_MAX, 1, INT32_MAX),
    ],
)
def test_by_a_value(current: int, usage: int, target: int, wanted: int) -> None:
    pods = [pod(f"p{number}") for number in range(current)]
    assert for_value(current, usage, target, pods, EVEN) == Wanted(wanted, usage)


def test_a_value_counts_ready_pods_only() -> None:
    pods = [pod("a"), pod("b"), pod("c", "unready"), pod("d", PENDING)]
    assert for_value(4, 3000, 1000, pods, EVEN).replicas == 6
    with pytest.raises(CalculationError, match="unable to calculate ready pods: no pods returned by"):
        for_value(4, 3000, 1000, [], EVEN)


@pytest.mark.parametrize(
    ("there", "usage", "target", "wanted", "average"),
    [
        (4, 8600, 2000, 4, 2150),
        (4, 8900, 2000, 5, 2225),
        (5, 2000, 1000, 2, 400),
        (0, 5000, 1000, 5, 5000),
        (0, 0, 1000, 0, 0),
        (3, INT64_MAX, 1, INT32_MAX, 3074457345618258432),
    ],
)
def test_by_a_value_for_each_pod(there: int, usage: int, target: int, wanted: int, average: int) -> None:
    assert for_value_per_pod(there, usage, target, EVEN) == Wanted(wanted, average)


def test_values_of_series_add_up_to_64_bits() -> None:
    assert total([1, 2, -5]) == -2 and total([INT64_MAX, 1]) == INT64_MAX


def test_tolerances_are_of_a_direction() -> None:
    found = measured((600, 600))
    assert for_utilization(2, 50, found, "", Tolerances(up=0.2)).replicas == 2
    assert for_utilization(2, 50, found, "", Tolerances(up=0.0)).replicas == 3
    assert for_utilization(2, 65, found, "", Tolerances(down=0.0)).replicas == 2
    assert for_utilization(2, 200, found, "", Tolerances(down=0.8)).replicas == 2


@pytest.mark.parametrize(
    ("made", "measured_ago", "counts"),
    [
        pytest.param({}, 0, True, id="long ready"),
        pytest.param({"state": "unready", "changed": 100}, 0, True, id="has been ready"),
        pytest.param({"state": "unready", "started": 3600, "changed": 3575}, 0, False, id="never became ready"),
        pytest.param({"state": "unready", "started": 3600, "changed": 3570}, 0, True, id="was ready once"),
        pytest.param({"started": 120, "changed": 100}, 30, True, id="starts, measured when it was ready"),
        pytest.param({"started": 120, "changed": 80}, 30, False, id="starts, measured before"),
        pytest.param({"started": 120, "changed": 100, "state": "unready"}, 0, False, id="starts, not ready"),
    ],
)
def test_what_a_starting_pod_uses_of_cpu_says_nothing(made: Any, measured_ago: int, counts: bool) -> None:
    metrics = {"a": PodMetric(1, NOW - timedelta(seconds=measured_ago), 60)}
    assert grouped([pod("a", **made)], metrics, "cpu", TIMING).ready == counts
    assert grouped([pod("a", **made)], metrics, "memory", TIMING).ready == 1


def test_a_pod_that_says_nothing_of_its_start() -> None:
    metrics = {"a": PodMetric(1, NOW, 60)}
    for status in ({}, {"startTime": ago(9999)}, {"conditions": pod("a")["status"]["conditions"]}):
        found = {**pod("a"), "status": {"phase": "Running", **status}}
        assert grouped([found], metrics, "cpu", TIMING).unready == {"a"}


def with_spec(**spec: Any) -> Object:
    return {"metadata": {"name": "a"}, "spec": spec}


def container(name: str, cpu: str = "", **more: Any) -> Object:
    return {"name": name, "resources": {"requests": {"cpu": cpu}} if cpu else {}, **more}


def test_requests() -> None:
    sidecar, once = container("side", "200m", restartPolicy="Always"), container("once", "5")
    both = with_spec(containers=[container("main", "1")], initContainers=[once, sidecar])
    assert requests_of([both], "", "cpu") == {"a": 1200}
    assert requests_of([both], "side", "cpu") == {"a": 200}
    own = {**both["spec"], "resources": {"requests": {"cpu": "3"}}, "overhead": {"cpu": "100m"}}
    assert requests_of([with_spec(**own)], "", "cpu") == {"a": 3100}
    assert requests_of([with_spec(**own)], "main", "cpu") == {"a": 1000}


@pytest.mark.parametrize(
    ("spec", "of", "text"),
    [
        ({"containers": [container("main")]}, "", "missing request for cpu in container main of Pod a"),
        ({"containers": [container("main", "1")]}, "side", "container side not found in Pod a"),
        (
            {"containers": [container("main")], "resources": {"requests": {"memory": "1Gi"}}},
            "",
            "missing pod-level request for cpu in Pod a",
        ),
    ],
)
def test_requests_that_are_missing(spec: Any, of: str, text: str) -> None:
    with pytest.raises(CalculationError, match=f"^{text}$"):
        requests_of([with_spec(**spec)], of, "cpu")


def test_without_pods_or_figures_nothing_can_be_said() -> None:
    with pytest.raises(CalculationError, match="no pods returned by selector while calculating replica count"):
        for_average(1, 1, Measured([], {"gone": PodMetric(1, NOW, 60)}, "", TIMING), EVEN)
    for states in ([PENDING], [GOING], [NO_FIGURE]):
        with pytest.raises(
            CalculationError, match=r"did not receive metrics for targeted pods \(pods might be unready"
        ):
            for_utilization(1, 50, measured([1], states), "", EVEN)
    idle = measured([1])
    zero = Measured([pod("p0", cpu="0")], idle.metrics, "cpu", TIMING)
    with pytest.raises(CalculationError, match="no metrics returned matched known pods"):
        for_utilization(1, 50, zero, "", EVEN)


async def test_what_takes_long_goes_on_in_a_thread() -> None:
    assert await beside(MANY, get_ident) == get_ident()
    assert await beside(MANY + 1, get_ident) != get_ident()


def failure(name: str) -> Failed:
    return Failed(name, f"why {name}", f"all of {name}")


def proposal(replicas: int) -> Proposal:
    return Proposal(replicas, f"m{replicas}", {"type": f"t{replicas}"})


def test_the_metric_that_asks_for_most_decides() -> None:
    found = combined([proposal(2), proposal(7), proposal(7), proposal(3)], 5)
    assert (found.replicas, found.metric, len(found.statuses), found.failures) == (7, "m7", 4, [])
    assert combined([proposal(0), proposal(-4)], 5).replicas == -4, "which is taken for nothing later"


def test_metrics_that_fail_hold_back_what_takes_pods_away() -> None:
    up = combined([proposal(9), failure("a"), failure("b")], 5)
    assert (up.replicas, up.statuses[1], len(up.failures)) == (9, NOTHING, 2)
    down = combined([failure("a"), proposal(3)], 5)
    assert (down.replicas, down.failures[0].reason) == (None, "a")
    assert down.error == "invalid metrics (1 invalid out of 2), first error is: all of a"
    assert combined([failure("a")], 0).replicas is None


# Answers


def answer(*items: Any) -> Any:
    return {"items": list(items)}


def of_pod(name: str, containers: Any, **more: Any) -> Any:
    return {"metadata": {"name": name}, "timestamp": ago(10), "window": "30s", "containers": containers, **more}


def test_figures_of_pods_and_of_containers() -> None:
    two = [{"name": "a", "usage": {"cpu": "100m", "memory": "1Ki"}}, {"name": "b", "usage": {"cpu": "1"}}]
    found = answer(of_pod("x", two), of_pod("y", two[:1]), of_pod("z", []))
    moment = NOW - timedelta(seconds=10)
    assert pod_metrics(found, "cpu", "") == {"x": (1100, moment, 30.0), "y": (100, moment, 30.0)}
    assert pod_metrics(found, "cpu", "b") == {"x": (1000, moment, 30.0)}
    assert set(pod_metrics(found, "memory", "")) == {"y"}, "where a container has no figure, the pod has none"


def test_metrics_of_both_versions() -> None:
    one = {"describedObject": {"name": "x"}, "timestamp": ago(10), "value": "1500m"}
    found = answer(one, one | {"describedObject": {"name": "y"}, "window": 20})
    assert {name: (metric.value, metric.window) for name, metric in custom_pod_metrics(found).items()} == {
        "x": (1500, 60.0),
        "y": (1500, 20.0),
    }
    assert values(found) == [1500, 1500]
    preferred = {"preferredVersion": {"version": "v2"}, "versions": [{"version": "v1beta1"}, {"version": "v1beta2"}]}
    assert list(versions_of(preferred)) == ["v2", "v1beta1", "v1beta2"]


JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from(INT64) | st.floats() | st.text(max_size=5) | st.just("1e308"),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["name", "cpu", "value"]), below),
    max_leaves=6,
)
ITEMS = st.dictionaries(
    st.sampled_from(["metadata", "timestamp", "window", "windowSeconds", "containers", "value", "describedObject"]),
    JSON,
)


@given(JSON | st.fixed_dictionaries({"items": JSON | st.lists(ITEMS, max_size=3)}))
def test_answers_of_any_kind_are_figures_or_are_refused(tree: Any) -> None:
    for read in (lambda one: pod_metrics(one, "cpu", ""), custom_pod_metrics, values):
        try:
            found = read(tree)
        except ValueError:
            continue
        figures = found if isinstance(found, list) else [metric.value for metric in found.values()]
        assert all(abs(figure) <= INT64_MAX + 1 for figure in figures)


MOMENTS = st.sampled_from(
    [EPOCH, NOW, datetime.min.replace(tzinfo=NOW.tzinfo), datetime.max.replace(tzinfo=NOW.tzinfo)]
)
STATES = st.sampled_from([READY, "unready", PENDING, FAILED, GOING, NO_FIGURE])


@given(
    st.lists(st.tuples(st.sampled_from(INT64), STATES, MOMENTS), max_size=4),
    st.sampled_from(INT32),
    st.sampled_from(INT64),
    st.floats(0, 2) | st.just(1e308),
)
def test_any_numbers_give_replicas_of_32_bits(
    made: list[tuple[int, str, datetime]], current: int, target: int, tolerance: float
) -> None:
    found = measured([figure for figure, _, _ in made], [state for _, state, _ in made])
    metrics = {
        name: metric._replace(timestamp=moment)
        for (name, metric), (_, _, moment) in zip(found.metrics.items(), made, strict=False)
    }
    found, tolerances, figures = (
        found._replace(metrics=metrics),
        Tolerances(tolerance, tolerance),
        [one for one, _, _ in made],
    )
    for calculate in (
        lambda: for_utilization(current, max(target % 2**31, 1), found, "", tolerances),
        lambda: for_average(current, target, found, tolerances),
        lambda: for_value(current, total(figures), target, found.pods, tolerances),
        lambda: for_value_per_pod(current, total(figures), target, tolerances),
    ):
        try:
            wanted = calculate()
        except CalculationError:
            continue
        assert -(2**31) <= wanted.replicas < 2**31 and -(2**63) <= wanted.usage < 2**63
