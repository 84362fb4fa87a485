"""The real kubectl against the cluster: what it prints for each verb is what upstream's documentation shows."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Kubectl, eventually, replication_controller, service, shell_pod

pytestmark = pytest.mark.node


def deployment(name: str, replicas: int = 2, image: str = "busybox") -> dict[str, object]:
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "3600"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
            },
        },
    }


def test_cluster_info_and_discovery(kubectl: Kubectl) -> None:
    info = re.sub(r"\x1b\[[0-9;]*m", "", kubectl("cluster-info"))
    assert info.startswith("Kubernetes control plane is running at https://127.0.0.1:")
    assert "To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'." in info
    resources = kubectl("api-resources").splitlines()
    assert resources[0].split() == ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
    rows = {tuple(line.split()) for line in resources[1:]}
    assert ("replicationcontrollers", "rc", "v1", "true", "ReplicationController") in rows
    assert ("deployments", "deploy", "apps/v1", "true", "Deployment") in rows
    assert {"v1", "apps/v1", "extensions/v1beta1", "rbac.authorization.k8s.io/v1"} <= set(
        kubectl("api-versions").split()
    )
    version = kubectl.json("version")["serverVersion"]
    assert (version["major"], version["minor"]) == ("1", "37")


def test_explain(kubectl: Kubectl) -> None:
    kubectl.needs(27)
    pods = kubectl("explain", "pods")
    assert re.search(r"^KIND:\s+Pod\nVERSION:\s+v1\n", pods)
    assert "Pod is a collection of containers" in pods
    containers = kubectl("explain", "pod.spec.containers")
    assert re.search(r"^FIELD: containers <\[\]Container>", containers, re.M)
    assert re.search(r"^  image\t<string>", containers, re.M)
    assert re.search(r"-required-", containers)
    assert 'field "nonsense" does not exist' in kubectl.fails("explain", "pod.nonsense")


def test_get_prints_every_form(kubectl: Kubectl) -> None:
    kubectl.apply(shell_pod("one"))
    eventually(lambda: kubectl.ready_pods("app=one"), "the pod")
    assert kubectl("get", "po").splitlines()[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert kubectl("get", "po", "-o", "name") == "pod/one\n"
    assert kubectl("get", "po", "one", "-o", "jsonpath={.status.phase}") == "Running"
    assert kubectl("get", "po", "-o", "custom-columns=N:.metadata.name", "--no-headers") == "one\n"
    assert kubectl("get", "po", "one", "-o", "go-template={{.kind}}") == "Pod"
    assert kubectl("get", "po", "--show-labels").splitlines()[1].endswith("app=one")
    assert kubectl("get", "po", "-L", "app").splitlines()[1].endswith("one")
    assert kubectl("get", "po", "-l", "!app").strip() == ""
    assert kubectl("get", "po", "-l", "app in (one,two)", "-o", "name") == "pod/one\n"
    assert kubectl("get", "po", "--field-selector", "status.phase!=Running", "-o", "name") == ""
    assert "kind: Pod\n" in kubectl("get", "po", "one", "-o", "yaml")
    assert kubectl.fails("get", "po", "none") == 'Error from server (NotFound): pods "none" not found\n'
    assert "the server doesn't have a resource type" in kubectl.fails("get", "nonsense")


def test_create_apply_edit_and_delete(kubectl: Kubectl, tmp_path: Path) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    file = tmp_path / "c.json"
    file.write_text(json.dumps(manifest))
    assert kubectl("create", "-f", str(file)) == "configmap/c created\n"
    assert kubectl.fails("create", "-f", str(file)) == (
        f'Error from server (AlreadyExists): error when creating "{file}": configmaps "c" already exists\n'
    )
    assert kubectl("apply", "-f", str(file)) == "configmap/c configured\n"
    assert kubectl("apply", "-f", str(file)) == "configmap/c unchanged\n"
    editor = {"KUBE_EDITOR": "sed -i 's/^  a: .*/  a: edited/'"}
    assert kubectl("edit", "configmap", "c", env=editor) == "configmap/c edited\n"
    assert kubectl.json("get", "cm", "c")["data"] == {"a": "edited"}
    assert kubectl("apply", "-f", str(file)) == "configmap/c configured\n"
    assert kubectl("diff", "-f", str(file)) == ""
    assert kubectl("delete", "-f", str(file)).startswith('configmap "c" deleted')
    assert kubectl.fails("delete", "cm", "c") == 'Error from server (NotFound): configmaps "c" not found\n'


def test_label_annotate_and_patch(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "c", "--from-literal=a=1")
    assert kubectl("label", "cm", "c", "env=prod") == "configmap/c labeled\n"
    assert "--overwrite is false" in kubectl.fails("label", "cm", "c", "env=debug")
    assert kubectl("label", "cm", "c", "env=debug", "--overwrite") == "configmap/c labeled\n"
    assert kubectl("label", "cm", "c", "env-") in ("configmap/c unlabeled\n", "configmap/c labeled\n")  # since 1.21
    assert kubectl("annotate", "cm", "c", "note=x") == "configmap/c annotated\n"
    assert kubectl("patch", "cm", "c", "-p", '{"data":{"b":"2"}}') == "configmap/c patched\n"
    assert kubectl("patch", "cm", "c", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]')
    assert kubectl("patch", "cm", "c", "--type=merge", "-p", '{"data":{"b":null,"d":"4"}}')
    found = kubectl.json("get", "cm", "c")
    assert found["data"] == {"d": "4"}
    assert found["metadata"]["annotations"] == {"note": "x"}


def test_a_deployment_rolls_out_back_and_on(kubectl: Kubectl) -> None:
    kubectl.apply(deployment("web"))
    done = 'deployment "web" successfully rolled out\n'
    assert kubectl("rollout", "status", "deployment/web").endswith(done)
    assert kubectl("set", "image", "deployment/web", "main=busybox:latest") == "deployment.apps/web image updated\n"
    assert kubectl("rollout", "status", "deployment/web").endswith(done)
    history = kubectl("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["1", "2"]
    assert kubectl("rollout", "undo", "deployment/web") == "deployment.apps/web rolled back\n"
    assert kubectl("rollout", "status", "deployment/web").endswith(done)
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert kubectl("get", "deployment", "web", "-o", image) == "busybox"
    row = eventually(
        lambda: (r := kubectl("get", "deploy", "web", "--no-headers").split())[1] == "2/2" and r, "two ready replicas"
    )
    assert row[0:4] == ["web", "2/2", "2", "2"]
    described = kubectl("describe", "deployment", "web")
    assert "StrategyType:           RollingUpdate" in described
    assert "Scaled up replica set web-" in described


def test_a_deployment_of_2017_works_as_written(kubectl: Kubectl) -> None:
    old = deployment("legacy", replicas=1)
    old["apiVersion"] = "extensions/v1beta1"
    del old["spec"]["selector"]  # type: ignore[attr-defined]
    done = kubectl.run("create", "-f", "-", stdin=json.dumps(old))
    assert done.returncode == 0, done.stderr
    assert "extensions/v1beta1 Deployment was removed from Kubernetes in 1.16; served by Sampan" in done.stderr
    found = kubectl.json("get", "deployments.v1beta1.extensions", "legacy")
    assert found["apiVersion"] == "extensions/v1beta1"
    assert found["spec"]["selector"] == {"matchLabels": {"app": "legacy"}}
    assert found["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 1}
    assert kubectl.json("get", "deployments.v1.apps", "legacy")["apiVersion"] == "apps/v1"
    assert kubectl("rollout", "status", "deployment/legacy").endswith("successfully rolled out\n")


def test_exec_logs_attach_and_cp(kubectl: Kubectl, tmp_path: Path) -> None:
    script = "echo first; echo second >&2; while true; do echo tick; sleep 1; done"
    kubectl.apply(shell_pod("talker", script))
    eventually(lambda: kubectl.ready_pods("app=talker"), "the pod")
    eventually(lambda: {"first", "second", "tick"} <= set(kubectl("logs", "talker").splitlines()), "all that was said")
    assert len(kubectl("logs", "talker", "--tail=1").splitlines()) == 1
    assert kubectl("exec", "talker", "--", "hostname") == "talker\n"
    assert kubectl("exec", "-i", "talker", "--", "cat", stdin="through stdin\n") == "through stdin\n"
    failed = kubectl.run("exec", "talker", "--", "sh", "-c", "exit 7")
    assert failed.returncode == 7
    assert "command terminated with exit code 7" in failed.stderr
    # -t needs a terminal on our side: script(1) is one
    typed = subprocess.run(
        ["script", "-qec", " ".join(kubectl.command("exec", "-it", "talker", "--", "tty")), "/dev/null"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "/dev/pts/" in typed.stdout
    attached = subprocess.Popen(kubectl.command("attach", "talker"), stdout=subprocess.PIPE, text=True)
    assert attached.stdout is not None
    try:
        assert attached.stdout.readline() == "tick\n"
    finally:
        attached.kill()
        attached.communicate()
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(bytes(range(256)) * 1000)
    kubectl("cp", str(there), "talker:/tmp/there")
    kubectl("cp", "talker:/tmp/there", str(back))
    assert back.read_bytes() == there.read_bytes()


def test_port_forward(kubectl: Kubectl) -> None:
    kubectl.apply(replication_controller("kubia"))
    pod = eventually(lambda: kubectl.ready_pods("app=kubia"), "the pod")[0]
    # without a probe the pod is ready before its server listens, and kubectl gives up at the first refusal
    look = ("exec", pod, "--", "curl", "-s", "http://localhost:8080")
    eventually(lambda: kubectl.run(*look).returncode == 0, "the application listening")
    with subprocess.Popen(
        kubectl.command("port-forward", pod, ":8080"), stdout=subprocess.PIPE, text=True
    ) as forwarding:
        assert forwarding.stdout is not None
        try:
            answer = f"You've hit {pod}\n".encode()
            port = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> 8080", forwarding.stdout.readline())
            assert port
            command = ["curl", "-s", "-m", "5", f"http://127.0.0.1:{port[1]}"]
            for _ in range(3):
                assert subprocess.run(command, capture_output=True, check=False).stdout == answer
        finally:
            forwarding.kill()


def test_wait_describe_and_autoscale(kubectl: Kubectl) -> None:
    kubectl.apply(shell_pod("one"), service("one", "one"))
    assert kubectl("wait", "--for=condition=Ready", "pod/one", "--timeout=60s") == "pod/one condition met\n"
    described = kubectl("describe", "pod", "one")
    for part in ("Successfully assigned", "Created container: main", "Started container main", "QoS Class:"):
        assert part in described
    assert "Selector:" in kubectl("describe", "service", "one")
    assert "Allocated resources:" in kubectl("describe", "node")
    assert kubectl("delete", "pod", "one", "--wait=true").startswith('pod "one" deleted')
    assert kubectl.fails("autoscale", "rc", "none", "--max=3").startswith("Error from server (NotFound)")


def test_auth_can_i(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    user = f"system:serviceaccount:{kubectl.namespace}:default"
    account = f"--as={user}"
    refused = kubectl.run("auth", "can-i", "list", "secrets", account)
    assert (refused.stdout, refused.returncode) == ("no\n", 1)
    kubectl("create", "rolebinding", "viewers", "--clusterrole=view", f"--serviceaccount={kubectl.namespace}:default")
    eventually(lambda: kubectl.run("auth", "can-i", "list", "pods", account).stdout == "yes\n", "the binding")
    assert kubectl.run("auth", "can-i", "list", "secrets", account).stdout == "no\n"
    error = kubectl.fails("get", "secrets", account)
    assert error == (
        f'Error from server (Forbidden): secrets is forbidden: User "{user}" '
        f'cannot list resource "secrets" in API group "" in the namespace "{kubectl.namespace}"\n'
    )


def test_bad_manifests_get_the_errors_that_upstream_gives(kubectl: Kubectl) -> None:
    pod = shell_pod("Bad_Name")
    assert 'The Pod "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name":' in kubectl.fails(
        "create", "-f", "-", stdin=json.dumps(pod)
    )
    unknown = shell_pod("x")
    unknown["spec"]["nonsense"] = 1
    refused = kubectl.fails("create", "-f", "-", stdin=json.dumps(unknown))
    by_client = 'ValidationError(Pod.spec): unknown field "nonsense" in io.k8s.api.core.v1.PodSpec'  # until 1.24
    assert 'strict decoding error: unknown field "spec.nonsense"' in refused or by_client in refused
    mismatch = replication_controller("r")
    mismatch["spec"]["selector"] = {"app": "other"}
    assert "`selector` does not match template `labels`" in kubectl.fails(
        "create", "-f", "-", stdin=json.dumps(mismatch)
    )
