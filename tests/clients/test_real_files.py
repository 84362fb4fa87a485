"""Published manifests of widely used projects: applied, explained, applied again without a change, deleted.

The files are no part of the project. They are looked for in the folder that SAMPAN_REAL_FILES names, by default the one
beside the checkout; without it these tests are left out.
"""

import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from sampan.machinery import yamlio
from tests.apiserver.harness import API
from tests.apiserver.kubectl import binary, needs
from tests.clients.rig import Command

CHECKOUT = Path(__file__).parents[2]
FILES = Path(os.environ.get("SAMPAN_REAL_FILES") or CHECKOUT.parent / "shared" / "data" / "real")
STRANGERS = {"networking.internal.knative.dev/v1alpha1", "caching.internal.knative.dev/v1alpha1"}  # without their CRDs
FIRST = {"rabbitmq-operator": "cert-manager-crds"}  # a file -> the one that its kinds come from
MOST_ANNOTATED = 262144  # bytes of all annotations; a client-side apply puts the whole object into one of them
# What kubectl calls configured each time, with upstream too: it sends a patch that changes nothing, where a file says
# null or zero for what is left out, writes a quantity in another way than the server, or leaves out what is a default
# in a list that is replaced as a whole; and for every selector of a PodDisruptionBudget (its patch strategy).
RESTLESS = {
    "configmap/ingress-nginx-controller",
    "customresourcedefinition.apiextensions.k8s.io/clusternetworkpolicies.policy.networking.k8s.io",  # with a status
    "daemonset.apps/calico-node",
    "deployment.apps/activator",
    "deployment.apps/autoscaler",
    "deployment.apps/controller",
    "deployment.apps/ingress-nginx-controller",
    "deployment.apps/metrics-server",
    "deployment.apps/prometheus",
    "poddisruptionbudget.policy/activator-pdb",
    "poddisruptionbudget.policy/calico-kube-controllers",
    "poddisruptionbudget.policy/webhook-pdb",
    "mutatingwebhookconfiguration.admissionregistration.k8s.io/cluster-operator-mutating-webhook-configuration",
    "mutatingwebhookconfiguration.admissionregistration.k8s.io/cm-cert-manager-webhook",
    "validatingwebhookconfiguration.admissionregistration.k8s.io/cluster-operator-validating-webhook-configuration",
    "validatingwebhookconfiguration.admissionregistration.k8s.io/cm-cert-manager-webhook",
    "validatingwebhookconfiguration.admissionregistration.k8s.io/ingress-nginx-admission",
}
Document = dict[str, Any]


def files(*patterns: str) -> list[Any]:
    """Those of the folder, as parameters; one that is skipped where there is none."""
    found = sorted(path for pattern in patterns for path in FILES.glob(pattern))
    none = pytest.param(Path("none"), marks=pytest.mark.skip(f"no files in {FILES}; SAMPAN_REAL_FILES names a folder"))
    return found or [none]


def stem(path: Path) -> str:
    """How a test is named after a file."""
    return path.stem


class Manifest:
    """One file: what of it is to be applied, and how."""

    def __init__(self, path: Path) -> None:
        parts = {part: yamlio.parse_yaml(part.encode()) for part in re.split(r"(?m)^---.*$", path.read_text())}
        known = {part: tree for part, tree in parts.items() if tree and tree["apiVersion"] not in STRANGERS}
        ordered = sorted(known, key=lambda part: known[part]["kind"] != "Namespace")  # one of them has it further down
        self.text = "\n---\n".join(ordered)
        self.documents: list[Document] = list(known.values())
        self.crds = [document for document in self.documents if document["kind"] == "CustomResourceDefinition"]

    @property
    def is_too_big_to_annotate(self) -> bool:
        """Whether its users, too, have to apply it with --server-side."""
        return any(len(orjson.dumps(document)) > 0.9 * MOST_ANNOTATED for document in self.documents)

    def missing_namespaces(self) -> set[str]:
        """What the project's instructions say to create first."""
        own = {document["metadata"]["name"] for document in self.documents if document["kind"] == "Namespace"}
        named = {document["metadata"].get("namespace", "default") for document in self.documents}
        return named - own - {"default", "kube-system"}


@pytest.fixture
def kubectl(tls: API, tmp_path: Path) -> Command:
    """The newest kubectl."""
    needs(27)  # explain by OpenAPI v3, and unknown fields told by the server
    return Command(binary(), tmp_path, tls.server.port)


async def versions(kubectl: Command, manifest: Manifest) -> dict[tuple[str, str], str]:
    """The resourceVersion of each object."""
    found = orjson.loads(await kubectl("get -f - -o json", manifest.text))
    items = found["items"] if found["kind"] == "List" else [found]
    return {(item["kind"], item["metadata"]["name"]): item["metadata"]["resourceVersion"] for item in items}


@pytest.mark.slow
@pytest.mark.parametrize("path", files("*.yaml"), ids=stem)
async def test_a_file_is_applied_explained_applied_again_and_deleted(kubectl: Command, path: Path) -> None:
    if path.stem in FIRST:
        await kubectl(f"apply -f {path.with_stem(FIRST[path.stem])}")
    manifest = Manifest(path)
    for name in manifest.missing_namespaces():
        await kubectl(f"create namespace {name}")
    big = manifest.is_too_big_to_annotate
    apply = "apply --server-side -f -" if big else "apply -f -"
    assert set(said(await kubectl(apply, manifest.text)).values()) == {"serverside-applied" if big else "created"}
    if manifest.crds:
        await kubectl("wait --for=condition=Established crd --all --timeout=60s")
    for crd in manifest.crds:
        await explain(kubectl, crd["spec"])
    before = await versions(kubectl, manifest)
    again = said(await kubectl(apply, manifest.text))
    assert len(again) == len(manifest.documents)
    assert big or {name for name, what in again.items() if what != "unchanged"} <= RESTLESS
    assert await versions(kubectl, manifest) == before
    assert len((await kubectl("delete -f - --wait=false", manifest.text)).splitlines()) == len(manifest.documents)


def said(output: str) -> dict[str, str]:
    """Object -> what kubectl says was done to it."""
    return dict(line.rsplit(" ", 1) for line in output.splitlines())


async def explain(kubectl: Command, spec: Any) -> None:
    """kubectl explains each version of a CustomResourceDefinition from what the server publishes."""
    plural, group = spec["names"]["plural"], spec["group"]
    for version in spec["versions"]:
        if version["served"]:
            text = await kubectl(f"explain {plural} --api-version={group}/{version['name']}")
            assert f"KIND:       {spec['names']['kind']}\n" in text
            assert f"VERSION:    {version['name']}\n" in text
            for field in version["schema"]["openAPIV3Schema"].get("properties", {}):
                assert f"\n  {field}\t" in text


@pytest.mark.slow
@pytest.mark.parametrize("path", files("bo*.yaml", "ksm-standard.yaml", "metrics-server.yaml"), ids=stem)
async def test_who_applies_in_one_way_may_go_on_in_the_other(kubectl: Command, path: Path) -> None:
    """(A file with a fieldRef that leaves its apiVersion out conflicts with upstream too: that map is atomic.)"""
    manifest = Manifest(path)
    for name in manifest.missing_namespaces():
        await kubectl(f"create namespace {name}")
    await kubectl("apply -f -", manifest.text)
    assert set(said(await kubectl("apply --server-side -f -", manifest.text)).values()) == {"serverside-applied"}
    await kubectl("apply -f -", manifest.text)  # puts kubectl's form of its annotation in place of the server's
    again = said(await kubectl("apply -f -", manifest.text))
    assert {name for name, what in again.items() if what != "unchanged"} <= RESTLESS
