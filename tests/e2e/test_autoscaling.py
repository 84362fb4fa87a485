"""What nodes and pods use, and an autoscaler that goes by it: without any add-on."""

from typing import Any

import pytest

from tests.e2e.conftest import Kubectl, eventually, shell_pod

pytestmark = pytest.mark.node

BUSY = "while true; do :; done"


def deployment(name: str, script: str) -> dict[str, Any]:
    """One pod that asks for a twentieth of a core, and is limited to a tenth."""
    spec = shell_pod(name, script)["spec"]
    spec["containers"][0]["resources"] = {"requests": {"cpu": "50m"}, "limits": {"cpu": "100m"}}
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def test_top(kubectl: Kubectl) -> None:
    kubectl.apply(shell_pod("idle"))
    nodes = eventually(lambda: kubectl.run("top", "nodes", "--no-headers").stdout.split(), "no figures of the node")
    assert nodes[0] == kubectl.config.name and nodes[1].endswith("m") and nodes[3].endswith("Mi")
    pods = eventually(lambda: kubectl.run("top", "pods", "--containers", "--no-headers").stdout.split(), "no figures")
    assert pods[:2] == ["idle", "main"] and pods[2].endswith("m") and pods[3].endswith("Mi")
    assert "idle" in kubectl("get", "pods.metrics.k8s.io")
    assert 'podmetrics.metrics.k8s.io "' in kubectl.fails("get", "pods.metrics.k8s.io", "gone")


def test_more_pods_where_one_is_busy(kubectl: Kubectl) -> None:
    kubectl.apply(deployment("busy", BUSY))
    kubectl("autoscale", "deployment", "busy", "--min=1", "--max=3", "--cpu-percent=50")
    ready = eventually(lambda: len(kubectl.ready_pods("app=busy")) == 3, "it never became more", patience=180)
    assert ready
    scaler = kubectl.json("get", "hpa", "busy")
    assert scaler["status"]["desiredReplicas"] == 3
    assert "SuccessfulRescale" in kubectl("get", "events")
