"""The official Python client: create, watch, patch, exec into and delete a pod."""

import gc
from collections.abc import Iterator

import pytest
from kubernetes import client, config, stream, watch

from tests.e2e.conftest import Kubectl, shell_pod

pytestmark = [pytest.mark.node, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture
def core(kubectl: Kubectl) -> Iterator[client.CoreV1Api]:
    """The core API; what the client leaves open is closed here, where its warnings are ignored."""
    with config.new_client_from_config(kubectl.kubeconfig) as api:
        yield client.CoreV1Api(api)
        api.rest_client.pool_manager.clear()
    gc.collect()


def wait_until_running(core: client.CoreV1Api, namespace: str, since: str) -> list[str]:
    """The phases that a watch shows, up to Running."""
    phases = []
    watching = watch.Watch()
    for event in watching.stream(core.list_namespaced_pod, namespace, resource_version=since, timeout_seconds=90):
        phases.append(event["object"].status.phase)
        if phases[-1] == "Running":
            watching.stop()
    return phases


def test_a_pods_life(kubectl: Kubectl, core: client.CoreV1Api) -> None:
    created = core.create_namespaced_pod(kubectl.namespace, shell_pod("py"))
    assert wait_until_running(core, kubectl.namespace, created.metadata.resource_version)[-1] == "Running"
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
