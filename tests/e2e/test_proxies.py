"""The real kubectl and what is behind the API server: pods, Services, kubelets, and output that must not be lost."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import Kubectl, eventually, service, shell_pod

pytestmark = pytest.mark.node

PAGE = "<a href=/there>hi</a>"
SERVES = f"mkdir /www; echo '{PAGE}' > /www/index.html; exec httpd -f -p 8080 -h /www"


@pytest.fixture
def web(kubectl: Kubectl) -> str:
    """A pod that serves a page, behind a Service; its path."""
    kubectl.apply(shell_pod("web", SERVES), service("web", "web"))
    eventually(lambda: kubectl.ready_pods("app=web"), "the pod")
    path = f"/api/v1/namespaces/{kubectl.namespace}"
    ready = f"{path}/services/web/proxy/"
    eventually(lambda: kubectl.run("get", "--raw", ready).returncode == 0, "the endpoint")
    return path


@contextmanager
def proxied(kubectl: Kubectl, tmp_path: Path) -> Iterator[str]:
    """`kubectl proxy` on a port of its choice; its URL."""
    command = kubectl.command("proxy", "--port=0", f"--www={tmp_path}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield f"http://{running.stdout.readline().split()[-1]}"
        finally:
            running.terminate()


def curl(*words: str) -> str:
    done = subprocess.run(["curl", "-sS", *words], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_pods_and_services(kubectl: Kubectl, web: str) -> None:
    for place in ("pods/web:8080", "pods/http:web:8080", "services/web", "services/web:80", "services/http:web:"):
        prefix = f"{web}/{place}/proxy"
        assert kubectl("get", "--raw", f"{prefix}/") == f'<a href="{prefix}/there">hi</a>\n'
    missing = kubectl.fails("get", "--raw", f"{web}/services/none/proxy/")
    assert 'no endpoints available for service "none"' in missing
    refused = kubectl.fails("get", "--raw", f"{web}/pods/web:1/proxy/")
    assert re.search(r"error trying to reach service: dial tcp [\d.]+:1: connect: connection refused", refused)


def test_kubectl_proxy(kubectl: Kubectl, web: str, tmp_path: Path) -> None:
    with proxied(kubectl, tmp_path) as url:
        place = f"{web}/services/web/proxy"
        assert json.loads(curl(f"{url}/api/v1/namespaces/{kubectl.namespace}/pods/web"))["kind"] == "Pod"
        assert curl(f"{url}{place}/") == f'<a href="{place}/there">hi</a>\n'
        head = curl("-I", f"{url}{place}")
        assert "301 Moved Permanently" in head and f"Location: {place}/\n" in head
        assert curl("-L", f"{url}{place}") == f'<a href="{place}/there">hi</a>\n'
        posted = curl("-X", "DELETE", "-o", "/dev/null", "-w", "%{http_code}", f"{url}{place}/")
        assert posted == "501"  # what the busybox in the pod thinks of it


def test_the_addresses_of_cluster_info_lead_somewhere(kubectl: Kubectl) -> None:
    info = re.sub(r"\x1b\[[0-9;]*m", "", Kubectl(kubectl.config, "kube-system")("cluster-info"))
    found = re.search(r"CoreDNS is running at https://[^/]+(/\S+)", info)
    assert found is not None
    assert "(ServiceUnavailable)" in kubectl.fails("get", "--raw", found[1])  # it speaks DNS, not HTTP


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("healthz", "ok"),
        ("metrics", "kubelet_running_pods "),
        ("metrics/resource", "node_cpu_usage_seconds_total "),
        ("metrics/cadvisor", "machine_memory_bytes "),
        ("metrics/probes", "prober_probe_total"),
        ("stats/summary", '"workingSetBytes":'),
        ("configz", '"kind":"KubeletConfiguration"'),
        ("pods", '"kind":"PodList"'),
        ("runningpods/", '"kind":"PodList"'),
        ("logs/", "<pre>"),
    ],
)
def test_nodes(kubectl: Kubectl, path: str, text: str) -> None:
    (node,) = kubectl.names("nodes")
    assert text in kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/{path}")


def test_a_token_opens_the_kubelet_as_far_as_its_account_may(kubectl: Kubectl) -> None:
    kubectl.needs(24)
    (node,) = kubectl.json("get", "nodes")["items"]
    address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
    url = f"https://{address}:{port}"
    role = f"metrics-{kubectl.namespace}"
    account = f"{kubectl.namespace}:default"
    bearer = f"Authorization: Bearer {kubectl('create', 'token', 'default').strip()}"
    code = ("-k", "-o", "/dev/null", "-w", "%{http_code}")
    assert curl(*code, f"{url}/metrics") == "401"
    kubectl("create", "clusterrole", role, "--verb=get", "--resource=nodes/metrics")
    try:
        kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", f"--serviceaccount={account}")
        assert "kubelet_running_pods " in curl("-k", "-H", bearer, f"{url}/metrics")
        assert curl(*code, "-H", bearer, f"{url}/pods") == "403"
    finally:
        kubectl.run("delete", "clusterrolebinding,clusterrole", role)


def test_the_output_of_a_short_command_is_not_lost(kubectl: Kubectl) -> None:
    for number in range(8):
        words = ("run", f"short-{number}", "--image=busybox", "--restart=Never", "--rm", "-i", "--quiet", "--")
        done = kubectl.run(*words, "sh", "-c", "echo first; echo last; exit 3")
        assert (done.returncode, done.stdout) == (3, "first\nlast\n"), done.stderr
