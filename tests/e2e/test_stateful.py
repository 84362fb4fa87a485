"""Pods that keep their names, and pods that may not go all at once, as the notes' chapters on them have it."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import Kubectl, eventually, shell_pod

pytestmark = pytest.mark.node

FOREVER = "while true; do sleep 1; done"
LABELS = {"app": "kubia"}
READY = "jsonpath={.status.readyReplicas}"


def stateful_set(replicas: int, **spec: Any) -> dict[str, Any]:
    """In the version that the notes use, which had a selector by itself and updates by hand."""
    template = {"metadata": {"labels": LABELS}, "spec": shell_pod("kubia", FOREVER)["spec"]}
    return {
        "apiVersion": "apps/v1beta1",
        "kind": "StatefulSet",
        "metadata": {"name": "kubia"},
        "spec": {"serviceName": "kubia", "replicas": replicas, "template": template, **spec},
    }


def headless() -> dict[str, Any]:
    """The governing Service."""
    spec = {"clusterIP": "None", "selector": LABELS, "ports": [{"name": "http", "port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubia"}, "spec": spec}


def test_pods_keep_their_names(kubectl: Kubectl) -> None:
    kubectl.apply(headless(), stateful_set(2))
    eventually(lambda: kubectl("get", "sts", "kubia", "-o", READY) == "2", "the set never became ready")
    began = {
        pod["metadata"]["name"]: pod["metadata"]["creationTimestamp"]
        for pod in kubectl.json("get", "pods", "-l", "app=kubia")["items"]
    }
    assert sorted(began) == ["kubia-0", "kubia-1"] and began["kubia-0"] <= began["kubia-1"]
    assert kubectl("exec", "kubia-1", "--", "hostname").strip() == "kubia-1"
    name = f"kubia-0.kubia.{kubectl.namespace}.svc.cluster.local"
    address = kubectl("get", "pod", "kubia-0", "-o", "jsonpath={.status.podIP}")
    eventually(
        lambda: address in kubectl.run("exec", "kubia-1", "--", "nslookup", name).stdout, f"no address of {name}"
    )
    before = kubectl("get", "pod", "kubia-0", "-o", "jsonpath={.metadata.uid}")
    kubectl("delete", "pod", "kubia-0")
    eventually(lambda: "kubia-0" in kubectl.ready_pods("app=kubia"), "it did not come back")
    assert kubectl("get", "pod", "kubia-0", "-o", "jsonpath={.metadata.uid}") != before
    kubectl("scale", "statefulset", "kubia", "--replicas=1")
    eventually(lambda: kubectl.names("pods", "-l", "app=kubia") == ["kubia-0"], "the highest did not go")
    told = kubectl("describe", "statefulset", "kubia")
    assert "Create Pod kubia-0 in StatefulSet kubia successful" in told
    assert "Delete Pod kubia-1 in StatefulSet kubia successful" in told


def test_a_new_template_goes_out_from_the_highest_down(kubectl: Kubectl) -> None:
    kubectl.apply(headless(), stateful_set(2, updateStrategy={"type": "RollingUpdate"}))
    eventually(lambda: kubectl("get", "sts", "kubia", "-o", READY) == "2", "the set never became ready")
    kubectl("set", "env", "statefulset/kubia", "ROUND=2")
    done = kubectl("rollout", "status", "statefulset/kubia", "--timeout=60s")
    assert "complete" in done
    for pod in kubectl.json("get", "pods", "-l", "app=kubia")["items"]:
        assert {"name": "ROUND", "value": "2"} in pod["spec"]["containers"][0]["env"]
    assert kubectl("rollout", "history", "statefulset/kubia").count("<none>") == 2
    kubectl("rollout", "undo", "statefulset/kubia")
    kubectl("rollout", "status", "statefulset/kubia", "--timeout=60s")
    for pod in kubectl.json("get", "pods", "-l", "app=kubia")["items"]:
        assert not pod["spec"]["containers"][0].get("env")


def test_a_budget_holds_back_a_drain(kubectl: Kubectl) -> None:
    kubectl.apply(stateful_set(2, podManagementPolicy="Parallel"))
    kubectl("create", "pdb", "kubia-pdb", "--selector=app=kubia", "--min-available=2")
    eventually(lambda: kubectl("get", "sts", "kubia", "-o", READY) == "2", "the set never became ready")
    allowed = ("get", "pdb", "kubia-pdb", "-o", "jsonpath={.status.currentHealthy} {.status.disruptionsAllowed}")
    eventually(lambda: kubectl(*allowed) == "2 0", "the budget was not looked at")
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods/kubia-0/eviction"
    meta = {"name": "kubia-0", "namespace": kubectl.namespace}
    eviction = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta})
    refused = kubectl.fails("create", "--raw", path, "-f", "-", stdin=eviction)
    assert "Cannot evict pod as it would violate the pod's disruption budget." in refused
    kubectl("patch", "pdb", "kubia-pdb", "-p", '{"spec": {"minAvailable": 1}}')
    eventually(lambda: kubectl(*allowed) == "2 1", "the budget was not looked at again")
    kubectl("create", "--raw", path, "-f", "-", stdin=eviction)
    eventually(lambda: len(kubectl.ready_pods("app=kubia")) == 2, "the set did not make up for it")


def test_a_job_counts_a_pod_that_never_ran(kubectl: Kubectl) -> None:
    pod = shell_pod("never", restartPolicy="Never")["spec"]
    pod["containers"][0]["image"] = "registry.invalid/none:1"
    spec = {"podReplacementPolicy": "Failed", "template": {"spec": pod}}
    kubectl.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "never"}, "spec": spec})
    selector = ("pods", "-l", "job-name=never")
    (name,) = eventually(lambda: kubectl.names(*selector), "no pod was made")
    kubectl("delete", "pod", name)
    eventually(lambda: kubectl("get", "job", "never", "-o", "jsonpath={.status.failed}") == "1", "it was not counted")
    eventually(lambda: [n for n in kubectl.names(*selector) if n != name], "it was not replaced")
