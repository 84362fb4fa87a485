"""What is changed for a resize, and in which order: never does a container have more than its pod."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.kubelet.plan import KillContainer, Resize, Situation, StartContainer, plan
from sampan.kubelet.resize.allocation import Allocation, allocation_of, differs, with_allocation
from sampan.kubelet.resize.changes import SetContainer, SetPod, Step, decreasing, is_due, steps
from sampan.kubelet.resize.ledger import Record
from sampan.kubelet.resources import Limits, effective_resources, pod_limits
from sampan.machinery.meta import Object
from tests.kubelet.pods import NOW, pod, ran, runs, runtime, spec_of

MI = 1 << 20


def both(cpu: str, memory: str) -> Object:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}}


def of(*resources: Object, **spec: Object) -> Object:
    return pod(*(spec_of(f"c{i}", resources=one) for i, one in enumerate(resources)), **spec)


def recorded(what: Object) -> Record:
    """A pod that runs with what its spec says."""
    given = {c["name"]: effective_resources(c, what["spec"].get("resources")) for c in what["spec"]["containers"]}
    return Record(allocation_of(what), given, pod_limits(what))


def brief(found: list[Step]) -> list[tuple[object, ...]]:
    return [
        (*(["pod"] if isinstance(one, SetPod) else [one.name]), one.limits.cpu_quota // 100, one.limits.memory // MI)
        for one in found
    ]


TABLE = [
    # before, after: (subject, thousandths of a CPU, MiB) one after the other
    ([both("1", "10Mi")], [both("1", "10Mi")], []),
    (
        [both("1", "10Mi")],
        [both("2", "20Mi")],
        [("pod", 1000, 20), ("c0", 1000, 20), ("pod", 2000, 20), ("c0", 2000, 20)],
    ),
    (
        [both("2", "20Mi")],
        [both("1", "10Mi")],
        [("c0", 2000, 10), ("pod", 2000, 10), ("c0", 1000, 10), ("pod", 1000, 10)],
    ),
    (
        [both("1", "20Mi")],
        [both("2", "10Mi")],
        [("c0", 1000, 10), ("pod", 1000, 10), ("pod", 2000, 10), ("c0", 2000, 10)],
    ),
    # what shrinks comes before what grows, and the pod as a whole stays as it is
    (
        [both("1", "10Mi"), both("2", "10Mi")],
        [both("2", "10Mi"), both("1", "10Mi")],
        [("c1", 1000, 10), ("c0", 2000, 10)],
    ),
    # a limit that comes to be makes less of what there was no end to
    (
        [{"requests": {"cpu": "1"}}],
        [{"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}],
        [("c0", 2000, 0), ("pod", 2000, 0)],
    ),
    # memory that is only requested reaches no cgroup, but the runtime takes note of it
    ([{"requests": {"memory": "10Mi"}}], [{"requests": {"memory": "20Mi"}}], [("c0", 0, 0)]),
]


@pytest.mark.parametrize(("before", "after", "expected"), TABLE)
def test_the_order_of_changes(before: list[Object], after: list[Object], expected: list[object]) -> None:
    what, old = of(*after), recorded(of(*before))
    has = runtime(*(runs(f"c{i}") for i in range(len(after))))
    assert brief(steps(what, old, has)) == expected
    assert is_due(what, old, has) == bool(expected)


def test_a_container_that_does_not_run_is_left_alone_and_the_pod_made_ready_for_it() -> None:
    found = steps(of(both("2", "20Mi")), recorded(of(both("1", "10Mi"))), runtime(ran("c0")))
    assert brief(found) == [("pod", 1000, 20), ("pod", 2000, 20)]


def test_what_was_found_running_is_told_all_of_it_once() -> None:
    what = of(both("1", "10Mi"))
    found = steps(what, Record(allocation_of(what)), runtime(runs("c0")))
    assert brief(found)[:2] == [("pod", 1000, 10), ("c0", 1000, 10)]


def test_the_limit_of_the_whole_pod_holds_for_containers_without_one() -> None:
    whole = {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}
    more = {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}
    before = recorded(of({"requests": {"cpu": "1"}}, resources=whole))
    found = steps(of({"requests": {"cpu": "1"}}, resources=more), before, runtime(runs("c0")))
    assert brief(found) == [("pod", 3000, 0), ("c0", 3000, 0)]


def test_memory_limits_that_are_to_be_lower() -> None:
    before, what = recorded(of(both("1", "20Mi"), both("1", "10Mi"))), of(both("1", "10Mi"), both("1", "15Mi"))
    found = steps(what, before, runtime(runs("c0"), runs("c1")))
    assert decreasing(what, before, found) == (25 * MI, {"c0-0": ("c0", 10 * MI)})


@pytest.mark.parametrize(
    ("policy", "busy", "failed", "expected"),
    [
        ("NotRequired", (), False, [Resize()]),
        ("NotRequired", ("resize of the pod",), False, []),
        (
            "RestartContainer",
            (),
            False,
            [KillContainer("c0-0", "c0", "Container c0 resize requires restart", resize=True)],
        ),
    ],
)
def test_what_is_asked_for(policy: str, busy: tuple[str, ...], failed: bool, expected: list[object]) -> None:
    policies = [{"resourceName": "cpu", "restartPolicy": policy}]
    what = pod(spec_of("c0", resources=both("2", "10Mi"), resizePolicy=policies), spec_of("c1"))
    old = recorded(pod(spec_of("c0", resources=both("1", "10Mi")), spec_of("c1")))
    seen = Situation(what, runtime(runs("c0")), NOW, busy=frozenset(busy), record=old, resize_failed=failed)
    assert plan(seen).actions == expected  # c1 waits until there is room for it in the pod


def test_a_resize_that_fails_does_not_hold_back_what_is_to_start() -> None:
    what, old = of(both("2", "10Mi"), {}), recorded(of(both("1", "10Mi"), {}))
    seen = Situation(what, runtime(runs("c0")), NOW, record=old, resize_failed=True)
    assert plan(seen).actions == [Resize(), StartContainer("c1", 0)]


def test_what_was_ended_for_a_resize_starts_again_whatever_its_policy() -> None:
    what = of(both("2", "10Mi"), restartPolicy="OnFailure")
    seen = Situation(what, runtime(ran("c0")), NOW, record=recorded(what))
    assert plan(seen).actions == []
    assert plan(replace(seen, resizing=frozenset({"c0-0"}))).actions == [StartContainer("c0", 1)]


def test_the_allocated_pod() -> None:
    wants, has = of(both("2", "10Mi"), {}, resources={"requests": {"cpu": "3"}}), of(both("1", "10Mi"), {})
    given = allocation_of(has)
    assert differs(wants, given) and not differs(has, given) and with_allocation(has, given) is has
    assert with_allocation(wants, given) == has
    assert with_allocation(wants, Allocation(given.containers, wants["spec"]["resources"]))["spec"]["resources"]


amount = st.sampled_from(["0", "1m", "1", "500m", "10Mi", "4Ki", "8Ei", "9223372036854775807", "1e308", "0.000000001"])
listed = st.dictionaries(st.sampled_from(["cpu", "memory", "hugepages-2Mi"]), amount)
resources = st.fixed_dictionaries({}, optional={"requests": listed, "limits": listed})
pods = st.tuples(st.lists(resources, min_size=3, max_size=3), resources).map(lambda p: of(*p[0], resources=p[1]))


@settings(max_examples=300)
@given(pods, pods)
def test_whatever_the_numbers_all_is_as_allocated_in_the_end(before: Object, after: Object) -> None:
    record, has = recorded(before), runtime(runs("c0"), runs("c1"), ran("c2"))
    for one in steps(after, record, has):
        assert 2 <= one.limits.cpu_shares <= 262_144 and 0 <= one.limits.memory < 1 << 63
        if isinstance(one, SetContainer):
            record = replace(record, containers={**record.containers, one.name: one.resources})
        else:
            record = replace(record, cgroup=one.limits)
    assert not is_due(after, record, has) and steps(after, record, has) == []
    assert record.cgroup == pod_limits(after) and isinstance(record.cgroup, Limits)
