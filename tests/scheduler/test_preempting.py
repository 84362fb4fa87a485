"""Preemption as a whole: nominations, deletions in the background, and who waits for them."""

import asyncio

import pytest

from sampan.machinery.errors import InternalError
from sampan.machinery.meta import Key, Object
from sampan.machinery.tree import with_changes
from sampan.testing.clock import VirtualClock
from tests.scheduler.api import FakeAPI
from tests.scheduler.conftest import Running
from tests.scheduler.objects import node, pod

GOING = {("metadata", "deletionTimestamp"): "2025-01-01T00:00:00Z"}


class SlowToGo(FakeAPI):
    """Deletion only marks a pod; where `gates` has it, not before the gate opens; `broken` deletions fail."""

    def __init__(self, *objects: Object) -> None:
        super().__init__(*objects)
        self.gates: dict[str, asyncio.Event] = {}
        self.broken: set[str] = set()
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **more: object) -> Object:
        if method != "DELETE":
            return await super().request(method, path, **more)  # type: ignore[arg-type]
        name = path.rsplit("/", 1)[-1]
        self.asked.append(name)
        if gate := self.gates.get(name):
            await gate.wait()
        if name in self.broken:
            raise InternalError("no")
        self.put(with_changes(self.pod(name), GOING))
        return {}


def budget(name: str, allowed: int) -> Object:
    spec = {"selector": {"matchLabels": {"app": name}}}
    meta = {"name": name, "namespace": "default", "resourceVersion": "1"}
    return {"metadata": meta, "spec": spec, "status": {"disruptionsAllowed": allowed}}


def nominated(api: FakeAPI, name: str) -> str:
    return str(api.pod(name)["status"].get("nominatedNodeName") or "")


async def test_less_important_pods_make_room(running: Running, clock: VirtualClock) -> None:
    api = FakeAPI(node("a"), pod("low", node="a", cpu="4"), pod("high", cpu="2", priority=100))
    async with running(api):
        assert api.deleted == ["low"]
        assert api.bound == {"high": "a"}
        told = {(name, reason): message for name, reason, message in api.events}
        assert told["low", "Preempted"] == "Preempted by pod uid-high on node a"
        assert told["high", "FailedScheduling"] == (
            "0/1 nodes are available: 1 Insufficient cpu. "
            "preemption: found a potential placement for pod on node a, preempting 1 victims"
        )


async def test_room_that_was_made_is_kept(running: Running, clock: VirtualClock) -> None:
    """The victim takes its time to go; a pod of lower priority that comes meanwhile must not take the room."""
    slow = SlowToGo(node("a"), pod("low", node="a", cpu="4"), pod("high", cpu="3", priority=100))
    async with running(slow):
        assert slow.pod("high")["status"]["nominatedNodeName"] == "a"
        slow.put(pod("middle", cpu="2", priority=50))
        await clock.advance(0)
        slow.remove(slow.pod("low"))
        await clock.advance(10)
        assert slow.bound == {"high": "a"}


async def test_a_new_scheduler_keeps_the_promises_of_the_old(running: Running, clock: VirtualClock) -> None:
    waiting = pod("high", cpu="3", priority=100, status={"phase": "Pending", "nominatedNodeName": "a"})
    going = with_changes(pod("low", node="a", cpu="2"), {("metadata", "deletionTimestamp"): "2025-01-01T00:00:00Z"})
    async with running(api := FakeAPI(node("a"), going, waiting, pod("middle", cpu="2", priority=50))):
        assert api.bound == {} and api.deleted == []
        api.remove(api.pod("low"))
        await clock.advance(10)
        assert api.bound == {"high": "a"}


async def test_budgets_decide_where_room_is_made(running: Running) -> None:
    protected = pod("db", node="a", cpu="4", labels={"app": "db"})
    api = FakeAPI(node("a"), node("b"), protected, pod("web", node="b", cpu="4", priority=50))
    api.objects["/apis/policy/v1/poddisruptionbudgets"] = {"db": budget("db", 0)}
    async with running(api):
        api.put(pod("high", cpu="2", priority=100))
    assert api.deleted in ([], ["web"])
    async with running(api):
        assert api.deleted == ["web"] and api.bound == {"high": "b"}


async def test_scheduling_goes_on_while_victims_are_deleted(running: Running, clock: VirtualClock) -> None:
    """And the pod that they make room for is not tried before the last of them has been asked to go."""
    low = [pod(f"low{number}", node="a", cpu="2") for number in range(2)]
    api = SlowToGo(node("a"), *low, pod("high", cpu="4", priority=100))
    api.gates = {"low0": asyncio.Event(), "low1": asyncio.Event()}
    async with running(api) as scheduler:
        assert api.asked == ["low0"] and nominated(api, "high") == "a"
        failures = [event for event in api.events if event[0] == "high"]
        api.put(node("b", cpu="1"))
        api.put(pod("small", cpu="1"))
        api.remove(api.pod("low1"))  # room for half of it
        await clock.advance(10)
        assert api.bound == {"small": "b"}
        assert failures == [event for event in api.events if event[0] == "high"]
        api.gates["low0"].set()
        api.gates["low1"].set()
        await clock.advance(10)
        assert scheduler.state.place_of(Key("default", "high")) == ""
        api.remove(api.pod("low0"))
        await clock.advance(10)
        assert api.bound["high"] == "a"


async def test_a_deletion_that_fails_puts_the_pod_back(running: Running, clock: VirtualClock) -> None:
    api = SlowToGo(node("a"), pod("low", node="a", cpu="4"), pod("high", cpu="4", priority=100))
    api.broken.add("low")
    async with running(api):
        first = len(api.asked)
        await clock.advance(10)
        assert first >= 1 and len(api.asked) > first
        api.broken.clear()
        await clock.advance(10)
        assert api.pod("low")["metadata"]["deletionTimestamp"]


async def test_a_pod_that_goes_while_its_victims_are_deleted_is_forgotten(
    running: Running, clock: VirtualClock
) -> None:
    api = SlowToGo(node("a"), pod("low", node="a", cpu="4"), pod("high", cpu="4", priority=100))
    api.gates["low"] = asyncio.Event()
    async with running(api) as scheduler:
        api.remove(api.pod("high"))
        await clock.advance(0)
        api.gates["low"].set()
        await clock.advance(0)
        assert len(scheduler.queue) == 0


async def test_victims_are_told_why_and_go_once(running: Running, clock: VirtualClock) -> None:
    api = SlowToGo(node("a"), pod("low", node="a", cpu="4"), pod("high", cpu="4", priority=100))
    async with running(api):
        api.put(node("b", cpu="1"))
        await clock.advance(30)
        assert api.asked == ["low"]
        (condition,) = api.pod("low")["status"]["conditions"]
        del condition["lastTransitionTime"], condition["lastProbeTime"]
        assert condition == {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": "default-scheduler: preempting to accommodate a higher priority pod",
        }
        waiting = api.condition("high")
        assert waiting is not None and "not eligible due to a terminating pod on the nominated node." in str(waiting)
        assert nominated(api, "high") == "a"


async def test_whoever_is_more_important_takes_the_room_and_the_nomination(
    running: Running, clock: VirtualClock
) -> None:
    api = SlowToGo(node("a"), pod("low", node="a", cpu="4"), pod("middle", cpu="4", priority=50))
    async with running(api):
        assert nominated(api, "middle") == "a"
        api.put(pod("high", cpu="4", priority=100))
        await clock.advance(0)
        assert nominated(api, "high") == "a" and nominated(api, "middle") == ""
        api.remove(api.pod("low"))
        await clock.advance(10)
        assert api.bound == {"high": "a"}


async def test_a_nomination_is_taken_back_where_the_pod_fits_nowhere(running: Running, clock: VirtualClock) -> None:
    api = FakeAPI(node("a", cpu="1"), pod("p", cpu="4", status={"phase": "Pending", "nominatedNodeName": "a"}))
    async with running(api):
        assert nominated(api, "p") == ""


@pytest.mark.parametrize("waits", [{"nodeSelector": {"ready": "true"}}, {"schedulingGates": [{"name": "later"}]}])
async def test_whoever_is_nominated_from_outside_has_the_node_kept_for_it(
    running: Running, clock: VirtualClock, waits: Object
) -> None:
    """KEP-5278: an autoscaler says where a pod will run, even of one that is gated.

    When the pod goes, so does its claim to the room.
    """
    api = FakeAPI(node("a"), expected := pod("expected", cpu="3", priority=5, **waits))
    async with running(api):
        api.put(with_changes(expected, {("status", "nominatedNodeName"): "a"}))
        await clock.advance(0)
        api.put(pod("other", cpu="3", priority=5))
        await clock.advance(10)
        assert api.bound == {}
        api.remove(api.pod("expected"))
        await clock.advance(10)
        assert api.bound == {"other": "a"}


async def test_a_pod_is_bound_to_the_node_that_it_is_nominated_for(running: Running) -> None:
    """Even where another one would be emptier."""
    api = FakeAPI(node("a"), node("b", cpu="64", memory="256Gi"))
    api.put(pod("p", cpu="1", status={"phase": "Pending", "nominatedNodeName": "a"}))
    async with running(api):
        assert api.bound == {"p": "a"}
