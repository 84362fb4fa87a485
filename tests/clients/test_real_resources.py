"""Objects of published CustomResourceDefinitions: what they leave out is given, and what is wrong is refused.

The files are those of test_real_files.py.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.harness import API
from tests.apiserver.kubectl import binary, needs
from tests.clients.rig import Command
from tests.clients.test_real_files import FILES

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason=f"no files in {FILES}; SAMPAN_REAL_FILES names a folder")

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: x}
spec:
  parentRefs: [{name: g}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""
PROMETHEUS = "{apiVersion: monitoring.coreos.com/v1, kind: Prometheus, metadata: {name: x}, spec: {}}"
RABBIT = "{apiVersion: rabbitmq.com/v1beta1, kind: RabbitmqCluster, metadata: {name: x}, spec: {}}"
DEFAULTED = [  # file, object, path of its resource, what its spec then has
    (
        "gateway-api-crds",
        ROUTE,
        "gateway.networking.k8s.io/v1/namespaces/default/httproutes",
        {
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g"}],
            "rules": [
                {
                    "backendRefs": [{"group": "", "kind": "Service", "name": "web", "port": 80, "weight": 1}],
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                }
            ],
        },
    ),
    (
        "prometheus-operator-crds",
        PROMETHEUS,
        "monitoring.coreos.com/v1/namespaces/default/prometheuses",
        {"evaluationInterval": "30s", "portName": "web", "scrapeInterval": "30s"},
    ),
    (
        "rabbitmq-operator",
        RABBIT,
        "rabbitmq.com/v1beta1/namespaces/default/rabbitmqclusters",
        {"replicas": 1, "persistence": {"storage": "10Gi"}, "terminationGracePeriodSeconds": 604800},
    ),
]
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: x}
spec:
  gatewayClassName: c
  listeners: [{name: a, port: 80, protocol: %s}]
"""
REFUSED = [  # file, object, what is said
    (
        "gateway-api-crds",
        GATEWAY % "HTTP, tls: {mode: Terminate}",
        "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
    ),
    ("gateway-api-crds", GATEWAY % "HTTP, hostname: '*.*'", "spec.listeners[0].hostname in body should match"),
    (
        "cert-manager-crds",
        "{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: x}, spec: {secretName: s}}",
        "spec.issuerRef: Required value",
    ),
    (
        "prometheus-operator-crds",
        PROMETHEUS.replace("spec: {}", "spec: {scrapeInterval: often}"),
        "spec.scrapeInterval in body should match",
    ),
    (
        "prometheus-operator-crds",
        PROMETHEUS.replace("spec: {}", "spec: {replica: 1}"),
        'unknown field "spec.replica"',
    ),
]


@pytest.fixture
def kubectl(tls: API, tmp_path: Path) -> Command:
    """The newest kubectl."""
    needs(27)  # explain by OpenAPI v3, and unknown fields told by the server
    return Command(binary(), tmp_path, tls.server.port)


async def define(kubectl: Command, file: str) -> None:
    """The CustomResourceDefinitions of a file, without the webhooks of an operator that does not run here."""
    await kubectl("create namespace rabbitmq-system")
    await kubectl.run("apply", "--server-side", "-f", str(FILES / f"{file}.yaml"))
    await kubectl("delete mutatingwebhookconfigurations,validatingwebhookconfigurations --all")
    await kubectl("wait --for=condition=Established crd --all --timeout=60s")


def part(whole: Any, of: Any) -> Any:
    """The fields of `whole` that `of` names."""
    return {name: part(whole.get(name), value) for name, value in of.items()} if isinstance(of, dict) else whole


@pytest.mark.slow
@pytest.mark.parametrize(("file", "text", "path", "expected"), DEFAULTED, ids=[entry[0] for entry in DEFAULTED])
async def test_defaults(tls: API, kubectl: Command, file: str, text: str, path: str, expected: Any) -> None:
    await define(kubectl, file)
    await kubectl("create -f -", text)
    assert part((await tls.get(f"/apis/{path}/x"))["spec"], expected) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("file", "text", "words"), REFUSED, ids=[entry[2] for entry in REFUSED])
async def test_refusals(kubectl: Command, file: str, text: str, words: str) -> None:
    await define(kubectl, file)
    assert words in await kubectl("create -f -", text, fails=True)
