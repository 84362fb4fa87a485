"""kr8s takes the first group, by name, that has a resource; so there must be but one."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import kr8s.asyncio
import pytest

from tests.apiserver.harness import API, DEPLOYMENTS, deployment

pytestmark = pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported")
KINDS = {
    "pods": "pod/v1",
    "po": "pod/v1",
    "deployment": "deployment.apps/v1",
    "Deployment": "deployment.apps/v1",
    "daemonsets": "daemonset.apps/v1",
    "replicasets": "replicaset.apps/v1",
    "cronjobs": "cronjob.batch/v1",
    "ingresses": "ingress.networking.k8s.io/v1",
    "clusterroles": "clusterrole.rbac.authorization.k8s.io/v1",
}


@asynccontextmanager
async def connected(config: Path) -> AsyncIterator[kr8s.asyncio.Api]:
    """A client of our own: it keeps them for the process, and closes none."""
    api = await kr8s.asyncio.api(kubeconfig=str(config))
    try:
        yield api
    finally:
        assert api._session is not None
        await api._session.aclose()


async def test_it_picks_the_preferred_group(tls: API, config: Path) -> None:
    async with connected(config) as api:
        assert {name: (await api.async_lookup_kind(name))[0] for name in KINDS} == KINDS
        names = Counter(resource["name"] for resource in await api.async_api_resources_uncached())
    assert names["deployments"] == names["ingresses"] == 1


async def test_it_lists_deployments(tls: API, config: Path) -> None:
    await tls.create(DEPLOYMENTS, deployment("web"))
    async with connected(config) as api:
        found = [item async for item in api.async_get("deployments", namespace="default")]
    assert [(item.name, item.version) for item in found] == [("web", "apps/v1")]
