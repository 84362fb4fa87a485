"""The shared cluster as the tests see it: a kubectl bound to a namespace that goes when the test ends."""

import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.cli.real_kubectl import find_kubectl
from sampan.cluster.config import ClusterConfig, home, load

PATIENCE = 90.0  # seconds until a condition that should come true is a failure


class KubectlError(AssertionError):
    """kubectl failed where it should not have."""


def kubectl_minor(binary: Path) -> int:
    """The minor version of a kubectl."""
    said = subprocess.run([binary, "version", "--client", "-o", "json"], capture_output=True, text=True, check=True)
    return int(re.sub(r"\D", "", json.loads(said.stdout)["clientVersion"]["minor"]))


class Kubectl:
    """The real kubectl on one namespace of the shared cluster."""

    def __init__(self, config: ClusterConfig, namespace: str) -> None:
        binary = find_kubectl()
        assert binary is not None, "no kubectl on this machine"
        self.binary, self.config, self.namespace = binary, config, namespace
        self.kubeconfig = str(config.directory / "kubeconfig")

    def command(self, *words: str) -> list[str]:
        """The full command line, for tests that run it in their own way."""
        return [str(self.binary), "--kubeconfig", self.kubeconfig, "-n", self.namespace, *words]

    def run(
        self, *words: str, stdin: str | None = None, env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run; the result has returncode, stdout and stderr."""
        environment = os.environ | (env or {})
        # without input of its own kubectl must not inherit the runner's: `exec -i` would wait on it
        return subprocess.run(
            self.command(*words),
            input=stdin or "",
            capture_output=True,
            text=True,
            env=environment,
            timeout=PATIENCE,
            check=False,
        )

    def __call__(self, *words: str, stdin: str | None = None, env: dict[str, str] | None = None) -> str:
        """Run, insist on success, return the output."""
        done = self.run(*words, stdin=stdin, env=env)
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, *words: str, stdin: str | None = None) -> str:
        """Run, insist on failure, return the error text."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode != 0, f"kubectl {' '.join(words)} succeeded:\n{done.stdout}"
        return done.stderr

    def needs(self, minor: int) -> None:
        """Skip the test where kubectl is older than 1.<minor>: it lacks a verb or prints it otherwise."""
        if kubectl_minor(self.binary) < minor:
            pytest.skip(f"needs kubectl 1.{minor}")

    def json(self, *words: str) -> Any:
        """Run with -o json and parse."""
        return json.loads(self(*words, "-o", "json"))

    def names(self, *words: str) -> list[str]:
        """The names of what `get` finds."""
        return [item["metadata"]["name"] for item in self.json("get", *words)["items"]]

    def apply(self, *objects: dict[str, Any]) -> str:
        """Create objects given as trees."""
        return self("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def ready_pods(self, selector: str) -> list[str]:
        """The names of the pods that a selector matches and that are ready and not being deleted."""
        return [
            pod["metadata"]["name"]
            for pod in self.json("get", "pods", "-l", selector)["items"]
            if "deletionTimestamp" not in pod["metadata"]
            and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))
        ]


def eventually(probe: Callable[[], Any], why: str, patience: float = PATIENCE) -> Any:
    """The first truthy result of `probe`; fails with its last result when patience runs out.

    Polling is right here: what is asked lives in other processes, and each probe is itself a whole command.
    """
    deadline = time.monotonic() + patience
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > deadline:
            pytest.fail(f"{why}; last seen: {result!r}")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def cluster() -> ClusterConfig:
    """The running cluster that tools/test made."""
    name = os.environ.get("SAMPAN_TEST_CLUSTER")
    config = load(home() / name) if name else None
    if config is None:
        pytest.fail("no test cluster: run these through `make test`")
    return config


@pytest.fixture
def kubectl(cluster: ClusterConfig) -> Iterator[Kubectl]:
    """kubectl in a namespace of this test's own."""
    namespace = f"e2e-{uuid.uuid4().hex[:8]}"
    Kubectl(cluster, "default")("create", "namespace", namespace)
    bound = Kubectl(cluster, namespace)
    eventually(lambda: bound.run("get", "serviceaccount", "default").returncode == 0, "no default service account")
    yield bound
    Kubectl(cluster, "default")("delete", "namespace", namespace, "--wait=false")


def replication_controller(
    name: str, image: str = "luksa/kubia", replicas: int = 1, **container: Any
) -> dict[str, Any]:
    """A ReplicationController as the notes write it."""
    spec = {"name": name, "image": image, "ports": [{"containerPort": 8080}], **container}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"app": name},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [spec]}},
        },
    }


def service(name: str, app: str, **spec: Any) -> dict[str, Any]:
    """A Service from port 80 to 8080 of the pods of `app`."""
    body = {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body}


def shell_pod(name: str, script: str = "sleep 3600", image: str = "busybox", **spec: Any) -> dict[str, Any]:
    """A pod of one container that runs a shell script."""
    container = {"name": "main", "image": image, "command": ["sh", "-c", script], "imagePullPolicy": "IfNotPresent"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }
