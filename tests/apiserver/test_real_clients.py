"""Real clients over real TLS: kubectl, and the official Python client."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from sampan.transport.connection import HTTPClient
from sampan.transport.tls import client_context
from tests.apiserver.harness import API, CONFIG_MAPS, config_map, deployment, running
from tests.apiserver.kubectl import binary, needs
from tests.apiserver.pki import authority


def kubeconfig(port: int) -> dict[str, Any]:
    """An administrator by certificate."""
    admin = authority().issue("kubernetes-admin", ("system:masters",))
    ca, certificate, key = (base64.b64encode(pem).decode() for pem in (authority().certificate, *admin))
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": ca}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"client-certificate-data": certificate, "client-key-data": key}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


@pytest.fixture
async def tls() -> AsyncIterator[API]:
    """A server with certificates."""
    server = authority().issue("kube-apiserver", server=True)
    options = {"certificate": server.certificate, "key": server.key, "client_ca": authority().certificate}
    async with running(**options) as api:
        await api.service_account()
        yield api


class Kubectl:
    """Runs commands against a server."""

    def __init__(self, binary: str, folder: Path, port: int) -> None:
        self._binary, self._folder = binary, folder
        (folder / "config").write_text(yaml.safe_dump(kubeconfig(port)))

    async def __call__(self, command: str, stdin: str = "", *, fails: bool = False) -> str:
        """The output (of a failure: the errors)."""
        flags = ["--kubeconfig", str(self._folder / "config"), "--cache-dir", str(self._folder / "cache")]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            self._binary, *flags, *command.split(), stdin=pipe, stdout=pipe, stderr=pipe
        )
        out, errors = await process.communicate(stdin.encode())
        assert (process.returncode != 0) == fails, errors.decode()
        return (errors if fails else out).decode()


@pytest.fixture
def run(tls: API, tmp_path: Path) -> Kubectl:
    """kubectl with an administrator's configuration."""
    return Kubectl(str(binary()), tmp_path, tls.server.port)


async def test_kubectl_main_verbs(run: Kubectl) -> None:
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


async def test_kubectl_apply(run: Kubectl) -> None:
    first = yaml.safe_dump(deployment("web", replicas=1))
    assert await run("apply -f -", first) == "deployment.apps/web created\n"
    assert await run("apply -f -", first) == "deployment.apps/web unchanged\n"
    second = yaml.safe_dump(deployment("web", replicas=2))
    assert await run("apply -f -", second) == "deployment.apps/web configured\n"
    assert "unknown field" in await run("apply -f -", second.replace("replicas", "replica"), fails=True)
    assert await run("delete -f -", second) == 'deployment.apps "web" deleted\n'


async def test_kubectl_typed_commands_in_protobuf(run: Kubectl) -> None:
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


async def test_kubectl_tokens_and_identity(run: Kubectl) -> None:
    needs(27)
    assert (await run("create token default")).count(".") == 2
    assert "kubernetes-admin" in await run("auth whoami")


async def test_kubectl_looks_around(run: Kubectl) -> None:
    assert "v1.37.0" in (await run("version")).partition("Server Version: ")[2]
    assert "deployments                 deploy       apps/v1" in await run("api-resources")
    assert "extensions/v1beta1" in await run("api-versions")
    assert "Kubernetes control plane" in await run("cluster-info")
    assert "progressDeadlineSeconds" in await run("explain deployment.spec")
    assert "default" in await run("get ns")
    assert await run("run p --image=busybox") == "pod/p created\n"
    assert await run("get pods -o name") == "pod/p\n"
    assert await run("expose pod p --port=80") == "service/p exposed\n"
    assert await run("delete pod p --now") == 'pod "p" deleted\n'


async def test_oversized_bodies(tls: API) -> None:
    admin = authority().issue("kubernetes-admin", ("system:masters",))
    context = client_context(authority().certificate, admin.certificate, admin.key)
    client = HTTPClient(f"https://127.0.0.1:{tls.server.port}", context)
    body = orjson.dumps(config_map("big", x="x" * (3 << 20)))
    answer = await client.request("POST", CONFIG_MAPS, {"content-type": "application/json"}, body)
    await client.close()
    status = orjson.loads(answer.body)
    assert (answer.status, status["kind"], status["reason"]) == (413, "Status", "RequestEntityTooLarge")


async def test_python_client(tls: API, tmp_path: Path) -> None:
    def work() -> list[tuple[str, str]]:
        from kubernetes import client, config, watch

        config.load_kube_config_from_dict(kubeconfig(tls.server.port))
        core = client.CoreV1Api()
        start = core.list_namespaced_config_map("default").metadata.resource_version
        core.create_namespaced_config_map("default", {"metadata": {"name": "a"}, "data": {"x": "1"}})
        core.patch_namespaced_config_map("a", "default", {"data": {"x": "2"}})
        assert core.read_namespaced_config_map("a", "default").data == {"x": "2"}
        core.delete_namespaced_config_map("a", "default")
        seen = []
        stream = watch.Watch()
        for event in stream.stream(core.list_namespaced_config_map, "default", resource_version=start):
            seen.append((event["type"], event["object"].data["x"]))
            if event["type"] == "DELETED":
                stream.stop()
        try:
            core.read_namespaced_config_map("a", "default")
        except client.ApiException as error:
            assert (error.status, error.reason) == (404, "Not Found")
        client.ApiClient().close()
        return seen

    assert await asyncio.to_thread(work) == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]
