"""plan(): what a pod needs next, by table."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.kubelet.backoff import RestartBackoff
from sampan.kubelet.plan import (
    KillContainer,
    Plan,
    RemoveContainer,
    Situation,
    StartContainer,
    StartSandbox,
    StopSandbox,
    plan,
)
from sampan.kubelet.podspec import container_hash
from sampan.kubelet.records import PodRuntime, State
from sampan.kubelet.verdicts import Verdict
from sampan.machinery.meta import Object
from tests.kubelet.pods import NOW, SANDBOX, pod, ran, runs, runtime, spec_of

DEAD = replace(SANDBOX, ready=False)


def planned(what: Object, has: PodRuntime, **more: object) -> Plan:
    return plan(Situation(what, has, NOW, **more))  # type: ignore[arg-type]


def test_a_new_pod_gets_a_sandbox() -> None:
    assert planned(pod(), PodRuntime()).actions == [StartSandbox(0)]


def test_what_is_under_way_is_not_asked_for_again() -> None:
    assert planned(pod(), PodRuntime(), busy=frozenset({"sandbox"})).actions == []
    assert planned(pod(), runtime(), busy=frozenset({"main"})).actions == []


def test_containers_start_together_in_a_ready_sandbox() -> None:
    both = pod(spec_of("a"), spec_of("b"))
    assert planned(both, runtime()).actions == [StartContainer("a", 0), StartContainer("b", 0)]


def test_a_pod_that_runs_needs_nothing() -> None:
    assert planned(pod(), runtime(runs())) == Plan()


@pytest.mark.parametrize(
    ("policy", "code", "starts"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_restart_policies(policy: str, code: int, starts: bool) -> None:
    found = planned(pod(restartPolicy=policy), runtime(ran(code=code)))
    assert found.actions == ([StartContainer("main", 1)] if starts else [])


def test_a_container_may_have_a_policy_of_its_own() -> None:
    never = pod(spec_of("main", restartPolicy="Never"))
    assert planned(never, runtime(ran(code=1))).actions == []


def test_a_second_crash_has_to_wait() -> None:
    restarts = RestartBackoff()
    restarts.advance("u1/main", NOW - timedelta(seconds=5))
    found = planned(pod(), runtime(ran(code=1, count=1, ago=4)), restarts=restarts)
    message = "back-off 10s restarting failed container=main pod=web_default(u1)"
    assert found.actions == []
    assert found.waiting == {"main": ("CrashLoopBackOff", message)}
    assert found.wake_at == NOW + timedelta(seconds=6)


def test_an_end_is_told_before_the_back_off() -> None:
    restarts = RestartBackoff()
    restarts.advance("u1/main", NOW - timedelta(seconds=5))
    found = planned(pod(), runtime(ran(code=1, count=1, ago=0.25)), restarts=restarts)
    assert (found.actions, found.waiting, found.wake_at) == ([], {}, NOW + timedelta(seconds=0.75))


def test_the_restart_count_survives_the_loss_of_the_runtimes_records() -> None:
    old = {"containerStatuses": [{"name": "main", "restartCount": 4, "containerID": "containerd://x"}]}
    assert planned(pod(status=old), runtime()).actions == [StartContainer("main", 5)]
    del old["containerStatuses"][0]["containerID"]  # the status says by now that it is lost
    assert planned(pod(status=old), runtime()).actions == [StartContainer("main", 4)]


def test_a_dead_sandbox_is_replaced_after_its_containers_have_ended() -> None:
    kill = planned(pod(), runtime(runs(), sandbox=DEAD)).actions
    assert kill == [KillContainer("main-0", "main", "Stopping container main")]
    assert planned(pod(), runtime(ran(), sandbox=DEAD)).actions == [StartSandbox(1)]


@pytest.mark.parametrize(("policy", "code"), [("Never", 0), ("Never", 1), ("OnFailure", 0)])
def test_a_pod_that_is_done_gets_no_new_sandbox(policy: str, code: int) -> None:
    assert planned(pod(restartPolicy=policy), runtime(ran(code=code), sandbox=DEAD)).actions == []


def test_a_changed_image_replaces_the_container() -> None:
    found = planned(pod(), runtime(runs(hash="other"))).actions
    assert found == [KillContainer("main-0", "main", "Container main definition changed, will be restarted")]
    assert planned(pod(), runtime(runs(hash=container_hash(spec_of("main"))))).actions == []


@pytest.mark.parametrize(
    ("policy", "verdict", "message"),
    [
        ("Always", Verdict(live=False), "Container main failed liveness probe, will be restarted"),
        ("Never", Verdict(live=False), "Container main failed liveness probe"),
        ("Always", Verdict(started=False), "Container main failed startup probe, will be restarted"),
    ],
)
def test_a_failed_probe_kills(policy: str, verdict: Verdict, message: str) -> None:
    found = planned(pod(restartPolicy=policy), runtime(runs()), verdicts={"main-0": verdict})
    assert [action.message for action in found.actions if isinstance(action, KillContainer)] == [message]


def test_an_unready_container_goes_on() -> None:
    assert planned(pod(), runtime(runs()), verdicts={"main-0": Verdict(ready=False)}).actions == []


INITS = [spec_of("one"), spec_of("two")]


@pytest.mark.parametrize(
    ("has", "next_up"),
    [
        ([], ["one"]),
        ([runs("one")], []),
        ([ran("one")], ["two"]),
        ([ran("one"), ran("two", code=1)], ["two"]),
        ([ran("one"), ran("two")], ["main"]),
        ([ran("one"), ran("two"), runs("main")], []),
        ([runs("main")], []),  # the init containers' records are gone: they are not run again
    ],
)
def test_init_containers_run_one_after_the_other(has: list, next_up: list[str]) -> None:
    found = planned(pod(initContainers=INITS), runtime(*has))
    assert [action.name for action in found.actions if isinstance(action, StartContainer)] == next_up


def test_a_failed_init_container_is_final_under_never() -> None:
    never = pod(initContainers=INITS, restartPolicy="Never")
    assert planned(never, runtime(ran("one", code=1))).actions == []


def test_init_containers_run_again_in_a_new_sandbox() -> None:
    new = replace(SANDBOX, id="sandbox-1", attempt=1)
    has = runtime(ran("one"), ran("two"), ran("main"), sandbox=new)
    assert planned(pod(initContainers=INITS), has).actions == [StartContainer("one", 1)]


SIDECAR = spec_of("side", restartPolicy="Always", startupProbe={"exec": {}})


def test_a_sidecar_holds_up_the_others_until_it_has_started() -> None:
    with_sidecar = pod(initContainers=[SIDECAR])
    assert planned(with_sidecar, runtime()).actions == [StartContainer("side", 0)]
    assert planned(with_sidecar, runtime(runs("side"))).actions == []
    started = {"side-0": Verdict(started=True)}
    assert planned(with_sidecar, runtime(runs("side")), verdicts=started).actions == [StartContainer("main", 0)]


def test_a_sidecar_is_restarted_whatever_the_pods_policy() -> None:
    with_sidecar = pod(initContainers=[SIDECAR], restartPolicy="Never")
    assert planned(with_sidecar, runtime(ran("side"), runs("main"))).actions == [StartContainer("side", 1)]


def test_stopping_ends_containers_then_sidecars_backwards_then_the_sandbox() -> None:
    sidecars = [spec_of("s1", restartPolicy="Always"), spec_of("s2", restartPolicy="Always")]
    what = pod(initContainers=sidecars)
    steps = [
        ([runs("s1"), runs("s2"), runs("main")], ["main-0"]),
        ([runs("s1"), runs("s2"), ran("main")], ["s2-0"]),
        ([runs("s1"), ran("s2"), ran("main")], ["s1-0"]),
        ([ran("s1"), ran("s2"), ran("main")], [SANDBOX.id]),
    ]
    for has, wanted in steps:
        found = planned(what, runtime(*has), stopping=True)
        assert [action.id for action in found.actions if isinstance(action, KillContainer | StopSandbox)] == wanted
        assert not found.stopped
    assert planned(what, runtime(ran("main"), sandbox=DEAD), stopping=True).stopped


def test_nothing_is_stopped_while_something_is_under_way() -> None:
    assert not planned(pod(), PodRuntime(), stopping=True, busy=frozenset({"sandbox"})).stopped
    assert planned(pod(), PodRuntime(), stopping=True).stopped


def test_only_the_last_two_instances_are_kept() -> None:
    found = planned(pod(), runtime(runs(count=3), ran(count=2), ran(count=1), ran(count=0)))
    assert found.actions == [RemoveContainer("main-1"), RemoveContainer("main-0")]


states = st.sampled_from([State.CREATED, State.RUNNING, State.EXITED, State.UNKNOWN])
instances = st.lists(
    st.builds(
        lambda name, state, code, count: replace(ran(name, code=code, count=count), state=state),
        st.sampled_from(["one", "two", "side", "main"]),
        states,
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    max_size=8,
)


@given(
    instances, st.sampled_from([None, SANDBOX, DEAD]), st.booleans(), st.sampled_from(["Always", "OnFailure", "Never"])
)
def test_any_state_has_a_plan_and_no_subject_twice(has: list, sandbox: object, stopping: bool, policy: str) -> None:
    what = pod(initContainers=[*INITS, SIDECAR], restartPolicy=policy)
    found = planned(what, runtime(*has, sandbox=sandbox), stopping=stopping)  # type: ignore[arg-type]
    starts = [action for action in found.actions if isinstance(action, StartContainer | StartSandbox)]
    assert not (stopping and starts)
    assert not (starts and sandbox is None and any(isinstance(a, StartContainer) for a in starts))
    names = [action.name for action in found.actions if isinstance(action, StartContainer)]
    assert len(names) == len(set(names))
