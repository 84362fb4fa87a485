"""Kinds that come and go while a server runs, and what lies in storage without any."""

from sampan.kinds.registry import builtin_catalogue
from sampan.machinery.kind import Kind, ServedVersion
from sampan.storage.memory import MemoryStore
from tests.apiserver.harness import API, CONFIG_MAPS, config_map, running

WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
VALUE = b'{"metadata":{"name":"w","namespace":"default","uid":"u"},"data":{"a":"1"}}'


def widgets(**more: object) -> Kind:
    """A kind made of the fields of a ConfigMap."""
    versions = (ServedVersion("example.com", "v1", "io.k8s.api.core.v1.ConfigMap"),)
    return Kind(name="Widget", plural="widgets", versions=versions, has_status=False, **more)  # type: ignore[arg-type]


async def test_a_kind_is_served_as_long_as_the_catalogue_has_it(api: API) -> None:
    before = api.server.services.catalogue
    assert (await api.call("GET", WIDGETS)).status == 404
    api.server.install(before.with_kinds([widgets(short_names=("wd",))]))
    made = await api.create(WIDGETS, {"metadata": {"name": "w"}, "data": {"a": "1"}})
    assert (made["kind"], made["apiVersion"]) == ("Widget", "example.com/v1")
    resources = (await api.get("/apis/example.com/v1"))["resources"]
    assert [(found["name"], found["shortNames"]) for found in resources] == [("widgets", ["wd"])]
    assert "apis/example.com/v1" in (await api.get("/openapi/v3"))["paths"]
    api.server.install(before)
    assert (await api.call("GET", WIDGETS)).status == 404
    assert "apis/example.com/v1" not in (await api.get("/openapi/v3"))["paths"]


async def test_a_request_under_way_keeps_its_catalogue(api: API) -> None:
    api.server.install(api.server.services.catalogue.with_kinds([widgets()]))
    async with api.watch(WIDGETS) as events:
        api.server.install(builtin_catalogue().with_kinds([widgets(short_names=("wd",))]))
        await api.create(WIDGETS, {"metadata": {"name": "w"}})
        event = await anext(events)
        assert (event["type"], event["object"]["kind"]) == ("ADDED", "Widget")


async def test_what_is_stored_of_an_unknown_kind_harms_nobody_and_comes_back_with_it() -> None:
    store = MemoryStore()
    await store.create("/example.com/widgets/default/w", VALUE)
    async with running(store=store) as api:
        await api.create(CONFIG_MAPS, config_map("c"))
        assert (await api.call("GET", WIDGETS)).status == 404
        await api.server.services.cache.create("/example.com/gadgets/default/g", VALUE)
        api.server.install(api.server.services.catalogue.with_kinds([widgets()]))
        found = await api.get(WIDGETS + "/w")
        assert (found["kind"], found["apiVersion"], found["data"]) == ("Widget", "example.com/v1", {"a": "1"})
        assert [item["metadata"]["name"] for item in (await api.get(WIDGETS))["items"]] == ["w"]
