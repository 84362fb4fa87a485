"""pod_status(): phases, container statuses and conditions."""

from typing import Any

import pytest

from sampan.kubelet.records import PodRuntime
from sampan.kubelet.status import Observation, pod_status
from sampan.kubelet.verdicts import Verdict
from sampan.machinery.meta import Object
from tests.kubelet.pods import NOW, pod, ran, runs, runtime, spec_of


def status_of(what: Object, has: PodRuntime, **more: Any) -> Object:
    return pod_status(Observation(what, has, NOW, "192.0.2.1", **more))


def condition(status: Object, type_: str) -> tuple[str, str, str]:
    found = next(c for c in status["conditions"] if c["type"] == type_)
    return found["status"], found.get("reason", ""), found.get("message", "")


@pytest.mark.parametrize(
    ("policy", "has", "phase"),
    [
        ("Always", [], "Pending"),
        ("Always", [runs()], "Running"),
        ("Always", [ran()], "Running"),
        ("Never", [ran()], "Succeeded"),
        ("Never", [ran(code=1)], "Failed"),
        ("OnFailure", [ran(code=1)], "Running"),
        ("OnFailure", [ran()], "Succeeded"),
    ],
)
def test_phases(policy: str, has: list, phase: str) -> None:
    assert status_of(pod(restartPolicy=policy), runtime(*has))["phase"] == phase


def test_one_that_waits_keeps_the_pod_pending() -> None:
    both = pod(spec_of("a"), spec_of("b"))
    assert status_of(both, runtime(runs("a")))["phase"] == "Pending"
    assert status_of(both, runtime(runs("a"), ran("b", code=1)))["phase"] == "Running"


@pytest.mark.parametrize(
    ("has", "phase", "exit_code"), [([], "Failed", 137), ([ran(code=1)], "Failed", 1), ([ran()], "Succeeded", 0)]
)
def test_what_is_over_has_a_final_phase(has: list, phase: str, exit_code: int) -> None:
    """Also where nothing ever ran: who counts how pods end, a Job, would wait for ever."""
    status = status_of(pod(restartPolicy="Always"), runtime(*has), over=True)
    assert status["phase"] == phase
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == exit_code


def test_a_final_phase_stays() -> None:
    assert status_of(pod(status={"phase": "Failed"}), runtime(runs()))["phase"] == "Failed"


def test_a_verdict_of_the_kubelet_fails_the_pod() -> None:
    status = status_of(pod(), runtime(runs()), verdict=("DeadlineExceeded", "too long"))
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "DeadlineExceeded", "too long")


def test_a_running_pod() -> None:
    status = status_of(pod(), runtime(runs()))
    assert (status["podIP"], status["podIPs"], status["hostIP"]) == ("10.1.0.5", [{"ip": "10.1.0.5"}], "192.0.2.1")
    assert status["startTime"] == "2026-11-23T12:00:00Z"
    container = status["containerStatuses"][0]
    assert container["state"] == {"running": {"startedAt": "2026-11-23T11:59:00Z"}}
    assert (container["ready"], container["started"], container["restartCount"]) == (True, True, 0)
    assert condition(status, "Ready") == ("True", "", "")
    assert condition(status, "PodScheduled") == ("True", "", "")
    assert all(c["observedGeneration"] == 1 for c in status["conditions"])


def test_conditions_follow_the_generation_and_keep_their_times() -> None:
    bound = {"type": "PodScheduled", "status": "True", "observedGeneration": 1, "lastTransitionTime": "2026-01-01"}
    changed = pod(status={"conditions": [bound]})
    changed["metadata"]["generation"] = 2
    status = status_of(changed, runtime(runs()))
    assert {c["observedGeneration"] for c in status["conditions"]} == {2}
    assert status["conditions"][-1]["lastTransitionTime"] == "2026-01-01"


def test_what_could_not_start_and_may_not_again_has_ended() -> None:
    has = runtime(ran(code=128, reason="StartError", started=None))
    waiting = {"main": ("RunContainerError", "no such program")}
    assert status_of(pod(), has, waiting=waiting)["containerStatuses"][0]["state"]["waiting"]
    status = status_of(pod(restartPolicy="Never"), has, waiting=waiting)
    assert status["phase"] == "Failed"
    ended = status["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["startedAt"]) == ("StartError", "1970-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("policy", "phase", "where", "count"), [("Always", "Running", "lastState", 3), ("Never", "Failed", "state", 2)]
)
def test_a_container_that_the_runtime_has_lost_has_ended(policy: str, phase: str, where: str, count: int) -> None:
    before = status_of(pod(restartPolicy=policy), runtime(runs(count=2)))
    status = status_of(pod(restartPolicy=policy, status=before), PodRuntime())
    container = status["containerStatuses"][0]
    assert (status["phase"], container["restartCount"]) == (phase, count)
    assert container[where]["terminated"]["reason"] == "ContainerStatusUnknown"
    again = status_of(pod(restartPolicy=policy, status=status), PodRuntime())["containerStatuses"][0]
    assert (again["restartCount"], again[where]) == (count, container[where])


def test_a_pod_without_sandbox() -> None:
    status = status_of(pod(), PodRuntime())
    assert "podIP" not in status
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert condition(status, "PodReadyToStartContainers")[0] == "False"
    unready = ("False", "ContainersNotReady", "containers with unready status: [main]")
    assert condition(status, "Ready") == condition(status, "ContainersReady") == unready


def test_a_pod_on_the_hosts_network_has_its_address() -> None:
    assert status_of(pod(hostNetwork=True), PodRuntime())["podIP"] == "192.0.2.1"


def test_a_crash_loop_shows_the_wait_and_the_last_end() -> None:
    waiting = {"main": ("CrashLoopBackOff", "back-off 10s")}
    container = status_of(pod(), runtime(ran(code=2, count=1)), waiting=waiting)["containerStatuses"][0]
    assert container["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    assert container["lastState"]["terminated"]["exitCode"] == 2
    assert (container["restartCount"], container["ready"], container["started"]) == (1, False, False)


def test_a_back_off_shows_until_the_next_start() -> None:
    waiting = {"main": ("CrashLoopBackOff", "back-off 10s")}
    before = status_of(pod(), runtime(ran(code=2, count=1)), waiting=waiting)
    after = status_of(pod(status=before), runtime(ran(code=2, count=1)))["containerStatuses"][0]
    assert after == before["containerStatuses"][0]
    another = status_of(pod(status=before), runtime(ran(code=2, count=2)))["containerStatuses"][0]
    assert another["state"]["terminated"]["exitCode"] == 2


def test_an_end_by_itself_is_the_state_and_the_one_before_the_last_state() -> None:
    container = status_of(pod(), runtime(ran(code=2, count=1), ran(code=1)))["containerStatuses"][0]
    assert container["state"]["terminated"] | {"startedAt": "", "finishedAt": ""} == {
        "exitCode": 2,
        "reason": "Error",
        "startedAt": "",
        "finishedAt": "",
        "containerID": "containerd://main-1",
    }
    assert container["lastState"]["terminated"]["exitCode"] == 1


def test_probes_decide_started_and_ready() -> None:
    probed = pod(spec_of("main", readinessProbe={"exec": {}}, startupProbe={"exec": {}}))
    for verdict, started, ready in [
        (Verdict(), False, False),
        (Verdict(started=True), True, False),
        (Verdict(started=True, ready=False), True, False),
        (Verdict(started=True, ready=True), True, True),
    ]:
        container = status_of(probed, runtime(runs()), verdicts={"main-0": verdict})["containerStatuses"][0]
        assert (container["started"], container["ready"]) == (started, ready)


def test_init_containers_hold_the_pod() -> None:
    inits = pod(initContainers=[spec_of("first")])
    status = status_of(inits, runtime(runs("first")))
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    message = "containers with incomplete status: [first]"
    assert condition(status, "Initialized") == ("False", "ContainersNotInitialized", message)
    done = status_of(inits, runtime(ran("first"), runs()))
    assert (done["phase"], done["initContainerStatuses"][0]["ready"]) == ("Running", True)
    failed = status_of(pod(initContainers=[spec_of("first")], restartPolicy="Never"), runtime(ran("first", code=1)))
    assert failed["phase"] == "Failed"


def test_a_sidecar_counts_for_readiness() -> None:
    sidecar = spec_of("side", restartPolicy="Always", readinessProbe={"exec": {}})
    status = status_of(pod(initContainers=[sidecar]), runtime(runs("side"), runs()))
    assert condition(status, "ContainersReady")[2] == "containers with unready status: [side]"


def test_a_succeeded_pod_is_not_ready_because_it_is_done() -> None:
    status = status_of(pod(restartPolicy="Never"), runtime(ran()))
    assert condition(status, "Ready") == ("False", "PodCompleted", "")
    assert condition(status, "Initialized") == ("True", "PodCompleted", "")


def test_readiness_gates_are_asked() -> None:
    gated = pod(readinessGates=[{"conditionType": "a/b"}])
    message = 'corresponding condition of pod readiness gate "a/b" does not exist.'
    assert condition(status_of(gated, runtime(runs())), "Ready") == ("False", "ReadinessGatesNotReady", message)
    open_ = gated | {"status": {"conditions": [{"type": "a/b", "status": "True"}]}}
    status = status_of(open_, runtime(runs()))
    assert condition(status, "Ready")[0] == "True"
    assert {"type": "a/b", "status": "True"} in status["conditions"]


def test_a_transition_keeps_its_time_until_the_next() -> None:
    first = status_of(pod(), runtime(runs()))
    old = [c | {"lastTransitionTime": "2020-01-01T00:00:00Z"} for c in first["conditions"]]
    again = status_of(pod(status=first | {"conditions": old}), runtime(runs()))
    assert {c["lastTransitionTime"] for c in again["conditions"]} == {"2020-01-01T00:00:00Z"}


def test_what_the_runtime_has_forgotten_the_api_remembers() -> None:
    done = status_of(pod(restartPolicy="Never"), runtime(ran()))
    again = status_of(pod(restartPolicy="Never", status=done), PodRuntime())
    assert again["containerStatuses"] == done["containerStatuses"]


def test_resources_are_told_claims_for_devices_among_them() -> None:
    resources = {"requests": {"cpu": "1"}, "limits": {}, "claims": [{"name": "gpu"}]}
    [told] = status_of(pod(spec_of("a", resources=resources)), runtime(runs("a")))["containerStatuses"]
    assert told["resources"] == {"requests": {"cpu": "1"}, "claims": [{"name": "gpu"}]}
    assert told["allocatedResources"] == {"cpu": "1"}
