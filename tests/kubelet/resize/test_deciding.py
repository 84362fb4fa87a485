"""Who is resized, who waits, what is told of it, and what is kept of it over a restart."""

from pathlib import Path

import pytest

from sampan.kubelet.resize.allocation import allocation_of, with_allocation
from sampan.kubelet.resize.decision import Wish, in_order
from sampan.kubelet.resize.ledger import FILE, Ledger, Record
from sampan.kubelet.resize.reviews import review
from sampan.kubelet.resize.state import ResizeState, deferred_at, message, resize_conditions, state_in
from sampan.kubelet.resources import Limits
from sampan.machinery.meta import Object
from tests.kubelet.pods import NOW, pod, spec_of

NODE = {"cpu": "4", "memory": "8Gi", "pods": "110"}


def asks(uid: str, cpu: str, **spec: object) -> Object:
    made = pod(spec_of("main", resources={"requests": {"cpu": cpu}}), **spec)
    return made | {"metadata": made["metadata"] | {"uid": uid}}


class Worker:
    """A pod that has one thing and may want another."""

    def __init__(self, has: Object, wants: Object | None = None, since: str = "") -> None:
        self.has, self.wants, self.since, self.said = has, wants, since, ""

    def wish(self) -> Wish | None:
        return Wish(self.wants, self.has, self.since) if self.wants else None

    def allocated(self) -> Object:
        return self.has

    def give(self) -> None:
        assert self.wants is not None
        self.has, self.wants, self.said = self.wants, None, "given"

    def defer(self, message: str) -> None:
        self.said = message


def test_one_that_shrinks_makes_room_for_one_that_grows() -> None:
    grows, shrinks = Worker(asks("a", "1"), asks("a", "3")), Worker(asks("b", "3"), asks("b", "1"))
    review([grows, shrinks], NODE)
    assert grows.said == shrinks.said == "given"


def test_what_does_not_fit_is_deferred_and_the_next_one_tried() -> None:
    large, small = Worker(asks("a", "1"), asks("a", "4")), Worker(asks("b", "1"), asks("b", "2"))
    review([large, small, Worker(asks("c", "1"))], NODE)
    assert large.said == "Node didn't have enough resource: cpu, requested: 4000, used: 2000, capacity: 4000"
    assert small.said == "given"


def test_a_pod_that_has_ended_takes_no_room_and_gets_none() -> None:
    over = asks("b", "3") | {"status": {"phase": "Failed"}}
    grows, ended = Worker(asks("a", "1"), asks("a", "4")), Worker(over, asks("b", "4"))
    review([grows, ended], NODE)
    assert grows.said == "given" and ended.said == ""


def test_a_pod_that_is_still_shrinking_counts_for_what_it_runs_with() -> None:
    status = {"containerStatuses": [{"name": "main", "resources": {"requests": {"cpu": "3"}}}]}
    shrinks = Worker(asks("b", "1") | {"status": status})
    grows = Worker(asks("a", "1"), asks("a", "3"))
    review([grows, shrinks], NODE)
    assert "used: 3000" in grows.said


def test_the_order_of_asking() -> None:
    less = Wish(asks("z", "1"), asks("z", "2"))
    urgent = Wish(asks("y", "2", priority=7), asks("y", "1"))
    whole = {"requests": {"cpu": "2", "memory": "1Mi"}, "limits": {"cpu": "2", "memory": "1Mi"}}
    guaranteed = Wish(asks("x", "2") | {"spec": pod(spec_of("main", resources=whole))["spec"]}, asks("x", "1"))
    longest = Wish(asks("w", "2"), asks("w", "1"), "2026-11-23T12:00:00Z")
    long = Wish(asks("v", "2"), asks("v", "1"), "2026-11-23T12:00:01Z")
    new = Wish(asks("u", "2"), asks("u", "1"))
    order = [less, urgent, guaranteed, longest, long, new]
    assert in_order(reversed(order)) == order


def test_conditions_come_go_and_are_read_back() -> None:
    state = ResizeState().begun(2).deferred(3, "no room").failed(3, "kernel says no")
    what = pod(status={"conditions": resize_conditions(pod(), state, NOW)})
    pending, progress = what["status"]["conditions"]
    assert (pending["type"], pending["reason"], pending["observedGeneration"]) == ("PodResizePending", "Deferred", 3)
    assert (progress["reason"], progress["message"]) == ("Error", "kernel says no")
    assert progress["observedGeneration"] == 2  # of the resize that is going on, not of what is wanted by now
    assert state_in(what) == state and deferred_at(what) == "2026-11-23T12:00:00Z"
    assert resize_conditions(what, state.begun(4).done(), NOW) == []
    assert state.going_on(9) == state and ResizeState().going_on(9).progress is not None


def test_an_event_tells_the_resources() -> None:
    told = message(asks("a", "1"), "Pod resize error", 3, "no")
    summary = '{"containers":[{"name":"main","resources":{"requests":{"cpu":"1"}}}],"generation":3,"error":"no"}'
    assert told == f"Pod resize error: {summary}"


def test_the_ledger_outlives_its_process(tmp_path: Path) -> None:
    first, had, wants = Ledger(tmp_path.joinpath), asks("a", "1"), asks("a", "2")
    first.set_cgroup(had, Limits(1024))
    first.took(had, "main", {"requests": {"cpu": "1"}})
    again = Ledger(tmp_path.joinpath)
    expected = Record(allocation_of(had), {"main": {"requests": {"cpu": "1"}}}, Limits(1024))
    assert again.record(wants) == expected
    assert with_allocation(wants, again.record(wants).allocated) == had
    again.allocate(wants)
    assert Ledger(tmp_path.joinpath).record(had).allocated == allocation_of(wants)


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"{}", b'{"allocated": 1}', b'{"allocated":{"containers":[1],"pod":1}}']
)
def test_a_damaged_record_counts_as_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / FILE).write_bytes(damage)
    assert Ledger(tmp_path.joinpath).record(asks("a", "1")) == Record(allocation_of(asks("a", "1")))
