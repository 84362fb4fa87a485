"""Objects on other API servers are collected and deleted like our own."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sampan.controllers.config import Config
from sampan.kinds.apiregistration.api_service import KIND as API_SERVICE
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.service import KIND as SERVICE
from sampan.machinery.conditions import find
from tests.apiserver.aggregation.backend import (
    GROUP,
    NAME,
    VERSION,
    Backend,
    api_service,
    available,
    backend,
    front_options,
    service,
)
from tests.controllers.cluster import NS, Cluster, control_plane


@pytest.fixture
async def sample() -> AsyncIterator[Backend]:
    async with backend() as made:
        yield made


@pytest.fixture
async def cluster(sample: Backend) -> AsyncIterator[Cluster]:
    async with control_plane(Config(), **front_options()) as running:
        await running.client.create(SERVICE, service(), "default")
        await running.client.create(API_SERVICE, api_service(sample.port))
        await running.one(API_SERVICE, NAME, lambda found: available(found).get("reason") == "Passed")
        yield running


def flunder(name: str, **metadata: Any) -> Any:
    meta = {"name": name, "namespace": NS, **metadata}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Flunder", "metadata": meta}


async def until(cluster: Cluster, holds: Callable[[], bool]) -> None:
    """Let time pass until something outside of the cluster is as it should be."""
    for _ in range(600):
        if holds():
            return
        await cluster.clock.advance(0.2)
    raise AssertionError("never became so")


async def test_what_an_owner_leaves_behind_is_collected(cluster: Cluster, sample: Backend) -> None:
    owner = await cluster.create(CONFIG_MAP, {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    sample.put(flunder("owned", ownerReferences=[reference]))
    sample.put(flunder("free"))
    await until(cluster, lambda: any("watch=true" in one.raw_query for one in sample.requests))
    await cluster.client.delete(CONFIG_MAP, "owner", NS)
    await until(cluster, lambda: (NS, "owned") not in sample.objects)
    assert (NS, "free") in sample.objects


async def test_a_namespace_goes_with_them(cluster: Cluster, sample: Backend) -> None:
    sample.put(flunder("one"))
    await until(cluster, lambda: any("watch=true" in one.raw_query for one in sample.requests))
    await cluster.client.delete(NAMESPACE, NS)
    await cluster.gone(NAMESPACE, NS)
    assert not sample.objects


async def test_a_server_that_is_down_keeps_a_namespace(cluster: Cluster, sample: Backend) -> None:
    sample.put(flunder("one"))
    await cluster.create(CONFIG_MAP, {"metadata": {"name": "plain"}})
    sample.broken = True
    await cluster.client.patch(API_SERVICE, NAME, {"metadata": {"labels": {"look": "again"}}})
    await cluster.one(API_SERVICE, NAME, lambda found: available(found).get("reason") == "FailedDiscoveryCheck")
    await cluster.client.delete(NAMESPACE, NS)

    def held(namespace: Any) -> bool:
        condition = find(namespace["status"].get("conditions") or (), "NamespaceDeletionDiscoveryFailure")
        return condition is not None and condition["status"] == "True"

    waiting = await cluster.one(NAMESPACE, NS, held)
    condition = find(waiting["status"]["conditions"], "NamespaceDeletionDiscoveryFailure")
    assert condition is not None
    place = f"{GROUP}/{VERSION}"
    assert (condition["reason"], condition["message"]) == (
        "DiscoveryFailed",
        "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
        f"{place}: stale GroupVersion discovery: {place}",
    )
    await cluster.gone(CONFIG_MAP, "plain")  # the rest goes all the same
    assert (NS, "one") in sample.objects
    sample.broken = False
    await cluster.client.patch(API_SERVICE, NAME, {"metadata": {"labels": {"look": "now"}}})
    await cluster.gone(NAMESPACE, NS)
    assert not sample.objects
