"""The in-process client: the same rules as over the wire, and the cache's own objects."""

import pytest

from sampan.apiserver.authentication.user import authenticated
from sampan.kinds.apps.deployment import KIND as DEPLOYMENT
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import Conflict, Expired, Forbidden, NotFound
from tests.apiserver.harness import API, config_map, deployment


async def test_objects_are_shared_with_the_cache(api: API) -> None:
    client = api.server.local_client()
    made = await client.create(CONFIG_MAP, config_map("a", x="1"), "default")
    assert await client.get(CONFIG_MAP, "a", "default") is made
    listed = await client.list(CONFIG_MAP, "default")
    assert listed.items[0] is made
    assert listed.resource_version == made["metadata"]["resourceVersion"]


async def test_bodies_stay_the_callers(api: API) -> None:
    client = api.server.local_client()
    body = deployment("web")
    before = deployment("web")
    await client.create(DEPLOYMENT, body, "default")
    assert body == before


async def test_errors_are_raised(api: API) -> None:
    client = api.server.local_client()
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, "a", "default")
    made = await client.create(CONFIG_MAP, config_map("a"), "default")
    await client.patch(CONFIG_MAP, "a", {"data": {"x": "1"}}, "default")
    with pytest.raises(Conflict):
        await client.update(CONFIG_MAP, {**made, "data": {"x": "2"}})
    with pytest.raises(Forbidden):
        await api.server.local_client(authenticated("joe")).list(POD, "default")


async def test_watch(api: API) -> None:
    client = api.server.local_client()
    start = (await client.list(CONFIG_MAP)).resource_version
    async with client.watch(CONFIG_MAP, resource_version=start) as events:
        made = await client.create(CONFIG_MAP, config_map("a"), "default")
        event = await anext(events)
    assert (event.type, event.object) == ("ADDED", made)
    assert event.object is made
    await api.server.config.store.compact(api.server.config.store.revision)
    await client.create(CONFIG_MAP, config_map("b"), "default")
    with pytest.raises(Expired):
        async with client.watch(CONFIG_MAP, resource_version="1") as events:
            await anext(events)


async def test_raw_paths(api: API) -> None:
    assert (await api.server.local_client().transport.request("GET", "/version"))["minor"] == "37"
