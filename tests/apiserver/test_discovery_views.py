"""Who sees which versions in discovery: scanners what Kubernetes shows by default, who maps manifests everything."""

from collections.abc import Mapping
from typing import Any

import pytest

from sampan.apiserver.discovery.model import by_stability
from sampan.apiserver.discovery.views import LegacyDiscovery, is_mapper
from sampan.transport.messages import Request, Response
from tests.apiserver.extensions.crontabs import established
from tests.apiserver.harness import API, running

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
KUBECTL = {"user-agent": "kubectl/v1.20.2 (linux/amd64) kubernetes/faecb19"}
PYTHON = {"user-agent": "OpenAPI-Generator/37.0.2/python"}
MAPPERS = [
    "kubectl/v1.15.12 (linux/amd64) kubernetes/e2a822d",
    "kubectl/v1.37.2 (darwin/arm64) kubernetes/abcdef0",
    "kubectl.1.27/v1.27.16 (linux/amd64) kubernetes/cbb86e0",
    "kubectl-1.20/v1.20.2 (linux/amd64) kubernetes/faecb19",
    "kubectl1.31/v1.31.0",
    "kubectl.exe/v1.33.1 (windows/amd64) kubernetes/8adc0f0",
    "microk8s.kubectl/v1.29.0",
    "Helm/3.19.0",
    "Helm/4.0.0",
    "helm/v0.0.0 (linux/amd64) kubernetes/$Format",
]
SCANNERS = [
    "",
    "OpenAPI-Generator/37.0.2/python",
    "kopf/1.45.2",
    "Python/3.11 aiohttp/3.14.5",
    "kr8s/0.20.15",
    "k9s/v0.0.0 (linux/amd64) kubernetes/$Format",
    "argocd-application-controller/v0.0.0 (linux/amd64) kubernetes/$Format",
    "kustomize-controller/v0.0.0 (linux/amd64) kubernetes/$Format",
    "kubectl-tree/v0.0.0 (linux/amd64) kubernetes/$Format",
    "e2e.test/v1.37.2 (linux/amd64) kubernetes/abcdef0",
    "not-a-helm-chart/1",
    "Mozilla/5.0 kubectl/v1.20.2",
]


@pytest.mark.parametrize("agent", MAPPERS)
def test_what_maps_manifests(agent: str) -> None:
    assert is_mapper({"user-agent": agent})


@pytest.mark.parametrize("agent", SCANNERS)
def test_what_scans(agent: str) -> None:
    assert not is_mapper({"user-agent": agent})


def test_kubectl_of_another_name_says_its_command() -> None:
    assert is_mapper({"user-agent": "k/v1.33.1 (linux/amd64)", "kubectl-command": "kubectl apply"})


def test_an_endless_user_agent_is_cheap() -> None:
    assert not is_mapper({"user-agent": "kubectl" * 1_000_000})


async def versions(api: API, headers: Mapping[str, str]) -> dict[str, list[str]]:
    """Group -> versions, the same in both forms of discovery."""
    old = (await api.get("/apis", headers=headers))["groups"]
    new = (await api.get("/apis", headers=headers, accept=V2))["items"]
    found = {group["name"]: [version["version"] for version in group["versions"]] for group in old}
    assert found == {g["metadata"]["name"]: [version["version"] for version in g["versions"]] for g in new}
    assert all(group["preferredVersion"] == group["versions"][0] for group in old)
    return found


async def resources(api: API, path: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The resources of a version, by name."""
    return {resource["name"]: resource for resource in (await api.get(path, headers=headers))["resources"]}


async def test_scanners_see_one_of_each(api: API) -> None:
    found = await versions(api, PYTHON)
    assert "extensions" not in found
    assert (found["apps"], found["batch"], found["networking.k8s.io"]) == (["v1"], ["v1"], ["v1"])
    assert [v["version"] for v in (await api.get("/apis/apps", headers=PYTHON))["versions"]] == ["v1"]


async def test_scanners_see_every_version_of_a_custom_resource(api: API) -> None:
    schema = {"openAPIV3Schema": {"type": "object"}}
    names = {"kind": "Boat", "plural": "boats", "singular": "boat"}
    versions_of_boats = [
        {"name": "v1", "served": True, "storage": True, "schema": schema},
        {"name": "v1beta1", "served": True, "storage": False, "schema": schema, "deprecated": True},
    ]
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions_of_boats}
    await established(api, {"metadata": {"name": "boats.example.com"}, "spec": spec})
    found = await versions(api, PYTHON)
    assert found["example.com"] == ["v1", "v1beta1"]
    assert list(found)[-2:] == ["example.com", "metrics.k8s.io"]


async def test_mappers_see_all(api: API) -> None:
    found = await versions(api, KUBECTL)
    assert found["apps"] == ["v1", "v1beta2", "v1beta1"]
    assert found["batch"] == ["v1", "v1beta1", "v2alpha1"]
    assert list(found)[-1] == "extensions"  # clients resolve a name that several groups have to the first


async def test_paths_of_legacy_versions_answer_everyone(api: API) -> None:
    assert "deployments" in await resources(api, "/apis/extensions/v1beta1", PYTHON)
    assert "cronjobs" in await resources(api, "/apis/batch/v2alpha1", PYTHON)
    assert [v["version"] for v in (await api.get("/apis/extensions", headers=PYTHON))["versions"]] == ["v1beta1"]
    assert (await api.call("GET", "/apis/extensions/v1beta1/deployments", headers=PYTHON)).status == 200


async def test_names_are_not_ambiguous_to_kubectl(api: API) -> None:
    """It warns where two resources have one short name, and lists both for `all`."""
    for path in ("/apis/events.k8s.io/v1", "/apis/extensions/v1beta1"):
        found = await resources(api, path, KUBECTL)
        assert not [r for r in found.values() if r.get("shortNames") or r.get("categories")]
    assert (await resources(api, "/api/v1", KUBECTL))["events"]["shortNames"] == ["ev"]
    assert (await resources(api, "/apis/apps/v1beta1", KUBECTL))["deployments"]["shortNames"] == ["deploy"]
    assert (await resources(api, "/apis/events.k8s.io/v1", PYTHON))["events"]["shortNames"] == ["ev"]  # as upstream


def test_versions_are_preferred_by_stability() -> None:
    expected = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]
    assert by_stability(sorted(expected)) == expected


async def test_caches_keep_the_views_apart(api: API) -> None:
    answers = [await api.call("GET", "/apis", headers=who) for who in (PYTHON, KUBECTL)]
    etags = [answer.headers["etag"] for answer in answers]
    assert etags[0] != etags[1]
    assert answers[0].headers["vary"] == "Accept, User-Agent, Kubectl-Command"
    assert (await api.call("GET", "/apis", headers={**PYTHON, "if-none-match": etags[0]})).status == 304
    assert (await api.call("GET", "/apis", headers={**KUBECTL, "if-none-match": etags[0]})).status == 200


async def test_nothing_is_rendered_per_request(api: API) -> None:
    for path, accept in (
        ("/apis", ""),
        ("/apis", V2),
        ("/api", ""),
        ("/apis/apps/v1", ""),
        ("/apis", "application/yaml"),
    ):
        first, second = [await _body(api, path, accept) for _ in range(2)]
        assert first is second


async def _body(api: API, path: str, accept: str) -> bytes:
    headers = {"authorization": "Bearer admin", "accept": accept}
    reply = await api.raw(Request("GET", path, "", headers, raw_path=path))
    assert isinstance(reply, Response)
    return reply.body


@pytest.mark.parametrize("who", [PYTHON, KUBECTL])
async def test_always_and_never(who: dict[str, str]) -> None:
    async with running(legacy_discovery=LegacyDiscovery.ALWAYS) as api:
        assert "extensions" in await versions(api, who)
        assert (await api.call("GET", "/apis", headers=who)).headers["vary"] == "Accept"
    async with running(legacy_discovery=LegacyDiscovery.NEVER) as api:
        assert "extensions" not in await versions(api, who)
        assert "deployments" in await resources(api, "/apis/extensions/v1beta1", who)


async def test_subresources_name_their_type_only_where_it_is_foreign(api: API) -> None:
    found = await resources(api, "/api/v1")
    assert found["pods/eviction"]["group"] == "policy"
    assert {"group", "version"}.isdisjoint(found["pods/binding"])
