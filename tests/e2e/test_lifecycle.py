"""A cluster's life and deaths: killed, resumed, taken down, brought back, deleted, beside another cluster."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from examples.images.standins import ensure
from sampan.cluster.config import ClusterConfig, home, load
from sampan.cluster.process import server_pid
from tests.e2e.conftest import Kubectl, eventually, replication_controller

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]


class Life:
    """A cluster of this test's own, driven by the sampan command.

    All are in the home of the shared one: the addresses of one that is down are then nobody else's.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.directory = home() / self.name
        self.environment = os.environ | {"SAMPAN_HOME": str(home()), "KUBECONFIG": str(folder / "kubeconfig")}

    def sampan(self, *words: str) -> str:
        command = [sys.executable, "-m", "sampan.cli.app", *words, "--name", self.name]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill(self) -> None:
        """Kill the server; returns when it is gone."""
        pid = server_pid(self.config)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: server_pid(self.config) is None, "the server's death")

    def addresses(self) -> int:
        """How many addresses pods hold, by host-local's files."""
        return len([path for path in self.directory.glob("network/ipam/*/*") if path.name[0].isdigit()])

    @property
    def config(self) -> ClusterConfig:
        found = load(self.directory)
        assert found is not None
        return found

    def leftovers(self, config: ClusterConfig | None = None) -> list[str]:
        """Whatever on this machine still belongs to the cluster (given its configuration if that is gone)."""
        config = config or self.config
        marks = (str(config.directory), f"sampan-{self.name}")
        found = [f"mount {line}" for line in Path("/proc/self/mountinfo").read_text().splitlines() if marks[0] in line]
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_text().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if any(mark in words for mark in marks) and path.parent.name != str(os.getpid()):
                found.append(f"process {words}")
        pods = config.pod_cidr.rsplit(".", 2)[0]
        tables, namespaces = ["nft", "list", "tables"], ["ip", "netns"]
        for command in (tables, namespaces, ["ip", "-4", "route"], ["ip", "-4", "-o", "address"]):
            lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
            ours = (marks[1], config.service_cidr, f"{pods}.", config.lb_pool)
            found += [line for line in lines if any(mark in line for mark in ours)]
        found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/*{marks[1]}*")]
        return found


@pytest.fixture
def life(tmp_path: Path, cluster: ClusterConfig) -> Iterator[Life]:
    life = Life(tmp_path, f"life-{os.getpid()}")
    yield life
    if life.directory.exists():
        life.sampan("delete")


def containers_of(kubectl: Kubectl) -> list[str]:
    """The ids of the running containers that have never been restarted."""
    return [
        status["containerID"]
        for pod in kubectl.json("get", "pods")["items"]
        for status in pod["status"].get("containerStatuses", ())
        if "running" in status["state"] and status["restartCount"] == 0
    ]


def container_of(kubectl: Kubectl) -> str:
    """The id of the one pod's running container, "" while there is none."""
    return next(iter(containers_of(kubectl)), "")


def test_a_clusters_life(life: Life) -> None:
    assert "is ready after" in life.sampan("up")
    kubectl = Kubectl(life.config, "default")
    ensure(life.config, ["busybox"])
    kubectl.apply(replication_controller("kubia", image="busybox", command=["sleep", "10000"]))
    container = eventually(lambda: container_of(kubectl), "a running container")

    # Killed, the server is no loss: what was acknowledged is there, and no container was touched.
    kubectl("create", "configmap", "written-last", "--from-literal=a=1")
    life.kill()
    assert "is ready after" in life.sampan("up")
    assert kubectl.json("get", "configmap", "written-last")["data"] == {"a": "1"}
    eventually(lambda: len(kubectl.ready_pods("app=kubia")) == 1, "the pod ready")
    assert container_of(kubectl) == container
    kubectl("scale", "rc", "kubia", "--replicas=2")
    eventually(lambda: len(kubectl.ready_pods("app=kubia")) == 2, "a second pod")
    assert "is running" in life.sampan("up")

    kinds = {found.split()[0] for found in life.leftovers()}
    assert {"mount", "process", "table"} <= kinds  # the net below is fine enough to catch something

    # Down leaves nothing but the state, even when the server was killed before.
    life.kill()
    assert "is down" in life.sampan("down")
    assert life.leftovers() == []

    # And up again, everything runs as it did.
    life.sampan("up")
    eventually(lambda: len(kubectl.ready_pods("app=kubia")) == 2, "both pods back")
    assert json.loads(kubectl("get", "configmap", "written-last", "-o", "json"))["data"] == {"a": "1"}

    config = life.config
    kubeconfig = Path(life.environment["KUBECONFIG"])
    assert life.name in kubeconfig.read_text()
    life.sampan("down")
    assert life.leftovers() == []
    assert "is deleted" in life.sampan("delete")
    assert not config.directory.exists()
    assert life.name not in kubeconfig.read_text()


def test_a_server_killed_again_and_again_loses_nothing_and_leaks_nothing(life: Life) -> None:
    life.sampan("up")
    kubectl = Kubectl(life.config, "default")
    ensure(life.config, ["busybox"])
    steady, churn = (
        replication_controller(name, image="busybox", command=["sleep", "10000"]) for name in ("steady", "churn")
    )
    churn["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0
    kubectl.apply(steady)
    container = eventually(lambda: container_of(kubectl), "a running container")
    kubectl.apply(churn)
    for turn, replicas in enumerate((5, 0, 4, 1)):
        kubectl("scale", "rc", "churn", f"--replicas={replicas}")
        kubectl("create", "configmap", f"turn-{turn}", f"--from-literal=replicas={replicas}")
        life.kill()
        life.sampan("up")
    kubectl("scale", "rc", "churn", "--replicas=2")

    assert {f"turn-{turn}" for turn in range(4)} <= set(kubectl.names("configmaps"))
    eventually(lambda: len(kubectl.ready_pods("app=churn")) == 2, "the pods ready")
    eventually(lambda: len(kubectl.names("pods")) == 3, "no pod more than asked for")
    assert container in containers_of(kubectl)
    uids = {pod["metadata"]["uid"] for pod in kubectl.json("get", "pods")["items"]}
    eventually(lambda: life.addresses() == 3, "an address for each pod and no other")
    eventually(lambda: {path.name for path in life.directory.glob("kubelet/pods/*")} == uids, "no pod's files too many")


@pytest.mark.parametrize("lost", ["cluster.json", "server.pid", ""])
def test_a_cluster_whose_directory_is_lost_can_be_deleted(life: Life, lost: str) -> None:
    life.sampan("up")
    config = life.config
    kubectl = Kubectl(config, "default")
    ensure(config, ["busybox"])
    kubectl.apply(replication_controller("kubia", image="busybox", command=["sleep", "10000"]))
    eventually(lambda: container_of(kubectl), "a running container")
    if lost:
        (life.directory / lost).unlink()
    else:
        shutil.rmtree(life.directory, ignore_errors=True)  # mounts resist
    assert "is deleted" in life.sampan("delete")
    assert life.leftovers(config) == []
    assert not life.directory.exists()


@pytest.mark.parametrize("moment", ["containerd", "$ kubectl expose", "$ kubectl scale"])
def test_the_demo_stopped_anywhere_leaves_nothing(moment: str, tmp_path: Path, cluster: ClusterConfig) -> None:
    life = Life(tmp_path, f"demo-{os.getpid()}")
    demo = subprocess.Popen(
        [sys.executable, "-m", "examples.kubia.demo", life.name],
        env=life.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # which a shell's background job ignores
    )
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        seen.append(line)
        if moment in line:
            break
    else:
        pytest.fail(f"{moment!r} never came:\n{''.join(seen)}")
    config = life.config
    os.killpg(demo.pid, signal.SIGINT)  # as a terminal does it: to every process of the group
    rest, _ = demo.communicate(timeout=180)
    assert demo.returncode == 130, rest
    assert "is deleted" in rest
    assert not config.directory.exists()
    assert life.leftovers(config) == []
