"""The official Python client's dynamic client finds a kind by its name alone."""

import asyncio
from pathlib import Path

from kubernetes import config as kube
from kubernetes.client import ApiClient, Configuration
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ResourceNotUniqueError

from tests.apiserver.harness import API

# Upstream shows each of these in two groups or two stable versions: there too this client finds them ambiguous.
AMBIGUOUS = {"Event", "HorizontalPodAutoscaler"}


async def discovered(api: API) -> set[str]:
    """Every kind that a scanner sees."""
    groups = (await api.get("/apis"))["groups"]
    paths = ["/api/v1", *(f"/apis/{version['groupVersion']}" for group in groups for version in group["versions"])]
    resources = [resource for path in paths for resource in (await api.get(path))["resources"]]
    return {resource["kind"] for resource in resources if "/" not in resource["name"]}


def ambiguous(client: DynamicClient, kinds: set[str]) -> set[str]:
    """Those of the kinds that it finds more than once."""
    found = set()
    for kind in kinds:
        try:
            client.resources.get(kind=kind)
        except ResourceNotUniqueError:
            found.add(kind)
    return found


async def test_it_finds_one_of_each_kind(tls: API, config: Path, tmp_path: Path) -> None:
    kinds = await discovered(tls)

    def ask() -> tuple[set[str], str]:
        settings = Configuration()
        kube.load_kube_config(str(config), client_configuration=settings)
        with ApiClient(settings) as connection:
            client = DynamicClient(connection, cache_file=str(tmp_path / "cache"))
            return ambiguous(client, kinds), client.resources.get(kind="Deployment").group_version

    doubtful, deployments = await asyncio.to_thread(ask)
    assert len(kinds) > 20
    assert doubtful <= AMBIGUOUS
    assert deployments == "apps/v1"
