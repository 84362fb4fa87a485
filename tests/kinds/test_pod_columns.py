"""READY, STATUS and RESTARTS of pods in every state that people know by name."""

import pytest

from tests.kinds.write import cells, pod

RUNNING = {"running": {"startedAt": "2026-01-02T11:00:00Z"}}
NOW_DELETED = "2026-01-02T11:59:00Z"


def status(state, *, ready=False, restarts=0, last=None, name="main", **more):
    made = {"name": name, "state": state, "ready": ready, "restartCount": restarts, **more}
    return made | ({"lastState": {"terminated": {"finishedAt": last}}} if last else {})


def waiting(reason):
    return {"waiting": {"reason": reason}}


def terminated(**fields):
    return {"terminated": {"exitCode": 0, **fields}}


def condition(kind, value="True", reason=""):
    return {"type": kind, "status": value, "reason": reason}


TWO = [{"name": "main", "image": "a"}, {"name": "other", "image": "b"}]
INIT = [{"name": "i1", "image": "a"}, {"name": "i2", "image": "a"}]
SIDECAR = [{"name": "s", "image": "a", "restartPolicy": "Always"}]


@pytest.mark.parametrize(
    ("spec", "pod_status", "deleted", "printed"),
    [
        ({}, {"phase": "Pending"}, False, ["0/1", "Pending", "0"]),
        (
            {},
            {"phase": "Pending", "containerStatuses": [status(waiting("ContainerCreating"))]},
            False,
            ["0/1", "ContainerCreating", "0"],
        ),
        (
            {},
            {"phase": "Running", "containerStatuses": [status(RUNNING, ready=True)]},
            False,
            ["1/1", "Running", "0"],
        ),
        (
            {},
            {
                "phase": "Running",
                "containerStatuses": [status(waiting("CrashLoopBackOff"), restarts=3, last="2026-01-02T11:58:00Z")],
            },
            False,
            ["0/1", "CrashLoopBackOff", "3 (2m ago)"],
        ),
        (
            {},
            {"phase": "Succeeded", "containerStatuses": [status(terminated(reason="Completed"))]},
            False,
            ["0/1", "Completed", "0"],
        ),
        (
            {},
            {"phase": "Failed", "containerStatuses": [status(terminated(reason="Error", exitCode=1))]},
            False,
            ["0/1", "Error", "0"],
        ),
        (
            {},
            {"phase": "Failed", "containerStatuses": [status(terminated(exitCode=137))]},
            False,
            ["0/1", "ExitCode:137", "0"],
        ),
        (
            {},
            {"phase": "Failed", "containerStatuses": [status(terminated(exitCode=137, signal=9))]},
            False,
            ["0/1", "Signal:9", "0"],
        ),
        ({}, {"phase": "Failed", "reason": "Evicted"}, False, ["0/1", "Evicted", "0"]),
        (
            {"containers": TWO},
            {
                "phase": "Running",
                "containerStatuses": [
                    status(terminated(reason="Completed")),
                    status(RUNNING, ready=True, name="other"),
                ],
            },
            False,
            ["1/2", "NotReady", "0"],
        ),
        (
            {"containers": TWO},
            {
                "phase": "Running",
                "conditions": [condition("Ready")],
                "containerStatuses": [
                    status(terminated(reason="Completed")),
                    status(RUNNING, ready=True, name="other"),
                ],
            },
            False,
            ["1/2", "Running", "0"],
        ),
        (
            {"initContainers": INIT},
            {
                "phase": "Pending",
                "initContainerStatuses": [status(terminated(), name="i1"), status(RUNNING, name="i2")],
                "containerStatuses": [status(waiting("PodInitializing"))],
            },
            False,
            ["0/1", "Init:1/2", "0"],
        ),
        (
            {"initContainers": INIT},
            {"phase": "Pending", "initContainerStatuses": [status(terminated(exitCode=1, reason="Error"), name="i1")]},
            False,
            ["0/1", "Init:Error", "0"],
        ),
        (
            {"initContainers": INIT},
            {
                "phase": "Pending",
                "initContainerStatuses": [
                    status(waiting("CrashLoopBackOff"), name="i1", restarts=2, last="2026-01-02T11:59:30Z")
                ],
            },
            False,
            ["0/1", "Init:CrashLoopBackOff", "2 (30s ago)"],
        ),
        (
            {"initContainers": SIDECAR},
            {
                "phase": "Running",
                "initContainerStatuses": [status(RUNNING, ready=True, name="s", started=True, restarts=1)],
                "containerStatuses": [status(RUNNING, ready=True)],
            },
            False,
            ["2/2", "Running", "1"],
        ),
        (
            {},
            {"phase": "Running", "containerStatuses": [status(RUNNING, ready=True)]},
            True,
            ["1/1", "Terminating", "0"],
        ),
        ({}, {"phase": "Running", "reason": "NodeLost"}, True, ["0/1", "Unknown", "0"]),
        (
            {},
            {"phase": "Pending", "conditions": [condition("PodScheduled", "False", "SchedulingGated")]},
            False,
            ["0/1", "SchedulingGated", "0"],
        ),
    ],
)
def test_status(spec, pod_status, deleted, printed):
    manifest = pod(**spec) | {"status": pod_status}
    if deleted:
        manifest["metadata"]["deletionTimestamp"] = NOW_DELETED
    assert cells(manifest)[:3] == printed


def test_wide():
    manifest = pod(nodeName="n1", readinessGates=[{"conditionType": "a"}, {"conditionType": "b"}])
    manifest["metadata"]["creationTimestamp"] = "2026-01-01T12:00:00Z"
    manifest["status"] = {"podIPs": [{"ip": "10.244.0.5"}], "conditions": [condition("b")]}
    assert cells(manifest, wide=True)[3:] == ["24h", "10.244.0.5", "n1", "<none>", "1/2"]
