"""WATCH: what is seen from where, and how it ends."""

import pytest

from sampan.apiserver.verbs import watch as watch_verb
from sampan.testing.clock import VirtualClock
from sampan.transport.messages import Request, StreamResponse
from tests.apiserver.harness import API, CONFIG_MAPS, PODS, config_map, pod, registered, running


async def revision(api: API) -> str:
    """The newest revision."""
    found: str = (await api.get(CONFIG_MAPS))["metadata"]["resourceVersion"]
    return found


async def test_changes_from_a_revision_on(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("before"))
    start = await revision(api)
    async with api.watch(CONFIG_MAPS, query={"resourceVersion": start}) as events:
        await api.create(CONFIG_MAPS, config_map("a", x="1"))
        await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "2"}})
        await api.call("DELETE", f"{CONFIG_MAPS}/a")
        seen = [await anext(events) for _ in range(3)]
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    assert [event["object"]["data"]["x"] for event in seen] == ["1", "2", "2"]
    revisions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert revisions == sorted(set(revisions))
    assert seen[0]["object"]["kind"] == "ConfigMap"


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
async def test_without_a_revision_the_state_comes_first(api: API, query: dict[str, str]) -> None:
    await api.create(CONFIG_MAPS, config_map("a"))
    async with api.watch(CONFIG_MAPS, query=query) as events:
        assert (await anext(events))["object"]["metadata"]["name"] == "a"


async def test_streaming_list(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with api.watch(CONFIG_MAPS, query=query) as events:
        assert (await anext(events))["type"] == "ADDED"
        end = await anext(events)
        await api.create(CONFIG_MAPS, config_map("b"))
        assert (await anext(events))["object"]["metadata"]["name"] == "b"
    assert end["type"] == "BOOKMARK"
    assert end["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    bad = await api.call("GET", CONFIG_MAPS, query={"watch": "1", "sendInitialEvents": "true"})
    assert "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan" in bad.body["message"]


async def test_a_watch_whose_client_does_not_read_holds_little(api: API) -> None:
    """Of the state that comes first, a few changes and no bytes."""
    for number in range(120):
        await api.create(CONFIG_MAPS, config_map(f"c{number}", text="x" * 1000))
    reply = await api.raw(
        Request("GET", CONFIG_MAPS, "watch=true", {"authorization": "Bearer admin"}, raw_path=CONFIG_MAPS)
    )
    assert isinstance(reply, StreamResponse)
    sizes = [len(await anext(reply.stream)) for _ in range(2)]
    assert all(10_000 < size < 20_000 for size in sizes)
    held = reply.stream.ag_frame.f_locals  # type: ignore[attr-defined]
    assert len(held["batch"]) <= 50 and held["frames"] == []
    await reply.stream.aclose()  # type: ignore[attr-defined]


async def test_objects_enter_and_leave_a_selection(api: API) -> None:
    start = await revision(api)
    query = {"resourceVersion": start, "labelSelector": "on=yes"}
    async with api.watch(CONFIG_MAPS, query=query) as events:
        await api.create(CONFIG_MAPS, config_map("a"))
        await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"on": "yes"}}})
        await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"on": None}}})
        await api.create(CONFIG_MAPS, config_map("b"))
        assert [(await anext(events))["type"] for _ in range(2)] == ["ADDED", "DELETED"]


async def test_one_object_by_field_selector_and_by_the_old_path(api: API) -> None:
    start = await revision(api)
    await api.create(CONFIG_MAPS, config_map("a"))
    await api.create(CONFIG_MAPS, config_map("b"))
    query = {"resourceVersion": start, "fieldSelector": "metadata.name=b"}
    async with api.watch(CONFIG_MAPS, query=query) as events:
        assert (await anext(events))["object"]["metadata"]["name"] == "b"
    old = "/api/v1/watch/namespaces/default/configmaps/b"
    async with api.watch(old, query={"resourceVersion": start}) as events:
        assert (await anext(events))["object"]["metadata"]["name"] == "b"


async def test_too_old_a_revision_is_an_error_event(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a"))
    await api.server.config.store.compact(api.server.config.store.revision)
    await api.create(CONFIG_MAPS, config_map("b"))
    async with api.watch(CONFIG_MAPS, query={"resourceVersion": "1"}) as events:
        event = await anext(events)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith("too old resource version: 1 (")


async def test_the_time_runs_out(api: API) -> None:
    query = {"timeoutSeconds": "1", "resourceVersion": await revision(api)}
    async with api.watch(CONFIG_MAPS, query=query) as events:
        assert [event async for event in events] == []


async def test_bookmarks_come_from_time_to_time(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_verb, "_BOOKMARK_PERIOD", 0.01)
    query = {"allowWatchBookmarks": "true", "resourceVersion": await revision(api)}
    async with api.watch(PODS, query=query) as events:
        made = await api.create(CONFIG_MAPS, config_map("a"))
        bookmark = await anext(events)
        while int(bookmark["object"]["metadata"]["resourceVersion"]) < int(made["metadata"]["resourceVersion"]):
            bookmark = await anext(events)
    assert (bookmark["type"], bookmark["object"]["kind"]) == ("BOOKMARK", "Pod")


@pytest.mark.parametrize(
    ("now", "end", "due"),
    [(0, 3600, 60), (0, 60, 58), (0, 40, 38), (38, 40, 98), (0, 1, 60), (3540, 3600, 3598), (0, 62, 60)],
)
def test_the_last_bookmark_comes_shortly_before_the_end(now: float, end: float, due: float) -> None:
    assert watch_verb.bookmark_after(now, end) == due


async def test_a_short_watch_ends_with_a_bookmark(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_verb, "_LAST_BOOKMARK", 0.9)
    await registered(api)
    start = await revision(api)
    query = {"allowWatchBookmarks": "true", "timeoutSeconds": "1", "resourceVersion": start}
    async with api.watch(CONFIG_MAPS, query=query) as events:
        seen = [event async for event in events]
    assert [(event["type"], event["object"]["metadata"]["resourceVersion"]) for event in seen] == [("BOOKMARK", start)]


async def test_ages_are_those_of_each_event() -> None:
    clock = VirtualClock()
    async with running(now=clock.now) as api:
        await api.service_account()
        await api.create(PODS, pod("p"))
        async with api.watch(PODS, accept="application/json;as=Table;v=v1;g=meta.k8s.io") as events:
            first = await anext(events)
            await clock.advance(90)
            await api.patch(f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}})
            second = await anext(events)
    age = [column["name"] for column in first["object"]["columnDefinitions"]].index("Age")
    assert [event["object"]["rows"][0]["cells"][age] for event in (first, second)] == ["0s", "90s"]


async def test_tables_have_columns_only_once(api: API) -> None:
    await api.service_account()
    await api.create(PODS, pod("p"))
    await api.create(PODS, pod("q"))
    async with api.watch(PODS, accept="application/json;as=Table;v=v1;g=meta.k8s.io") as events:
        first, second = await anext(events), await anext(events)
    assert first["object"]["columnDefinitions"]
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"][0] == "q"


async def test_stopping_the_server_ends_watches(api: API) -> None:
    await api.create(CONFIG_MAPS, config_map("a"))
    async with api.watch(CONFIG_MAPS) as events:
        assert (await anext(events))["type"] == "ADDED"
        await api.server.stop(0)
        assert [event async for event in events] == []
