"""A cluster of two nodes on this machine: pods and Services across them, and what is left when processes are killed."""

import os
import signal
from collections.abc import Callable
from functools import partial

import pytest

from examples.images.standins import ensure
from sampan.cluster.further import FurtherNode, further_nodes
from sampan.cluster.processes import find
from tests.e2e.conftest import Kubectl, eventually, service, shell_pod
from tests.e2e.test_lifecycle import Life, containers_of, life

__all__ = ["life"]  # a fixture
pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]


def web_pod(name: str, node: str) -> dict[str, object]:
    """A pod on a node, which answers with its name."""
    script = f"echo {name} > /tmp/index.html; echo serving; httpd -f -p 8080 -h /tmp"
    pod = shell_pod(name, script, nodeName=node)
    pod["metadata"]["labels"]["part"] = "web"
    return pod


def fetch(kubectl: Kubectl, pod: str, host: str, port: int) -> str:
    """What a pod is answered; "" while it is not. The wget of Debian's static busybox can't resolve anything."""
    script = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {host} {port} | tail -1"
    return kubectl.run("exec", pod, "--", "sh", "-c", script).stdout.strip()


def kill(matches: Callable[[str], bool]) -> None:
    """Kill every process with such arguments."""
    for pid in find(lambda words: matches(" ".join(words))):
        os.kill(pid, signal.SIGKILL)


def are_back(kubectl: Kubectl, **restarts: int) -> bool:
    """Whether these pods are ready, and have been restarted so many times: what is told of them is new."""
    pods = {pod: kubectl.json("get", "pod", pod)["status"]["containerStatuses"][0] for pod in restarts}
    return all(pods[pod]["ready"] and pods[pod]["restartCount"] == count for pod, count in restarts.items())


def reach_each_other(kubectl: Kubectl) -> None:
    """Pods by their addresses and by their Service's name, from both nodes; logs and exec of both."""
    pods = {pod["metadata"]["name"]: pod["status"] for pod in kubectl.json("get", "pods", "-l", "part=web")["items"]}
    assert len({status["hostIP"] for status in pods.values()}) == 2
    for asking in pods:
        for name, status in pods.items():
            answer = partial(fetch, kubectl, asking, status["podIP"], 8080)
            eventually(lambda answer=answer, name=name: answer() == name, f"{name} answers {asking}")
        seen: set[str] = set()
        eventually(
            lambda asking=asking, seen=seen: seen.add(fetch(kubectl, asking, "web", 80)) or seen >= pods.keys(),
            f"both behind the Service, asked by {asking}",
        )
        assert kubectl("logs", asking) == "serving\n"


def test_two_nodes(life: Life) -> None:
    name, second = life.name, f"{life.name}-2"
    assert f"node {second} Ready" in life.sampan("up", "--nodes", "2")
    kubectl = Kubectl(life.config, "default")
    ensure(life.config, ["busybox"])
    kubectl.apply(web_pod("first", name), web_pod("second", second), service("web", "", selector={"part": "web"}))
    kubectl("wait", "--for=condition=Ready", "pod", "-l", "part=web", "--timeout=90s")
    reach_each_other(kubectl)
    node: FurtherNode = further_nodes(life.config)[0]
    assert node.pod_cidr == kubectl.json("get", "node", second)["spec"]["podCIDR"]

    # Whatever is killed, containers run on, and the next `up` finds its way.
    before = sorted(containers_of(kubectl))
    kill(lambda words: words.endswith(f"sampan.cluster.node_process {node.cluster.state} {second}"))
    kill(lambda words: words.endswith(f"containerd --config {node.directory}/containerd/config.toml"))
    life.kill()
    assert "is ready after" in life.sampan("up")  # with as many nodes as it had
    eventually(lambda: sorted(containers_of(kubectl)) == before, "the containers of before")
    kubectl.apply(shell_pod("third", nodeName=second))
    kubectl("wait", "--for=condition=Ready", "pod/third", "--timeout=90s")
    reach_each_other(kubectl)

    # Nodes come and go while the cluster runs.
    assert life.sampan("node", "add", "late") == "node late Ready\n"
    kubectl.apply(shell_pod("fourth", nodeName="late"))
    kubectl("wait", "--for=condition=Ready", "pod/fourth", "--timeout=90s")
    assert life.sampan("node", "stop", second) == f"node {second} stopped\n"
    assert not [found for found in life.leftovers() if node.namespace in found or str(node.directory) in found]
    life.kill()
    life.sampan("up")  # a node that is stopped stays so
    assert not node.ready_file.exists()
    assert life.sampan("node", "start", second) == f"node {second} Ready\n"
    assert life.sampan("node", "remove", "late").endswith("node late removed\n")
    assert sorted(kubectl.names("nodes")) == [name, second]
    assert not [found for found in life.leftovers() if f"{name}.late" in found or "nodes/late" in found]
    eventually(lambda: are_back(kubectl, first=0, second=1), "the pod back")
    reach_each_other(kubectl)

    config = life.config
    assert any(node.namespace in found for found in life.leftovers())
    life.kill()
    life.sampan("down")
    assert life.leftovers() == []
    life.sampan("up")
    eventually(lambda: are_back(kubectl, first=1, second=2), "the pods back")
    reach_each_other(kubectl)
    life.sampan("delete")
    assert life.leftovers(config) == []
