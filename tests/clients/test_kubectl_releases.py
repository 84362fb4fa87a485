"""Every release of kubectl maps the versions of 2017 that a book prints, and has nothing to complain of."""

from pathlib import Path

import pytest

from tests.apiserver.harness import API
from tests.clients.programs import program
from tests.clients.rig import Command

TEMPLATE = """
  template:
    metadata: {labels: {app: %s}}
    spec:
      containers: [{name: main, image: luksa/kubia}]
"""
JOB = """
  schedule: "0,15,30,45 * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: main, image: luksa/batch-job}]
"""
INGRESS = """
  rules:
  - host: kubia.example.com
    http:
      paths:
      - path: /
        backend: {serviceName: kubia-nodeport, servicePort: 80}
"""
WITH_SELECTOR = "  selector: {matchLabels: {app: %s}}"
MANIFESTS = {  # apiVersion, kind -> spec, name of the resource created
    ("apps/v1beta2", "ReplicaSet"): WITH_SELECTOR + TEMPLATE,
    ("apps/v1beta2", "DaemonSet"): WITH_SELECTOR + TEMPLATE,
    ("apps/v1beta2", "Deployment"): WITH_SELECTOR + TEMPLATE,
    ("apps/v1beta2", "StatefulSet"): "  serviceName: x\n" + WITH_SELECTOR + TEMPLATE,
    ("apps/v1beta1", "Deployment"): TEMPLATE,
    ("apps/v1beta1", "StatefulSet"): "  serviceName: x" + TEMPLATE,
    ("extensions/v1beta1", "Deployment"): TEMPLATE,
    ("extensions/v1beta1", "DaemonSet"): TEMPLATE,
    ("extensions/v1beta1", "ReplicaSet"): TEMPLATE,
    ("extensions/v1beta1", "Ingress"): INGRESS,
    ("networking.k8s.io/v1beta1", "Ingress"): INGRESS,
    ("batch/v1beta1", "CronJob"): JOB,
    ("batch/v2alpha1", "CronJob"): JOB,
}


def manifest(version: str, kind: str, name: str) -> str:
    """One of MANIFESTS as text."""
    spec = MANIFESTS[version, kind].replace("%s", name).lstrip("\n")
    return f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}"


async def test_manifests_of_2017(every_kubectl: Command) -> None:
    names = {f"n{number}": place for number, place in enumerate(MANIFESTS)}
    text = "\n---\n".join(manifest(*place, name) for name, place in names.items())
    created = await every_kubectl("create -f -", text)
    lines = [f"{kind.lower()}.{version.partition('/')[0]}/{name} created" for name, (version, kind) in names.items()]
    assert created.splitlines() == lines
    assert await every_kubectl("get -f - -o name", text)
    deleted = await every_kubectl("delete -f -", text)
    assert len(deleted.splitlines()) == len(names)


async def test_a_short_name_is_not_ambiguous(every_kubectl: Command) -> None:
    for name in ("ev", "deploy", "all", "ing", "po"):
        status, _, errors = await every_kubectl.run("get", name)
        assert (status, "could also match" in errors) == (0, False)


UNKNOWN = (
    'no matches for kind "pod" in version "v1"',
    # Those of the time take any spelling, and leave it to the server.
    'pod in version "v1" cannot be handled as a Pod: no kind "pod" is registered for version "v1"',
)


async def test_an_unknown_kind_is_told_as_such(every_kubectl: Command) -> None:
    text = "apiVersion: v1\nkind: pod\nmetadata: {name: kubia-liveness}\n"
    said = await every_kubectl("create -f -", text, fails=True)
    assert any(words in said for words in UNKNOWN), said


async def test_kubectl_of_the_time_runs_a_replication_controller(tls: API, tmp_path: Path) -> None:
    kubectl = Command(program("kubectl-1.15"), tmp_path, tls.server.port)
    said = await kubectl("run kubia --image=luksa/kubia --port=8080 --generator=run/v1")
    assert said == "replicationcontroller/kubia created\n"
    assert await kubectl("expose rc kubia --type=LoadBalancer --name kubia-http") == "service/kubia-http exposed\n"
    assert await kubectl("scale rc kubia --replicas=3") == "replicationcontroller/kubia scaled\n"
    assert "kubia" in await kubectl("get rc")


async def test_kubectl_of_the_servers_release_sees_no_skew(tls: API, tmp_path: Path) -> None:
    kubectl = Command(program("kubectl-1.37"), tmp_path, tls.server.port)
    status, said, errors = await kubectl.run("version")
    assert (status, errors) == (0, "")
    assert "Server Version: v1.37" in said


async def test_a_plugin_leaves_kubectl_what_it_maps_by(every_kubectl: Command, tmp_path: Path) -> None:
    """Plugins share kubectl's cache of discovery on disk, and are scanners."""
    if every_kubectl.binary.name in ("kubectl-1.36", "kubectl-1.37"):
        pytest.skip("it can't pass for a plugin: it always says its command")
    plugin = tmp_path / "kubectl-tree"  # client-go calls itself by the name of the program
    plugin.symlink_to(every_kubectl.binary)
    as_plugin = every_kubectl.using(plugin, KUBECTL_COMMAND_HEADERS="false")
    assert "extensions/v1beta1" not in await as_plugin("api-versions")
    text = manifest("extensions/v1beta1", "Deployment", "web")
    assert await every_kubectl("create -f -", text) == "deployment.extensions/web created\n"
    assert "extensions/v1beta1" in await every_kubectl("api-versions")
