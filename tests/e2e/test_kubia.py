"""The first application of the notes, as printed there."""

import subprocess

import pytest

from tests.e2e.conftest import Kubectl, eventually, replication_controller, service, shell_pod

pytestmark = pytest.mark.node


def curl(url: str) -> str:
    """What the address answers, "" if nothing."""
    return subprocess.run(["curl", "-s", "-m", "3", url], capture_output=True, text=True, check=False).stdout


def test_a_load_balancer_spreads_requests_over_three_pods(kubectl: Kubectl) -> None:
    kubectl.apply(replication_controller("kubia"))
    assert kubectl("expose", "rc", "kubia", "--type=LoadBalancer", "--name", "kubia-http") == (
        "service/kubia-http exposed\n"
    )
    assert kubectl("scale", "rc", "kubia", "--replicas=3") == "replicationcontroller/kubia scaled\n"
    eventually(lambda: len(kubectl.ready_pods("app=kubia")) == 3, "three pods")

    row = kubectl("get", "svc", "kubia-http").splitlines()[1].split()
    assert row[0:2] == ["kubia-http", "LoadBalancer"]
    assert row[4].startswith("8080:3")
    answers: set[str] = set()

    def all_answered() -> bool:
        answers.add(curl(f"http://{row[3]}:8080"))
        return len(answers - {""}) == 3

    eventually(all_answered, "three different pods answering")
    assert answers - {""} == {f"You've hit {name}\n" for name in kubectl.names("pods")}

    wide = kubectl("get", "pods", "-o", "wide").splitlines()
    assert wide[0].split() == "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES".split()  # noqa: SIM905
    assert all(line.split()[1:4] == ["1/1", "Running", "0"] for line in wide[1:])


def test_a_pod_relabelled_out_of_scope_is_replaced(kubectl: Kubectl) -> None:
    kubectl.apply(replication_controller("kubia", replicas=2))
    first = eventually(lambda: len(p := kubectl.ready_pods("app=kubia")) == 2 and p, "two pods")
    kubectl("label", "pod", first[0], "app=foo", "--overwrite")
    eventually(lambda: len(kubectl.ready_pods("app=kubia")) == 2, "a replacement")
    moved = kubectl.json("get", "pod", first[0])
    assert "ownerReferences" not in moved["metadata"]
    assert first[0] in kubectl.names("pods")


def test_deleting_the_controller_with_orphan_leaves_its_pods(kubectl: Kubectl) -> None:
    kubectl.apply(replication_controller("kubia", replicas=2))
    pods = eventually(lambda: len(p := kubectl.ready_pods("app=kubia")) == 2 and p, "two pods")
    kubectl("delete", "rc", "kubia", "--cascade=orphan")
    assert sorted(kubectl.names("pods")) == sorted(pods)
    assert all("ownerReferences" not in pod["metadata"] for pod in kubectl.json("get", "pods")["items"])


def test_deleting_the_controller_deletes_its_pods(kubectl: Kubectl) -> None:
    kubectl.apply(replication_controller("kubia", replicas=1, image="busybox", command=["sleep", "1000"]))
    eventually(lambda: kubectl.ready_pods("app=kubia"), "a pod")
    kubectl("delete", "rc", "kubia")
    eventually(lambda: not kubectl.names("pods"), "pods to be collected")


def test_services_are_found_by_name_and_by_environment(kubectl: Kubectl) -> None:
    kubectl.apply(service("kubia", "kubia"), replication_controller("kubia"))
    pod = eventually(lambda: kubectl.ready_pods("app=kubia"), "a pod")[0]
    namespace, address = kubectl.namespace, kubectl.json("get", "svc", "kubia")["spec"]["clusterIP"]
    answer = f"You've hit {pod}\n"
    for host in (address, "kubia", f"kubia.{namespace}", f"kubia.{namespace}.svc.cluster.local"):
        url = f"http://{host}"
        eventually(lambda url=url: kubectl.run("exec", pod, "--", "curl", "-s", "-m", "3", url).stdout == answer, url)
    variables = kubectl("exec", pod, "--", "env").splitlines()
    assert f"KUBIA_SERVICE_HOST={address}" in variables
    assert "KUBIA_SERVICE_PORT=80" in variables
    assert f"KUBIA_PORT_80_TCP=tcp://{address}:80" in variables
    resolv = kubectl("exec", pod, "--", "cat", "/etc/resolv.conf")
    assert f"search {namespace}.svc.cluster.local svc.cluster.local cluster.local" in resolv
    assert "options ndots:5" in resolv


def test_a_node_port_and_an_external_name(kubectl: Kubectl) -> None:
    external = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "external-service"},
        "spec": {"type": "ExternalName", "externalName": "kubernetes.default.svc.cluster.local"},
    }
    kubectl.apply(replication_controller("kubia"), service("kubia-nodeport", "kubia", type="NodePort"), external)
    kubectl.apply(shell_pod("client"))
    eventually(lambda: kubectl.ready_pods("app=kubia"), "a pod")
    port = kubectl.json("get", "svc", "kubia-nodeport")["spec"]["ports"][0]["nodePort"]
    nodes = kubectl.json("get", "nodes")["items"]
    node = next(a["address"] for a in nodes[0]["status"]["addresses"] if a["type"] == "InternalIP")
    eventually(lambda: "You've hit kubia-" in curl(f"http://{node}:{port}"), "the node port answering")
    eventually(lambda: kubectl.ready_pods("app=client"), "the client pod")
    target = kubectl.json("get", "svc", "kubernetes", "-n", "default")["spec"]["clusterIP"]
    eventually(
        lambda: target in kubectl.run("exec", "client", "--", "nslookup", "external-service").stdout,
        "external-service resolving to the API's address",
    )
