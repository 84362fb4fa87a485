"""Helm installs, upgrades and removes charts: one of today with a CustomResourceDefinition, one of 2017."""

from pathlib import Path

import pytest

from tests.apiserver.extensions.crontabs import DEFINITIONS
from tests.apiserver.harness import API, DEPLOYMENTS
from tests.clients.programs import program
from tests.clients.rig import Command

CHART = "apiVersion: v2\nname: {name}\nversion: 0.1.0\n"
OLD = """
apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  template:
    metadata: {labels: {app: old}}
    spec:
      containers: [{name: main, image: luksa/kubia}]
"""
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Boat, plural: boats, singular: boat}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [planks]
            properties: {planks: {type: integer, minimum: 3}, wood: {type: string, default: teak}}
"""
BOAT = """
apiVersion: example.com/v1
kind: Boat
metadata: {name: {{ .Release.Name }}}
spec: {planks: {{ .Values.planks }}}
"""


@pytest.fixture
def helm(tls: API, tmp_path: Path) -> Command:
    """Helm as an administrator."""
    return Command(program("helm"), tmp_path, tls.server.port)


def chart(folder: Path, name: str, files: dict[str, str]) -> Path:
    """A chart of these files."""
    root = folder / name
    for path, text in {"Chart.yaml": CHART.format(name=name), **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


async def test_a_chart_of_2017(tls: API, helm: Command, tmp_path: Path) -> None:
    where = chart(tmp_path, "old", {"values.yaml": "replicas: 1\n", "templates/web.yaml": OLD})
    assert "STATUS: deployed" in await helm(f"install web {where}")
    assert "REVISION: 2" in await helm(f"upgrade web {where} --set replicas=3")
    assert (await tls.get(f"{DEPLOYMENTS}/web"))["spec"]["replicas"] == 3
    assert "web" in await helm("list --short")
    assert await helm("uninstall web") == 'release "web" uninstalled\n'
    assert (await tls.get(DEPLOYMENTS))["items"] == []


async def test_a_chart_with_a_custom_resource_definition(tls: API, helm: Command, tmp_path: Path) -> None:
    files = {"values.yaml": "planks: 3\n", "crds/boats.yaml": CRD, "templates/boat.yaml": BOAT}
    where = chart(tmp_path, "boats", files)
    assert "STATUS: deployed" in await helm(f"install sampan {where}")
    boats = "/apis/example.com/v1/namespaces/default/boats"
    assert (await tls.get(f"{boats}/sampan"))["spec"] == {"planks": 3, "wood": "teak"}
    assert "REVISION: 2" in await helm(f"upgrade sampan {where} --set planks=5")
    assert (await tls.get(f"{boats}/sampan"))["spec"]["planks"] == 5
    assert "should be greater than or equal to 3" in await helm(f"upgrade sampan {where} --set planks=1", fails=True)
    await helm("uninstall sampan")
    assert (await tls.get(boats))["items"] == []
    kept = (await tls.get(DEFINITIONS))["items"]
    assert [definition["metadata"]["name"] for definition in kept] == ["boats.example.com"]
