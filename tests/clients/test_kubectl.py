"""kubectl's commands, with the newest kubectl of this machine."""

from pathlib import Path

import pytest
import yaml

from tests.apiserver.harness import API, deployment
from tests.apiserver.kubectl import binary, needs
from tests.clients.rig import Command


@pytest.fixture
def run(tls: API, tmp_path: Path) -> Command:
    """kubectl with an administrator's configuration."""
    return Command(binary(), tmp_path, tls.server.port)


async def test_kubectl_main_verbs(run: Command) -> None:
    manifest = yaml.safe_dump(deployment("web", replicas=1))
    assert await run("create -f -", manifest) == "deployment.apps/web created\n"
    assert "AlreadyExists" in await run("create -f -", manifest, fails=True)
    assert "web    0/1" in await run("get deployments")
    assert (await run("get deploy web -o jsonpath={.spec.replicas}")) == "1"
    assert await run("scale deploy web --replicas=3") == "deployment.apps/web scaled\n"
    assert await run("label deploy web tier=front") == "deployment.apps/web labeled\n"
    assert await run("annotate deploy web note=x") == "deployment.apps/web annotated\n"
    assert "tier=front" in await run("get deploy --show-labels")
    assert await run("set image deploy/web main=busybox:2") == "deployment.apps/web image updated\n"
    assert "busybox:2" in await run("describe deploy web")
    assert await run('patch deploy web -p {"spec":{"replicas":4}}') == "deployment.apps/web patched\n"
    assert await run("delete deploy web") == 'deployment.apps "web" deleted\n'
    assert 'deployments.apps "web" not found' in await run("get deploy web", fails=True)


async def test_kubectl_apply(run: Command) -> None:
    first = yaml.safe_dump(deployment("web", replicas=1))
    assert await run("apply -f -", first) == "deployment.apps/web created\n"
    assert await run("apply -f -", first) == "deployment.apps/web unchanged\n"
    second = yaml.safe_dump(deployment("web", replicas=2))
    assert await run("apply -f -", second) == "deployment.apps/web configured\n"
    assert "unknown field" in await run("apply -f -", second.replace("replicas", "replica"), fails=True)
    assert await run("delete -f -", second) == 'deployment.apps "web" deleted\n'


async def test_kubectl_typed_commands_in_protobuf(run: Command) -> None:
    assert await run("create configmap c --from-literal=a=b") == "configmap/c created\n"
    assert await run("get configmap c -o jsonpath={.data.a}") == "b"
    assert await run("create secret generic s --from-literal=k=v") == "secret/s created\n"
    assert await run("get secret s -o jsonpath={.data.k}") == "dg=="
    assert await run("create deployment d --image=nginx --replicas=2 --port=80") == "deployment.apps/d created\n"
    assert await run("get deploy d -o jsonpath={.spec.template.spec.containers[0].ports}") == (
        '[{"containerPort":80,"protocol":"TCP"}]'
    )
    assert await run("create service nodeport n --tcp=80:http") == "service/n created\n"
    assert await run("get svc n -o jsonpath={.spec.ports[0].targetPort}") == "http"
    assert await run("create namespace other") == "namespace/other created\n"
    assert await run("create role r --verb=get --resource=pods") == "role.rbac.authorization.k8s.io/r created\n"
    assert await run("auth can-i delete pods") == "yes\n"


async def test_kubectl_tokens_and_identity(run: Command) -> None:
    needs(27)
    assert (await run("create token default")).count(".") == 2
    assert "kubernetes-admin" in await run("auth whoami")


async def test_kubectl_looks_around(run: Command) -> None:
    assert "v1.37.0" in (await run("version")).partition("Server Version: ")[2]
    assert "deployments deploy apps/v1 true Deployment" in " ".join((await run("api-resources")).split())
    assert "extensions/v1beta1" in await run("api-versions")
    assert "Kubernetes control plane" in await run("cluster-info")
    assert "progressDeadlineSeconds" in await run("explain deployment.spec")
    assert "default" in await run("get ns")
    assert await run("run p --image=busybox") == "pod/p created\n"
    assert await run("get pods -o name") == "pod/p\n"
    assert await run("expose pod p --port=80") == "service/p exposed\n"
    assert await run("delete pod p --now") == 'pod "p" deleted\n'
