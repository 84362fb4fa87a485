"""The scheduler as a whole, against an API in memory and a clock that tests turn."""

from collections import Counter
from collections.abc import Callable

import pytest

from sampan.machinery.errors import InternalError, NotFound
from sampan.machinery.meta import Object
from sampan.machinery.tree import with_changes
from sampan.scheduler import decision
from sampan.scheduler.configuration import config_file
from sampan.scheduler.configuration.configuration import Configuration, ProfileConfiguration
from sampan.scheduler.configuration.merging import PluginSet, expanded, with_defaults
from sampan.testing.clock import VirtualClock
from tests.scheduler.api import FakeAPI
from tests.scheduler.conftest import Running
from tests.scheduler.objects import node, pod

UNTOLERATED = [{"key": "k", "effect": "NoSchedule"}]


async def test_a_pod_is_bound_and_told_so(running: Running) -> None:
    api = FakeAPI(node("node-1"), pod("kubia"))
    async with running(api):
        assert api.bound == {"kubia": "node-1"}
        assert api.events == [("kubia", "Scheduled", "Successfully assigned default/kubia to node-1")]


async def test_pods_that_are_not_ours_are_left_alone(running: Running) -> None:
    gated = pod("gated", schedulingGates=[{"name": "wait"}])
    going = with_changes(pod("going"), {("metadata", "deletionTimestamp"): "2025-01-01T00:00:00Z"})
    others = (pod("other", schedulerName="mine"), gated, going, pod("done", status={"phase": "Failed"}))
    async with running(api := FakeAPI(node("a"), *others)):
        assert api.bound == {} and api.events == []


async def test_a_gate_that_opens_lets_the_pod_in(running: Running, clock: VirtualClock) -> None:
    async with running(api := FakeAPI(node("a"), pod("p", schedulingGates=[{"name": "wait"}]))):
        api.put(pod("p"))
        await clock.advance(0)
        assert api.bound == {"p": "a"}


async def test_room_is_counted_before_the_api_has_confirmed_it(running: Running) -> None:
    pods = [pod(f"p{number}", cpu="1") for number in range(10)]
    async with running(api := FakeAPI(node("a"), node("b"), *pods)) as scheduler:
        assert sorted(api.bound.values()) == ["a"] * 4 + ["b"] * 4
        assert len(scheduler.queue) == 2


async def test_a_pod_that_fits_nowhere_says_why(running: Running, clock: VirtualClock) -> None:
    message = (
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. "
        "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    async with running(api := FakeAPI(node("a"), pod("p", nodeSelector={"gpu": "true"}))):
        assert api.events == [("p", "FailedScheduling", message)]
        assert api.condition("p") == {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastProbeTime": None,
            "lastTransitionTime": "2025-01-01T00:00:00Z",
        }
        api.put(node("a", labels={"gpu": "true"}))
        await clock.advance(0)
        assert api.bound == {"p": "a"}


async def test_without_nodes_pods_wait_for_the_first(running: Running, clock: VirtualClock) -> None:
    async with running(api := FakeAPI(pod("p"))):
        assert api.events == [("p", "FailedScheduling", "no nodes available to schedule pods")]
        api.put(node("a"))
        await clock.advance(0)
        assert api.bound == {"p": "a"}


async def test_a_failure_that_repeats_is_written_once(running: Running, clock: VirtualClock) -> None:
    async with running(api := FakeAPI(node("a", taints=UNTOLERATED), pod("p"))):
        first = api.pod("p")["metadata"]["resourceVersion"]
        api.put(node("a", taints=[{"key": "other", "effect": "NoSchedule"}]))
        await clock.advance(20)
        assert api.pod("p")["metadata"]["resourceVersion"] == first
        assert len(api.events) >= 1 and api.bound == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda api: api.put(node("b", cpu="4")),
        lambda api: api.put(node("a", cpu="8")),
        lambda api: api.remove(api.pod("old")),
        lambda api: api.put(with_changes(api.pod("old"), {("status", "phase"): "Succeeded"})),
    ],
    ids=["a node came", "the node grew", "a pod went", "a pod ended"],
)
async def test_what_makes_room_brings_pods_back(
    running: Running, clock: VirtualClock, change: Callable[[FakeAPI], None]
) -> None:
    api = FakeAPI(node("a"), pod("old", node="a", cpu="4"), pod("new", cpu="3"))
    async with running(api):
        assert api.bound == {}
        change(api)
        await clock.advance(0)
        assert set(api.bound) == {"new"}


async def test_a_refused_binding_is_told_and_tried_again(running: Running, clock: VirtualClock) -> None:
    api = FakeAPI(node("a"), pod("p", cpu="4"))
    api.refusals.append(InternalError("no"))
    async with running(api) as scheduler:
        assert api.bound == {}
        assert not scheduler.state.nodes[0].pods
        condition = api.condition("p")
        assert condition is not None and condition["reason"] == "SchedulerError"
        assert api.events[0][2] == 'binding rejected: running Bind plugin "DefaultBinder": no'
        await clock.advance(1)
        assert api.bound == {"p": "a"}


async def test_a_pod_that_went_while_being_bound_is_forgotten(running: Running) -> None:
    api = FakeAPI(node("a"), pod("p", cpu="4"))
    api.refusals.append(NotFound.of("pods", "", "p"))
    async with running(api) as scheduler:
        api.remove(api.pod("p"))
    assert len(scheduler.queue) == 0 and not scheduler.state.nodes[0].pods


async def test_services_are_spread_over_nodes(running: Running) -> None:
    pods = [pod(f"p{number}", labels={"app": "web"}, owner=_replica_set()) for number in range(6)]
    large = node("a", cpu="64", memory="256Gi")  # where all would go if room were all that counts
    api = FakeAPI(large, node("b"), node("c"), *pods)
    api.objects["/apis/apps/v1/replicasets"] = {
        "web": {
            "metadata": {"name": "web", "namespace": "default", "resourceVersion": "1"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
        }
    }
    async with running(api):
        assert sorted(api.bound.values()) == ["a", "a", "b", "b", "c", "c"]


def _replica_set() -> Object:
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1", "controller": True}


async def test_a_pod_that_only_reports_its_status_costs_no_new_judgement(running: Running, clock: VirtualClock) -> None:
    async with running(api := FakeAPI(node("a"), pod("p", node="a"))) as scheduler:
        generation = scheduler.state.nodes[0].generation
        api.put(pod("p", node="a", status={"phase": "Running", "startTime": "2025-01-01T00:00:00Z"}))
        await clock.advance(0)
        (known,) = scheduler.state.nodes[0].pods.values()
        assert known.object["status"]["phase"] == "Running"
        assert scheduler.state.nodes[0].generation == generation
        api.put(pod("p", node="a", cpu="1"))  # resized in place
        await clock.advance(0)
        assert scheduler.state.nodes[0].requested == {"cpu": 1000}


@pytest.mark.parametrize("at_once", [0, 500], ids=["in slices", "at once"])
async def test_a_pod_that_breaks_a_plugin_stops_nobody_else(
    running: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(decision, "_JUDGED_AT_ONCE", at_once)
    selector = {"matchExpressions": [{"key": "a", "operator": "Nonsense"}]}
    constraint = {
        "topologyKey": "zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": selector,
    }
    broken = pod("broken", priority=9, topologySpreadConstraints=[constraint])
    async with running(api := FakeAPI(node("a"), broken, pod("fine"))):
        assert api.bound == {"fine": "a"}
        condition = api.condition("broken")
        assert condition is not None and condition["reason"] == "SchedulerError"
        assert "scheduling default/broken failed" in caplog.messages


async def test_each_profile_schedules_the_pods_that_name_it(running: Running) -> None:
    """One ignores taints and never preempts; both count the same room."""
    said = {"filter": PluginSet(disabled=["TaintToleration"]), "postFilter": PluginSet(disabled=["*"])}
    rash = ProfileConfiguration("rash", expanded(with_defaults(said), "rash"))
    pods = [
        pod("bold", cpu="3", priority=1, schedulerName="rash"),
        pod("late", cpu="3", priority=9, schedulerName="rash"),
        pod("shy", cpu="1"),
        pod("other", schedulerName="nobody"),
    ]
    api = FakeAPI(node("a", taints=UNTOLERATED), pod("low", node="a", cpu="1"), *pods)
    async with running(api, Configuration((ProfileConfiguration(), rash))):
        assert api.bound == {"late": "a"} and api.deleted == []
        told = {name: message for name, reason, message in api.events if reason == "FailedScheduling"}
        assert told["bold"] == "0/1 nodes are available: 1 Insufficient cpu."
        assert told["shy"].startswith("0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: ")
        assert api.sources == {"late": "rash", "bold": "rash", "shy": "default-scheduler"}


PACKING = b"""
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins:
    score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}
  pluginConfig:
  - {name: NodeResourcesFit, args: {scoringStrategy: {type: MostAllocated}}}
"""


async def test_a_file_decides_whether_pods_are_packed_or_spread(running: Running) -> None:
    pods = [pod(f"p{number}", cpu="1") for number in range(5)]
    async with running(api := FakeAPI(node("a"), node("b"), *pods), config_file.configuration(PACKING)):
        assert sorted(Counter(api.bound.values()).values()) == [1, 4]


async def test_back_offs_are_as_they_are_configured(running: Running, clock: VirtualClock) -> None:
    api = FakeAPI(node("a"), pod("p"))
    api.refusals += [InternalError("no")] * 3
    async with running(api, Configuration(first_back_off=5, longest_back_off=7)):
        for seconds, left in ((4, 2), (1, 1), (6, 1), (1, 0)):
            await clock.advance(seconds)
            assert len(api.refusals) == left
