"""The scheduler with an extender, a small server on the loopback: what waits for it, and what it changes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sampan.machinery.errors import InternalError
from sampan.machinery.meta import Key, Object
from sampan.scheduler.configuration.configuration import Configuration
from sampan.scheduler.configuration.extender import ExtenderConfiguration, ManagedResource
from sampan.testing.clock import VirtualClock
from tests.scheduler.api import FakeAPI
from tests.scheduler.conftest import Running
from tests.scheduler.extender_server import extender_server, items
from tests.scheduler.objects import node, pod

GPU = "example.com/gpu"
OURS = (ManagedResource(GPU, ignored_by_scheduler=True),)


def gpu_pod(name: str, **more: Any) -> Object:
    """A pod that the extender is interested in."""
    made = pod(name, **more)
    made["spec"]["containers"][0]["resources"]["limits"] = {GPU: "1"}
    return made


def with_(*extenders: ExtenderConfiguration) -> Configuration:
    return Configuration(extenders=extenders)


async def until(holds: Callable[[], Any]) -> None:
    """Let the server and the scheduler go on until something is so."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - the server is real, and tells nobody
            await asyncio.sleep(0)


class Gate:
    """An answer that comes when it is opened."""

    def __init__(self, answer: Callable[[Object], Any]) -> None:
        self.open, self.reached = asyncio.Event(), asyncio.Event()
        self._answer = answer

    async def __call__(self, said: Object) -> Any:
        self.reached.set()
        await self.open.wait()
        return self._answer(said)


def all_of_them(said: Object) -> Object:
    return {"Nodes": said["Nodes"]}


async def test_an_extender_filters_and_prioritizes(running: Running) -> None:
    def no_a(said: Object) -> Object:
        left = [one for one in said["Nodes"]["items"] if one["metadata"]["name"] != "a"]
        return {"Nodes": {"items": left}, "FailedNodes": {"a": "a is mine"}}

    def likes_c(said: Object) -> list[Object]:
        return [{"Host": name, "Score": 10 if name == "c" else 0} for name in items(said)]

    async with extender_server(filter=no_a, prioritize=likes_c) as server:
        api = FakeAPI(node("a", cpu="64"), node("b"), node("c"), *(pod(f"p{n}", cpu="1") for n in range(3)))
        async with running(api, with_(server.configuration(weight=5))):
            await until(lambda: len(api.bound) == 3)
        assert set(api.bound.values()) == {"c"}
        assert server.verbs() == ["filter", "prioritize"] * 3
        assert items(server.asked[1][1]) == ["b", "c"]
        assert server.asked[0][1]["Nodes"]["items"][0]["status"]["allocatable"]["cpu"] == "64"


async def test_pods_that_it_is_not_interested_in_do_not_wait_for_it(running: Running) -> None:
    async with extender_server(filter=all_of_them) as server:
        api = FakeAPI(node("a"), pod("plain"))
        async with running(api, with_(server.configuration(managed_resources=OURS))):
            assert api.bound == {"plain": "a"} and not server.asked


async def test_nobody_is_given_the_room_while_an_extender_thinks(running: Running) -> None:
    gate = Gate(all_of_them)
    async with extender_server(filter=gate) as server:
        api = FakeAPI(node("a"), gpu_pod("first", cpu="3", priority=9), pod("second", cpu="3"))
        async with running(api, with_(server.configuration(managed_resources=OURS))):
            await gate.reached.wait()
            assert api.bound == {}
            gate.open.set()
            await until(lambda: api.bound and api.condition("second"))
            assert api.bound == {"first": "a"}


@pytest.mark.parametrize(
    "change",
    [
        lambda api: api.remove(node("a")),
        lambda api: api.put(node("a", unschedulable=True)),
        lambda api: api.put(pod("other", node="a", cpu="4")),
    ],
    ids=["the node went", "the node was cordoned", "the node was filled"],
)
async def test_what_changes_meanwhile_counts(running: Running, change: Callable[[FakeAPI], None]) -> None:
    gate = Gate(lambda said: [{"Host": "a", "Score": 10}])
    async with extender_server(prioritize=gate) as server:
        api = FakeAPI(node("a"), node("b"), gpu_pod("p", cpu="1"))
        async with running(api, with_(server.configuration(weight=9))) as scheduler:
            await gate.reached.wait()
            before = scheduler.state.layout, scheduler.state._generation
            change(api)
            await until(lambda: (scheduler.state.layout, scheduler.state._generation) != before)
            gate.open.set()
            await until(lambda: api.bound)
            assert api.bound == {"p": "b"}


async def test_a_pod_that_goes_meanwhile_is_forgotten(running: Running) -> None:
    gate = Gate(all_of_them)
    async with extender_server(filter=gate) as server:
        api = FakeAPI(node("a"), gpu_pod("p"))
        async with running(api, with_(server.configuration())) as scheduler:
            await gate.reached.wait()
            api.remove(api.pod("p"))
            await until(lambda: Key("default", "p") not in scheduler.queue)
            gate.open.set()
            api.refusals.append(InternalError("for whoever asks first"))
            api.put(pod("next"))
            await until(lambda: api.condition("next"))
            assert not api.refusals and api.bound == {}  # nobody has asked for the pod that is gone


async def test_a_pod_that_changes_meanwhile_is_decided_anew(running: Running) -> None:
    gate = Gate(all_of_them)
    async with extender_server(filter=gate) as server:
        api = FakeAPI(node("a"), node("b", labels={"disk": "ssd"}), gpu_pod("p"))
        async with running(api, with_(server.configuration())) as scheduler:
            await gate.reached.wait()
            api.put(gpu_pod("p", nodeSelector={"disk": "ssd"}))
            await until(lambda: (waiting := scheduler.queue._find(Key("default", "p"))) and waiting.called)
            gate.open.set()
            await until(lambda: api.bound)
            assert api.bound == {"p": "b"} and len(server.asked) == 2


async def test_what_an_extender_rejects_comes_back_after_any_event(running: Running, clock: VirtualClock) -> None:
    async with extender_server(filter=lambda said: {"Nodes": {}, "FailedNodes": {"a": "too warm"}}) as server:
        api = FakeAPI(node("a"), node("b", unschedulable=True), gpu_pod("p", cpu="1"))
        async with running(api, with_(server.configuration(managed_resources=OURS))):
            await until(lambda: api.condition("p"))
            told = api.condition("p")
            assert told is not None and told["reason"] == "Unschedulable"
            why = "0/2 nodes are available: 1 node(s) were unschedulable, 1 too warm. preemption: "
            assert told["message"].startswith(why)
            server.answers["filter"] = all_of_them
            api.put(node("a", labels={"cooled": "yes"}))  # which concerns no plugin
            await until(lambda: api.bound)


async def test_an_event_while_it_thinks_is_not_missed(running: Running) -> None:
    gate = Gate(lambda said: {"Nodes": {}})
    async with extender_server(filter=gate) as server:
        api = FakeAPI(node("a"), gpu_pod("p"))
        async with running(api, with_(server.configuration())) as scheduler:
            await gate.reached.wait()
            api.put(node("b"))
            await until(lambda: len(scheduler.state.nodes) == 2)
            server.answers["filter"] = all_of_them
            gate.open.set()
            await until(lambda: api.bound)
            assert api.events[0][2].startswith("0/2 nodes are available:")


async def test_an_extender_that_fails_is_told_of_and_asked_again_later(running: Running, clock: VirtualClock) -> None:
    async with extender_server(filter=lambda said: 503) as server:
        api = FakeAPI(node("a"), gpu_pod("p"))
        async with running(api, with_(server.configuration())):
            await until(lambda: api.condition("p"))
            told = api.condition("p")
            message = f"failed filter with extender at URL {server.url}/filter, code 503"
            assert told is not None and (told["reason"], told["message"]) == ("SchedulerError", message)
            server.answers["filter"] = all_of_them
            await clock.advance(1)
            await until(lambda: api.bound)


async def test_an_extender_may_bind(running: Running, clock: VirtualClock) -> None:
    api = FakeAPI(node("a"), gpu_pod("p"), pod("plain"))
    answers = [{"Error": "not now"}, {}]

    def bind(said: Object) -> Object:
        answer = answers.pop(0)
        if not answer:
            api._bind(said["PodName"], said["Node"])
        return answer

    async with extender_server(bind=bind) as server:
        async with running(api, with_(server.configuration(managed_resources=OURS))):
            await until(lambda: "plain" in api.bound and api.condition("p"))
            told = api.condition("p")
            assert told is not None and told["message"] == "binding rejected: not now"
            await clock.advance(1)
            await until(lambda: ("p", "Scheduled", "Successfully assigned default/p to a") in api.events)
        said = {"PodName": "p", "PodNamespace": "default", "PodUID": "uid-p", "Node": "a"}
        assert server.asked == [("bind", said), ("bind", said)]


@pytest.mark.parametrize("cached", [True, False])
async def test_an_extender_says_who_has_to_go(running: Running, clock: VirtualClock, cached: bool) -> None:
    """It keeps one node as it is, and wants another pod gone from the other than is needed."""

    def preempt(said: Object) -> Object:
        sent = said["NodeNameToMetaVictims" if cached else "NodeNameToVictims"]
        assert set(sent) == {"a", "b"} and sent["b"]["NumPDBViolations"] == 0
        return {"NodeNameToMetaVictims": {"b": {"Pods": [{"UID": "uid-b2"}]}}}

    pods = [pod("a1", node="a", cpu="4"), pod("b1", node="b", cpu="2"), pod("b2", node="b", cpu="2")]
    async with extender_server(preempt=preempt) as server:
        api = FakeAPI(node("a"), node("b"), *pods, gpu_pod("p", cpu="2", priority=5))
        async with running(api, with_(server.configuration(node_cache_capable=cached))):
            await until(lambda: api.bound)
        assert api.deleted == ["b2"] and api.bound == {"p": "b"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({}, "no candidate node for preemption"),
        ({"b": {"Pods": [{"UID": "x"}]}}, 'nodeinfo not found for node name "b"'),
        (
            {"a": {"Pods": [{"UID": "x"}]}},
            "extender: {url} claims to preempt pod (UID: x) on node: a, but the pod is not found on that node",
        ),
        ({"a": {"Pods": []}}, 'expected at least one victim pod on node "a"'),
    ],
)
async def test_nobody_goes_for_an_answer_that_makes_no_sense(running: Running, answer: Object, why: str) -> None:
    async with extender_server(preempt=lambda said: {"NodeNameToMetaVictims": answer}) as server:
        api = FakeAPI(node("a"), pod("low", node="a", cpu="4"), gpu_pod("p", cpu="2", priority=5))
        async with running(api, with_(server.configuration())):
            await until(lambda: api.condition("p"))
            told = api.condition("p")
            assert told is not None and told["message"].endswith(f"preemption: {why.format(url=server.url)}")
        assert not api.deleted
