"""The official Python client: create, watch, patch, exec into and delete a pod."""

import pytest
from kubernetes import client, config, stream, watch

from tests.e2e.conftest import Kubectl, shell_pod

pytestmark = [pytest.mark.node, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def test_a_pods_life(kubectl: Kubectl) -> None:
    config.load_kube_config(kubectl.kubeconfig)
    core = client.CoreV1Api()
    created = core.create_namespaced_pod(kubectl.namespace, shell_pod("py"))
    phases = []
    for event in watch.Watch().stream(
        core.list_namespaced_pod,
        kubectl.namespace,
        resource_version=created.metadata.resource_version,
        timeout_seconds=90,
    ):
        phases.append(event["object"].status.phase)
        if phases[-1] == "Running":
            break
    assert phases[-1] == "Running"
    patched = core.patch_namespaced_pod("py", kubectl.namespace, {"metadata": {"labels": {"patched": "yes"}}})
    assert patched.metadata.labels == {"app": "py", "patched": "yes"}
    said = stream.stream(
        core.connect_get_namespaced_pod_exec,
        "py",
        kubectl.namespace,
        command=["sh", "-c", "echo hello from $(hostname)"],
        stdout=True,
        stderr=True,
    )
    assert said == "hello from py\n"
    core.delete_namespaced_pod("py", kubectl.namespace, grace_period_seconds=0)
    with pytest.raises(client.ApiException) as missing:
        core.read_namespaced_pod("py", kubectl.namespace)
    assert missing.value.status == 404
