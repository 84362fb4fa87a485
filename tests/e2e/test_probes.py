"""Probes on real containers."""

import pytest

from tests.e2e.conftest import Kubectl, eventually, replication_controller, service, shell_pod

pytestmark = pytest.mark.node


def test_a_failing_liveness_probe_restarts_the_container_and_keeps_its_last_words(kubectl: Kubectl) -> None:
    pod = shell_pod("alive", "echo last words of $(cat /proc/uptime); touch /tmp/up; sleep 1; rm /tmp/up; sleep 1000")
    pod["spec"]["containers"][0]["livenessProbe"] = {
        "exec": {"command": ["cat", "/tmp/up"]},
        "periodSeconds": 1,
        "failureThreshold": 2,
        "initialDelaySeconds": 1,
    }
    kubectl.apply(pod)

    def restarted() -> bool:
        statuses = kubectl.json("get", "pod", "alive")["status"].get("containerStatuses", [{}])
        return statuses[0].get("restartCount", 0) >= 1 and "running" in statuses[0]["state"]

    eventually(restarted, "a restart")
    previous, current = kubectl("logs", "alive", "--previous"), kubectl("logs", "alive")
    assert previous.startswith("last words of ")
    assert previous != current
    described = kubectl("describe", "pod", "alive")
    assert "Liveness probe failed" in described
    assert "Container main failed liveness probe, will be restarted" in described


def test_a_pod_joins_its_service_when_its_readiness_probe_succeeds(kubectl: Kubectl) -> None:
    probe = {"exec": {"command": ["ls", "/var/ready"]}, "periodSeconds": 1}
    kubectl.apply(
        replication_controller("kubia", image="busybox", command=["sleep", "1000"], readinessProbe=probe),
        service("kubia", "kubia"),
    )
    running = eventually(
        lambda: [p for p in kubectl.json("get", "pods")["items"] if p["status"]["phase"] == "Running"], "a running pod"
    )
    name = running[0]["metadata"]["name"]
    assert kubectl("get", "po", name, "--no-headers").split()[1] == "0/1"
    assert kubectl.json("get", "endpoints", "kubia").get("subsets", [{}])[0].get("addresses") is None
    kubectl("exec", name, "--", "touch", "/var/ready")
    eventually(
        lambda: kubectl.json("get", "endpoints", "kubia").get("subsets", [{}])[0].get("addresses"), "a ready address"
    )
    assert kubectl("get", "po", name, "--no-headers").split()[1] == "1/1"
