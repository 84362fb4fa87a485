"""One simulated pod, step by step: what its status shows, and when."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.kubelet.simulated.motion import Moved, Place, motion_of, move
from sampan.kubelet.simulated.script import Script, Span
from sampan.machinery.meta import Object, format_time
from tests.kubelet.pods import NOW, pod, spec_of

IPS = ("10.9.0.1",)


def place(script: Script) -> Place:
    return Place("192.0.2.1", script, lambda span: span.least, lambda: IPS[0])


def steps(subject: Object, script: Script, *, remembers: bool = True, most: int = 30) -> Iterator[tuple[float, Moved]]:
    """Each step and its moment, until nothing more is to come. Without memory each begins with the status alone."""
    now, motion = NOW, motion_of(subject, NOW)
    for _ in range(most):
        if not remembers:
            motion = motion_of(subject, now)
        moved = move(motion, place(script), now)
        subject = motion.pod = subject | {"status": moved.status}
        yield (now - NOW).total_seconds(), moved
        if moved.wake_at is None or moved.wake_at.year > NOW.year + 100:
            return
        assert moved.wake_at > now
        now = moved.wake_at


def shown(status: Object) -> str:
    """Phase, and what each container is doing."""
    entries = [*(status.get("initContainerStatuses") or ()), *status["containerStatuses"]]
    words = [f"{one['name']}:{_word(one['state'])}{'+' if one['ready'] else ''}" for one in entries]
    return " ".join([status["phase"], *words])


def _word(state: Object) -> str:
    kind, details = next(iter(state.items()))
    return str(details.get("reason") or kind)


def table(subject: Object, **script: Any) -> list[tuple[float, str]]:
    fixed: dict[str, Any] = {"start": Span(2, 2)}
    return [(at, shown(moved.status)) for at, moved in steps(subject, Script(**(fixed | script)))]


PROBED = spec_of("main", readinessProbe={"initialDelaySeconds": 5, "successThreshold": 2, "periodSeconds": 3})


@pytest.mark.parametrize(
    ("subject", "script", "expected"),
    [
        pytest.param(pod(), {}, [(0, "Pending main:ContainerCreating"), (2, "Running main:running+")], id="plain"),
        pytest.param(
            pod(PROBED),
            {},
            [(0, "Pending main:ContainerCreating"), (2, "Running main:running"), (10, "Running main:running+")],
            id="as its probe says",
        ),
        pytest.param(
            pod(PROBED),
            {"ready": Span(1, 1)},
            [(0, "Pending main:ContainerCreating"), (2, "Running main:running"), (3, "Running main:running+")],
            id="as a script says",
        ),
        pytest.param(
            pod(PROBED),
            {"never_ready": True},
            [(0, "Pending main:ContainerCreating"), (2, "Running main:running")],
            id="never ready",
        ),
        pytest.param(
            pod(spec_of("main", startupProbe={"initialDelaySeconds": 4}, readinessProbe={"initialDelaySeconds": 1})),
            {},
            [(0, "Pending main:ContainerCreating"), (2, "Running main:running"), (6, "Running main:running+")],
            id="startup comes first",
        ),
        pytest.param(
            pod(restartPolicy="Never"),
            {},
            [
                (0, "Pending main:ContainerCreating"),
                (2, "Running main:running+"),
                (7, "Succeeded main:Completed"),
            ],
            id="comes to its end",
        ),
        pytest.param(
            pod(restartPolicy="Never"),
            {"run": Span(3, 3), "exit_code": 3},
            [(0, "Pending main:ContainerCreating"), (2, "Running main:running+"), (5, "Failed main:Error")],
            id="fails",
        ),
        pytest.param(
            pod(initContainers=[spec_of("a"), spec_of("side", restartPolicy="Always"), spec_of("b")]),
            {"init": Span(1, 1)},
            [
                (0, "Pending a:PodInitializing side:PodInitializing b:PodInitializing main:PodInitializing"),
                (2, "Pending a:running side:PodInitializing b:PodInitializing main:PodInitializing"),
                (3, "Pending a:Completed+ side:running+ b:running main:PodInitializing"),
                (4, "Running a:Completed+ side:running+ b:Completed+ main:running+"),
            ],
            id="init containers in their order",
        ),
        pytest.param(
            pod(initContainers=[spec_of("side", restartPolicy="Always")], restartPolicy="Never"),
            {"stop": Span(1, 1)},
            [
                (0, "Pending side:PodInitializing main:PodInitializing"),
                (2, "Running side:running+ main:running+"),
                (7, "Succeeded side:running+ main:Completed"),
                (8, "Succeeded side:Error main:Completed"),
            ],
            id="a sidecar is stopped at the end",
        ),
        pytest.param(
            pod(activeDeadlineSeconds=4),
            {"stop": Span(1, 1)},
            [
                (0, "Pending main:ContainerCreating"),
                (2, "Running main:running+"),
                (4, "Failed main:running+"),
                (5, "Failed main:Error"),
            ],
            id="past its deadline",
        ),
        pytest.param(
            pod(),
            {"crashes": 3, "run": None},
            [
                (0, "Pending main:ContainerCreating"),
                (2, "Running main:running+"),
                (3, "Running main:running+"),  # the first restart is at once
                (4, "Running main:Error"),  # which shows for a second
                (5, "Running main:CrashLoopBackOff"),
                (14, "Running main:running+"),
                (15, "Running main:Error"),
                (16, "Running main:CrashLoopBackOff"),
                (35, "Running main:running+"),
            ],
            id="crashes, with upstream's waits",
        ),
    ],
)
def test_stages(subject: Object, script: dict[str, Any], expected: list[tuple[float, str]]) -> None:
    assert table(subject, **script) == expected


def test_what_a_running_pod_shows() -> None:
    *_, (_, moved) = steps(pod(), Script())
    status = moved.status
    assert (status["podIP"], status["hostIP"]) == ("10.9.0.1", "192.0.2.1")
    assert {one["type"]: one["status"] for one in status["conditions"]} == {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
        "PodScheduled": "True",
    }
    container = status["containerStatuses"][0]
    assert container["containerID"].startswith("containerd://") and container["restartCount"] == 0


def test_a_pod_in_the_hosts_network_has_the_nodes_address() -> None:
    *_, (_, moved) = steps(pod(hostNetwork=True), Script())
    assert moved.status["podIPs"] == [{"ip": "192.0.2.1"}]


# Deletion


def deleted(subject: Object, grace: int) -> Object:
    gone = {"deletionTimestamp": format_time(NOW), "deletionGracePeriodSeconds": grace}
    return subject | {"metadata": subject["metadata"] | gone}


def running() -> Object:
    *_, (_, moved) = steps(pod(), Script(start=Span(0, 0)))
    return pod(status=moved.status)


@pytest.mark.parametrize(
    ("stop", "grace", "seconds", "code"), [(1, 30, 1, 143), (60, 30, 30, 137), (0, 30, 0, 143), (5, 0, 0, 137)]
)
def test_a_deleted_pod_ends_within_its_grace_period(stop: float, grace: int, seconds: float, code: int) -> None:
    *_, (at, moved) = steps(deleted(running(), grace), Script(stop=Span(stop, stop)))
    assert (at, moved.gone, moved.status["phase"]) == (seconds, True, "Failed")
    assert moved.status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code


def test_a_shorter_grace_period_counts_from_when_it_began() -> None:
    motion = motion_of(deleted(running(), 600), NOW)
    script = place(Script(stop=Span(1000, 1000)))
    assert move(motion, script, NOW).wake_at == NOW + timedelta(seconds=600)
    motion.pod = deleted(motion.pod, 20)
    assert move(motion, script, NOW + timedelta(seconds=5)).wake_at == NOW + timedelta(seconds=20)


def test_a_pod_that_is_deleted_before_anything_ran_is_gone_at_once() -> None:
    (_, first), *_ = steps(pod(), Script(start=Span(60, 60)))
    (at, moved), *_ = steps(deleted(pod(status=first.status), 30), Script())
    assert (at, moved.gone, moved.status["phase"]) == (0, True, "Failed")


# What lies in the status


@pytest.mark.parametrize("remembers", [True, False], ids=["one process", "killed after every step"])
@pytest.mark.parametrize(
    "subject",
    [
        pod(),
        pod(PROBED),
        pod(restartPolicy="Never"),
        pod(initContainers=[spec_of("a"), spec_of("side", restartPolicy="Always")]),
        pod(initContainers=[spec_of("side", restartPolicy="Always")], restartPolicy="OnFailure"),
        pod(hostNetwork=True),
    ],
)
def test_a_server_that_was_killed_goes_on_where_it_was(subject: Object, remembers: bool) -> None:
    """And has nothing to write of what was as it should be."""
    delay = Span(1, 1) if remembers else Span(0, 0)  # what takes time begins anew with each process
    script = Script(start=delay, stop=delay)
    *_, (at, last) = steps(subject, script, remembers=remembers)
    settled, now = subject | {"status": last.status}, NOW + timedelta(seconds=at + 1000)
    assert last.status["phase"] in ("Running", "Succeeded")
    again = move(motion_of(settled, now), place(script), now)
    assert (again.status, again.wake_at, again.done) == (last.status, None, [])


def test_very_many_init_containers_are_gone_through_in_several_steps() -> None:
    many = pod(initContainers=[spec_of(f"i{number}") for number in range(150)])
    motion, script = motion_of(many, NOW), place(Script(start=Span(0, 0), init=Span(0, 0)))
    first = move(motion, script, NOW)
    assert (first.status["phase"], first.wake_at) == ("Pending", NOW)
    last = move(motion, script, NOW)
    assert (last.status["phase"], last.wake_at) == ("Running", None)


def test_a_changed_image_is_another_container() -> None:
    changed = running()
    changed["spec"] = changed["spec"] | {"containers": [spec_of("main") | {"image": "other"}]}
    *_, (at, moved) = steps(changed, Script(stop=Span(3, 3)))
    container = moved.status["containerStatuses"][0]
    assert (at, container["image"], container["restartCount"]) == (3, "other", 1)


WILD = st.none() | st.integers(-(2**31), 2**31 - 1)


@given(WILD, WILD, WILD, WILD, st.sampled_from(["", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "soon"]))
def test_numbers_at_their_extremes(
    delay: int | None, threshold: int | None, period: int | None, limit: int | None, started: str
) -> None:
    probe = {"initialDelaySeconds": delay, "successThreshold": threshold, "periodSeconds": period}
    subject = pod(spec_of("main", readinessProbe=probe, startupProbe=probe), terminationGracePeriodSeconds=limit)
    state = {"running": {"startedAt": started}}
    subject["status"] = {
        "conditions": [{"type": "PodReadyToStartContainers", "status": "True"}],
        "containerStatuses": [{"name": "main", "image": "img", "state": state, "ready": True, "lastState": {}}],
    }
    assert list(steps(subject, Script(run=Span(1e9, 1e9), start=Span(1e9, 1e9), ready=None), most=3))
