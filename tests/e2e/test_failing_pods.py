"""Pods that can't run: what the user sees of it is what upstream's documentation shows."""

import subprocess

import pytest

from tests.e2e.conftest import Kubectl, eventually, shell_pod

pytestmark = pytest.mark.node

ENDED = "jsonpath={.status.containerStatuses[0].state.terminated}"


def status(kubectl: Kubectl, name: str) -> str:
    """The STATUS column of a pod."""
    return kubectl("get", "pod", name, "--no-headers").split()[2]


def test_each_failure_has_its_name(kubectl: Kubectl) -> None:
    missing = shell_pod("missing", restartPolicy="Never")
    missing["spec"]["containers"][0]["command"] = ["no-such-program"]
    hungry = shell_pod("hungry", "tail -c 200m /dev/zero", restartPolicy="Never")
    hungry["spec"]["containers"][0]["resources"] = {"limits": {"memory": "30Mi"}}
    unset = shell_pod("unset")
    unset["spec"]["containers"][0]["env"] = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "a"}}}
    ]
    vain = shell_pod("vain")
    vain["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1000"}}
    kubectl.apply(
        missing, hungry, unset, vain, shell_pod("crash", "exit 3"), shell_pod("capitals", image="luksa/KUBIA")
    )
    wanted = {
        "missing": "StartError",
        "hungry": "OOMKilled",
        "unset": "CreateContainerConfigError",
        "vain": "Pending",
        "crash": "CrashLoopBackOff",
        "capitals": "InvalidImageName",
    }
    for name, text in wanted.items():
        eventually(lambda name=name, text=text: status(kubectl, name) == text, f"{name} is not {text}")
    assert '"exitCode":137' in kubectl("get", "pod", "hungry", "-o", ENDED)
    start = kubectl.json("get", "pod", "missing")["status"]
    ended = start["containerStatuses"][0]["state"]["terminated"]
    assert (start["phase"], ended["exitCode"], ended["startedAt"]) == ("Failed", 128, "1970-01-01T00:00:00Z")
    assert 'exec: "no-such-program": executable file not found in $PATH' in ended["message"]
    described = kubectl("describe", "pod", "capitals")
    assert "repository name (luksa/KUBIA) must be lowercase" in described
    assert "1 Insufficient cpu." in kubectl("describe", "pod", "vain")
    assert 'Error: configmap "none" not found' in kubectl("describe", "pod", "unset")


def test_short_lived_containers_are_noticed_at_once(kubectl: Kubectl) -> None:
    first = shell_pod("first", "echo done", restartPolicy="Never")
    staged = shell_pod("staged", initContainers=[shell_pod("x", "true")["spec"]["containers"][0] | {"name": "init"}])
    kubectl.apply(first, staged)
    eventually(lambda: status(kubectl, "first") == "Completed", "an end that nobody noticed", patience=20)
    eventually(lambda: status(kubectl, "staged") == "Running", "init containers that never ended", patience=20)
    found = kubectl.json("get", "pod", "staged")
    assert found["metadata"]["generation"] == 1
    assert {condition["observedGeneration"] for condition in found["status"]["conditions"]} == {1}


def test_hooks_frame_the_life_of_a_container(kubectl: Kubectl) -> None:
    says = {"exec": {"command": ["sh", "-c", "echo hook >/proc/1/fd/1"]}}
    script = "trap 'echo term; exit 0' TERM; while true; do sleep 0.1; done"
    polite = shell_pod("polite", script, terminationGracePeriodSeconds=20)
    polite["spec"]["containers"][0]["lifecycle"] = {"postStart": says, "preStop": says}
    kubectl.apply(polite)
    kubectl("wait", "--for=condition=Ready", "pod/polite", "--timeout=60s")
    with subprocess.Popen(kubectl.command("logs", "-f", "polite"), stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "hook\n"  # postStart's
        kubectl("delete", "pod", "polite")
        assert follower.stdout.read() == "hook\nterm\n"
