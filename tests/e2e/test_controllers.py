"""The notes' chapters on ReplicationControllers, ReplicaSets and DaemonSets, as they are typed there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.place import Place
from tests.e2e import notes
from tests.e2e.conftest import Kubectl, eventually, replication_controller, shell_pod

pytestmark = pytest.mark.node

FOREVER = "while true; do sleep 1; done"


def counts(kubectl: Kubectl, kind: str) -> list[int]:
    """DESIRED, CURRENT and READY, as `kubectl get` has them."""
    header, row = (line.split() for line in kubectl("get", kind).splitlines())
    assert header[:4] == ["NAME", "DESIRED", "CURRENT", "READY"]
    return [int(number) for number in row[1:4]]


# ReplicationControllers


def test_a_label_that_nobody_selects_by_changes_nothing(kubectl: Kubectl) -> None:
    kubectl.apply(replication_controller("kubia", replicas=2))
    first, _ = eventually(lambda: len(p := kubectl.ready_pods("app=kubia")) == 2 and p, "two pods")
    assert kubectl("label", "pod", first, "type=special") == f"pod/{first} labeled\n"
    shown = kubectl("get", "pods", "--show-labels")
    assert f"{first} " in shown and "app=kubia,type=special" in shown
    assert counts(kubectl, "rc") == [2, 2, 2]
    assert "app=foo" not in shown
    kubectl("label", "pod", first, "app=foo", "--overwrite")
    pods = eventually(lambda: len(p := kubectl.ready_pods("app=kubia")) == 2 and p, "a replacement")
    assert first not in pods
    row = next(line for line in kubectl("get", "pods", "-L", "app").splitlines() if line.startswith(first))
    assert row.split()[-1] == "foo"


def test_the_template_and_the_number_of_pods_are_edited(kubectl: Kubectl) -> None:
    """A new template is for new pods; the editor is $KUBE_EDITOR."""
    kubectl.apply(replication_controller("kubia", replicas=3))
    before = eventually(lambda: len(p := kubectl.ready_pods("app=kubia")) == 3 and p, "three pods")
    edit = {"KUBE_EDITOR": "sed -i 's/^        app: kubia$/        app: kubia\\n        round: \"2\"/'"}
    assert kubectl("edit", "rc", "kubia", env=edit) == "replicationcontroller/kubia edited\n"
    assert kubectl("edit", "rc", "kubia", env={"KUBE_EDITOR": "sed -i 's/^  replicas: 3$/  replicas: 4/'"})
    pods = eventually(lambda: len(p := kubectl.ready_pods("app=kubia")) == 4 and p, "a fourth pod")
    assert set(before) < set(pods)
    assert kubectl.names("pods", "-l", "round=2") == sorted(set(pods) - set(before))
    assert kubectl("scale", "rc", "kubia", "--replicas=10") == "replicationcontroller/kubia scaled\n"
    eventually(lambda: counts(kubectl, "rc") == [10, 10, 10], "ten pods")
    kubectl("scale", "rc", "kubia", "--replicas=3")
    eventually(lambda: counts(kubectl, "rc") == [3, 3, 3], "three pods")


def test_pods_are_kept_without_their_controller_and_taken_over(kubectl: Kubectl) -> None:
    """`--cascade=false` as the notes have it, which kubectl still takes, with a warning."""
    kubectl.apply(replication_controller("kubia", replicas=3))
    pods = eventually(lambda: len(p := kubectl.ready_pods("app=kubia")) == 3 and sorted(p), "three pods")
    done = kubectl.run("delete", "rc", "kubia", "--cascade=false")
    assert 'replicationcontroller "kubia" deleted' in done.stdout, done.stderr
    eventually(lambda: sorted(kubectl.ready_pods("app=kubia")) == pods, "its pods")
    assert not [p for p in kubectl.json("get", "pods")["items"] if "ownerReferences" in p["metadata"]]
    warning = kubectl.run("create", "-f", "-", stdin=notes.REPLICA_SET)
    assert warning.stdout == "replicaset.apps/kubia created\n"
    assert "apps/v1beta2 ReplicaSet was removed from Kubernetes in 1.16" in warning.stderr
    eventually(lambda: counts(kubectl, "rs") == [3, 3, 3], "a ReplicaSet of three")
    assert sorted(kubectl.names("pods")) == pods, "there were three pods already"
    owners = {p["metadata"]["ownerReferences"][0]["kind"] for p in kubectl.json("get", "pods")["items"]}
    assert owners == {"ReplicaSet"}


# ReplicaSets


def test_a_replica_set_of_2017(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=notes.REPLICA_SET)
    eventually(lambda: counts(kubectl, "rs") == [3, 3, 3], "three pods")
    described = kubectl("describe", "rs")
    for text in ("app=kubia", "3 current / 3 desired", "3 Running / 0 Waiting / 0 Succeeded / 0 Failed"):
        assert text in described
    assert described.count("Created pod: kubia-") == 3
    kubectl("delete", "rs", "kubia")
    eventually(lambda: not kubectl.ready_pods("app=kubia"), "its pods to be on their way out")


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ({"key": "app", "operator": "In", "values": ["kubia"]}, {"app": "kubia"}),
        ({"key": "app", "operator": "NotIn", "values": ["other"]}, {"tier": "front"}),
        ({"key": "app", "operator": "Exists"}, {"app": "anything"}),
        ({"key": "gone", "operator": "DoesNotExist"}, {"app": "kubia"}),
    ],
    ids=lambda value: value.get("operator", "with"),
)
def test_each_operator_selects(kubectl: Kubectl, expression: dict[str, object], labels: dict[str, str]) -> None:
    """A pod with the labels is adopted; one that stops matching is let go and replaced."""
    stray = shell_pod("stray", FOREVER)
    stray["metadata"]["labels"] = labels
    kubectl.apply(stray)
    template = {"metadata": {"labels": labels}, "spec": shell_pod("x", FOREVER)["spec"]}
    spec = {"replicas": 2, "selector": {"matchExpressions": [expression]}, "template": template}
    made = {"apiVersion": "apps/v1beta2", "kind": "ReplicaSet", "metadata": {"name": "kubia"}, "spec": spec}
    kubectl.apply(made)
    eventually(lambda: counts(kubectl, "rs") == [2, 2, 2], "two pods")
    assert len(kubectl.names("pods")) == 2, "the stray one is one of them"
    change = {"In": "app=x", "NotIn": "app=other", "Exists": "app-", "DoesNotExist": "gone=no"}
    kubectl("label", "pod", "stray", change[str(expression["operator"])], "--overwrite")
    eventually(lambda: len(kubectl.names("pods")) == 3, "a replacement")
    assert "ownerReferences" not in kubectl.json("get", "pod", "stray")["metadata"]


def test_a_template_that_the_selector_does_not_match_is_refused(kubectl: Kubectl) -> None:
    wrong = notes.REPLICA_SET.replace("        app: kubia\n", "        app: other\n", 1)
    refused = kubectl.fails("create", "-f", "-", stdin=wrong)
    assert "`selector` does not match template `labels`" in refused


# DaemonSets


@pytest.fixture
def no_disk(kubectl: Kubectl) -> Iterator[str]:
    """The node's name; the label that the test gives it is taken away in the end."""
    name = kubectl.names("nodes")[0]
    yield name
    kubectl("label", "node", name, "disk-")


def test_a_daemon_set_follows_a_nodes_label(kubectl: Kubectl, no_disk: str) -> None:
    assert kubectl("create", "-f", "-", stdin=notes.DAEMON_SET) == "daemonset.apps/ssd-monitor created\n"
    assert counts(kubectl, "ds") == [0, 0, 0] and kubectl.names("pods") == []
    kubectl("label", "node", no_disk, "disk=ssd")
    eventually(lambda: counts(kubectl, "ds") == [1, 1, 1], "a pod on the node")
    (pod,) = kubectl.ready_pods("app=ssd-monitor")
    eventually(lambda: "SSD OK" in kubectl("logs", pod), "its output")
    kubectl("delete", "pod", pod, "--now")
    eventually(lambda: counts(kubectl, "ds") == [1, 1, 1] and pod not in kubectl.names("pods"), "another in its place")
    kubectl("label", "node", no_disk, "disk=hdd", "--overwrite")
    eventually(lambda: counts(kubectl, "ds") == [0, 0, 0] and not kubectl.ready_pods("app=ssd-monitor"), "none")


def on_nodes(kubectl: Kubectl) -> list[str]:
    pods = kubectl.json("get", "pods", "-l", "app=ssd-monitor")["items"]
    return sorted(pod["spec"].get("nodeName", "") for pod in pods if pod["status"]["phase"] == "Running")


def test_a_daemon_set_follows_nodes_that_come_and_go(tmp_path: Path) -> None:
    """On simulated nodes: this machine is one node only."""
    place = Place(tmp_path / "home")
    (tmp_path / "simulation.yaml").write_text(
        json.dumps(
            {
                "apiVersion": "simulation.sampan.internal/v1",
                "kind": "Simulation",
                "nodes": {"labels": {"disk": "ssd"}},
                "pods": {"start": "10ms", "stop": "10ms"},
            }
        )
    )

    def nodes(number: int, *more: str) -> None:
        done = place.sampan("up", "--api-port", str(place.port), "--simulate-nodes", str(number), *more)
        assert done.returncode == 0, done.stderr

    try:
        nodes(2, "--listen", "127.0.0.1", "--simulate-config", str(tmp_path / "simulation.yaml"))
        kubectl = Kubectl(place.config, "default")
        kubectl("create", "-f", "-", stdin=notes.DAEMON_SET)
        eventually(lambda: on_nodes(kubectl) == ["simulated-0", "simulated-1"], "a pod on each node")
        assert place.sampan("down").returncode == 0
        nodes(3)
        eventually(lambda: on_nodes(kubectl) == ["simulated-0", "simulated-1", "simulated-2"], "one on the new node")
        assert place.sampan("down").returncode == 0
        nodes(1)
        eventually(lambda: counts(kubectl, "ds") == [1, 1, 1], "none wanted on the nodes that have gone")
    finally:
        place.sampan("delete")
        place.end()
