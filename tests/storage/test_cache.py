"""The watch cache: what it serves, what its watchers see, and when it says that something is too old."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sampan.machinery.errors import Expired
from sampan.storage.cache import CONTINUE_TOO_OLD, Cache
from sampan.storage.cached import Cached, head, tagged, untagged
from sampan.storage.protocol import EventType, FutureRevision, KeyExists, ListenerFailed, RevisionMismatch, Store
from sampan.storage.sqlite import SQLiteStore
from sampan.storage.watch import Watch

PODS = "/core/pods/"


def describe(prefix: str) -> tuple[str, str]:
    return {"/core/pods/": ("v1", "Pod"), "/apps/deployments/": ("apps/v1", "Deployment")}[prefix]


def value(name: str, **spec: Any) -> bytes:
    return json.dumps({"metadata": {"name": name}, "spec": spec}, separators=(",", ":")).encode()


def phase(name: str) -> Any:
    return lambda cached: cached.object["spec"].get("phase") == name


async def seen(watch: Watch) -> list[tuple[str, str, int]]:
    """What the next batch says to a watch without selectors."""
    return [(event.seen_by_all, event.key, event.revision) for event in await watch.next(timeout=5)]


@pytest.fixture
async def cache(store: Store) -> AsyncIterator[Cache]:
    cache = Cache(store, describe)
    await cache.start()
    yield cache
    cache.close()


async def test_an_object_is_its_stored_bytes_with_the_revision_spliced_in(cache: Cache) -> None:
    created = await cache.create(PODS + "default/web", value("web", a=1))
    assert created.encoded == (
        b'{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"1","name":"web"},"spec":{"a":1}}'
    )
    assert created.object == json.loads(created.encoded)
    assert created.object is created.object
    assert cache.get(PODS + "default/web") is created
    assert cache.get(PODS + "default/other") is None
    assert cache.get("/apps/deployments/default/web") is None


async def test_lists_of_namespaces_that_there_are_not_leave_nothing_behind(cache: Cache) -> None:
    await cache.create(PODS + "default/web", value("web"))
    kept = cache._collections[PODS]._lists
    assert not any(cache.list(f"{PODS}n{i}/").items for i in range(100)) and not kept
    assert cache.list(PODS + "default/").items and list(kept) == [PODS + "default/"]


async def test_the_last_change_to_a_collection(cache: Cache) -> None:
    assert cache.changed(PODS) == 0
    made = await cache.create(f"{PODS}default/a", value("a"))
    await cache.create("/apps/deployments/default/a", value("a"))
    assert cache.changed(PODS) == made.revision
    gone = await cache.delete(f"{PODS}default/a", made.revision)
    assert cache.changed(PODS) == gone.revision > made.revision


async def test_versions_with_the_same_fields_differ_in_their_head_only(cache: Cache) -> None:
    created = await cache.create("/apps/deployments/default/web", value("web"))
    assert json.loads(head("extensions/v1beta1", "Deployment") + created.body) == {
        **created.object,
        "apiVersion": "extensions/v1beta1",
    }


async def test_lists_are_in_key_order_per_namespace_or_for_all(cache: Cache) -> None:
    for place in ("b/x", "a/y", "a/x", "ab/x"):
        await cache.create(PODS + place, value(place[-1]))
    assert [c.key for c in cache.list(PODS).items] == [PODS + p for p in ("a/x", "a/y", "ab/x", "b/x")]
    listing = cache.list(PODS + "a/")
    assert [c.key for c in listing.items] == [PODS + "a/x", PODS + "a/y"]
    assert listing.revision == 4
    assert json.loads(b"[" + listing.items.joined() + b"]")[0] == {
        "metadata": {"resourceVersion": "3", "name": "x"},
        "spec": {},
    }
    assert cache.list("/apps/deployments/") == ((), 4, 0)
    opening = head("v1", "Pod")  # as custom resources have it, and no remembered form of another
    assert json.loads(b"[" + listing.items.joined(opening) + b"]")[0]["kind"] == "Pod"
    assert "kind" not in json.loads(b"[" + listing.items.joined() + b"]")[0]


async def test_a_list_is_kept_until_something_below_it_changes(cache: Cache) -> None:
    await cache.create(PODS + "a/x", value("x"))
    before = cache.list(PODS)
    await cache.create("/apps/deployments/a/x", value("x"))
    assert cache.list(PODS).items is before.items
    assert cache.list(PODS).revision == 2
    await cache.update(PODS + "a/x", value("x", b=1), 1)
    assert [c.revision for c in cache.list(PODS).items] == [3]
    assert [c.revision for c in before.items] == [1]


async def test_writes_are_visible_when_they_return_and_refusals_pass_through(cache: Cache) -> None:
    key = PODS + "a/x"
    await cache.create(key, value("x"))
    with pytest.raises(KeyExists):
        await cache.create(key, value("x"))
    updated = await cache.update(key, value("x", n=2), 1)
    assert cache.get(key) is updated
    with pytest.raises(RevisionMismatch):
        await cache.update(key, value("x"), 1)
    gone = await cache.delete(key, 2)
    assert (gone.revision, gone.object["spec"]) == (3, {"n": 2})
    assert cache.get(key) is None
    assert cache.list(PODS).items == ()


async def test_a_writer_gets_its_own_write_even_when_another_followed_in_the_same_commit(cache: Cache) -> None:
    key = PODS + "a/x"
    mine, theirs = await asyncio.gather(cache.create(key, value("x", n=1)), cache.update(key, value("x", n=2), 1))
    assert (mine.revision, mine.object["spec"]) == (1, {"n": 1})
    assert cache.get(key) is theirs


async def test_pages_continue_at_their_revision(cache: Cache) -> None:
    for name in "abcde":
        await cache.create(f"{PODS}d/{name}", value(name))
    first = await cache.page(PODS, limit=2)
    assert ([c.key[-1] for c in first.items], first.revision, first.remaining) == (["a", "b"], 5, 3)
    quiet = await cache.page(PODS, limit=2, start_after=PODS + "d/b", revision=5)
    assert ([c.key[-1] for c in quiet.items], quiet.revision, quiet.remaining) == (["c", "d"], 5, 1)
    await cache.delete(PODS + "d/c", 3)
    await cache.create(PODS + "d/bb", value("bb"))
    busy = await cache.page(PODS, limit=2, start_after=PODS + "d/b", revision=5)
    assert ([c.key[-1] for c in busy.items], busy.revision, busy.remaining) == (["c", "d"], 5, 1)
    assert busy.items[1] is cache.get(PODS + "d/d")
    now = await cache.page(PODS, limit=10, start_after=PODS + "d/b")
    assert ([c.key.rpartition("/")[2] for c in now.items], now.revision) == (["bb", "d", "e"], 7)


async def test_pages_of_forgotten_revisions_are_refused_though_nothing_has_changed(cache: Cache, store: Store) -> None:
    for name in "abc":
        await cache.create(f"{PODS}d/{name}", value(name))
    await cache.create("/apps/deployments/d/n", value("n"))
    await cache.create("/apps/deployments/d/m", value("m"))
    await store.compact(4)
    assert (await cache.page(PODS, limit=1, start_after=PODS + "d/a", revision=4)).revision == 4
    with pytest.raises(Expired):
        await cache.page(PODS, limit=1, start_after=PODS + "d/a", revision=3)


async def test_pages_of_forgotten_or_future_revisions_are_refused(cache: Cache, store: Store) -> None:
    for name in "abc":
        await cache.create(f"{PODS}d/{name}", value(name))
    await store.compact(2)
    with pytest.raises(Expired) as expired:
        await cache.page(PODS, limit=1, start_after=PODS + "d/a", revision=1)
    assert expired.value.message == CONTINUE_TOO_OLD
    with pytest.raises(FutureRevision):
        await cache.page(PODS, limit=1, revision=9)


async def test_watches_see_what_lies_below_their_prefix(cache: Cache) -> None:
    everything, one_namespace, one_pod = (cache.watch(PODS + rest, 0) for rest in ("", "a/", "a/x"))
    await cache.create(PODS + "a/x", value("x"))
    await cache.create(PODS + "ab/x", value("x"))
    await cache.create("/apps/deployments/a/x", value("x"))
    await cache.create(PODS + "a/xy", value("xy"))
    await cache.update(PODS + "a/x", value("x", n=1), 1)
    await cache.delete(PODS + "ab/x", 2)
    x = [("ADDED", PODS + "a/x", 1), ("MODIFIED", PODS + "a/x", 5)]
    assert await seen(one_pod) == x
    assert await seen(one_namespace) == [x[0], ("ADDED", PODS + "a/xy", 4), x[1]]
    assert [revision for _, _, revision in await seen(everything)] == [1, 2, 4, 5, 6]


async def test_a_list_and_a_watch_from_its_revision_miss_nothing(cache: Cache) -> None:
    async def write(number: int) -> None:
        created = await cache.create(f"{PODS}a/{number}", value(str(number)))
        await cache.update(created.key, value(str(number), n=1), created.revision)

    async def mirror() -> dict[str, int]:
        listing = cache.list(PODS)
        objects = {c.key: c.revision for c in listing.items}
        with cache.watch(PODS, listing.revision) as watch:
            async for events in watch:
                objects.update((event.key, event.revision) for event in events)
                if events[-1].revision == 60:
                    break
        return objects

    async with asyncio.TaskGroup() as tasks:
        mirrors = []
        for number in range(30):
            tasks.create_task(write(number))
            if number % 10 == 0:
                mirrors.append(tasks.create_task(mirror()))
                await asyncio.sleep(0)
    final = {c.key: c.revision for c in cache.list(PODS).items}
    assert [m.result() for m in mirrors] == [final] * 3


async def test_a_watch_resumes_from_any_revision_in_the_history(cache: Cache) -> None:
    for name in "abcd":
        await cache.create(f"{PODS}d/{name}", value(name))
    assert [revision for _, _, revision in await seen(cache.watch(PODS, 2))] == [3, 4]


async def test_too_old_a_revision_is_refused_with_upstreams_words(cache: Cache, store: Store) -> None:
    for name in "abc":
        await cache.create(f"{PODS}d/{name}", value(name))
    await store.compact(2)
    await cache.create(PODS + "d/d", value("d"))
    with pytest.raises(Expired, match=r"^too old resource version: 1 \(2\)$"):
        cache.watch(PODS, 1)
    assert len(await cache.watch(PODS, 2).next()) == 2


async def test_selectors_turn_updates_into_arrivals_and_departures(cache: Cache) -> None:
    key = PODS + "a/x"
    watch = cache.watch(PODS, 0)
    await cache.create(key, value("x", phase="new"))
    await cache.update(key, value("x", phase="run"), 1)
    await cache.update(key, value("x", phase="run", n=2), 2)
    await cache.update(key, value("x", phase="end"), 3)
    await cache.delete(key, 4)
    events = await watch.next()
    assert [event.seen_as(phase("run")) for event in events] == [None, "ADDED", "MODIFIED", "DELETED", None]
    assert [event.seen_as(phase("end")) for event in events] == [None, None, None, "ADDED", "DELETED"]
    departed = json.loads(events[3].frame("DELETED"))
    assert departed["object"]["spec"] == {"phase": "run", "n": 2}  # as it was when it still matched
    assert departed["object"]["metadata"]["resourceVersion"] == "4"


async def test_a_frame_is_encoded_once_per_version(cache: Cache) -> None:
    watch = cache.watch(PODS, 0)
    await cache.create(PODS + "a/x", value("x"))
    (event,) = await watch.next()
    assert event.type is EventType.CREATE
    assert event.frame("ADDED") == (
        b'{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1",'
        b'"metadata":{"resourceVersion":"1","name":"x"},"spec":{}}}\n'
    )
    assert event.frame("ADDED") is event.frame("ADDED")
    assert json.loads(event.frame("ADDED", head("v2", "Pod")))["object"]["apiVersion"] == "v2"


async def test_a_deletion_shows_the_last_state_that_the_deleter_gave(cache: Cache) -> None:
    watch = cache.watch(PODS, 1)  # a revision that has yet to happen
    await cache.create(PODS + "a/x", value("x", n=1))
    await cache.delete(PODS + "a/x", 1, value("x", n=2))
    (event,) = await watch.next()
    assert json.loads(event.frame("DELETED"))["object"] == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "2", "name": "x"},
        "spec": {"n": 2},
    }
    assert event.old is not None and event.old.object["spec"] == {"n": 1}


async def test_a_slow_watch_is_cut_off_without_harm_to_others(store: Store) -> None:
    cache = Cache(store, describe, watch_limit=3)
    await cache.start()
    slow, quick = cache.watch(PODS, 0), cache.watch(PODS, 0)
    for number in range(5):
        await cache.create(f"{PODS}a/{number}", value(str(number)))
        assert len(await quick.next()) == 1
    assert slow.overflowed and not quick.overflowed
    assert [event.revision for event in await slow.next()] == [1, 2, 3]
    assert slow.revision == 3  # where its client resumes
    assert await slow.next() == []
    assert cache.watchers(PODS) == 1
    cache.close()


async def test_bookmarks_say_only_what_has_been_delivered(cache: Cache) -> None:
    watch = cache.watch(PODS, 0)
    assert await watch.next(timeout=0.001) == []
    assert not watch.closed
    await cache.create("/apps/deployments/a/x", value("x"))
    assert watch.revision == 1  # nothing for this watch up to here
    await cache.create(PODS + "a/x", value("x"))
    assert (watch.revision, watch.pending) == (0, 1)
    await watch.next()
    assert watch.revision == 2


async def test_closing_the_cache_ends_every_watch(cache: Cache) -> None:
    watch = cache.watch(PODS, 0)
    waiting = asyncio.create_task(watch.next())
    await asyncio.sleep(0)
    cache.close()
    assert await waiting == []
    assert watch.closed and cache.watchers(PODS) == 0
    with cache.watch(PODS, 0) as late:
        assert late.closed and await late.next() == []
    assert cache.watchers(PODS) == 0


async def test_a_cancelled_reader_loses_nothing(cache: Cache) -> None:
    watch = cache.watch(PODS, 0)
    waiting = asyncio.create_task(watch.next())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await cache.create(PODS + "a/x", value("x"))
    assert await seen(watch) == [("ADDED", PODS + "a/x", 1)]


async def test_waiting_for_a_revision_ends_with_its_write(cache: Cache) -> None:
    await cache.wait_for(0)
    waiting = asyncio.create_task(cache.wait_for(2))
    abandoned = asyncio.create_task(cache.wait_for(9))
    await cache.create(PODS + "a/x", value("x"))
    assert not waiting.done()
    abandoned.cancel()
    await cache.create(PODS + "a/y", value("y"))
    await waiting
    await asyncio.wait([abandoned])
    assert abandoned.cancelled()


async def test_watches_resume_across_a_restart(tmp_path: Path) -> None:
    store = await SQLiteStore.open(tmp_path / "state.db")
    for name in "abc":
        await store.create(f"{PODS}d/{name}", value(name))
    await store.update(PODS + "d/a", value("a", n=1), 1)
    await store.compact(1)
    await store.close()
    store = await SQLiteStore.open(tmp_path / "state.db")
    cache = Cache(store, describe)
    await cache.start()
    assert [c.revision for c in cache.list(PODS).items] == [4, 2, 3]
    events = await cache.watch(PODS, 1).next()
    assert [(event.seen_by_all, event.revision) for event in events] == [("ADDED", 2), ("ADDED", 3), ("MODIFIED", 4)]
    assert events[2].new is cache.get(PODS + "d/a")
    with pytest.raises(Expired):
        cache.watch(PODS, 0)
    cache.close()
    await store.close()


async def test_history_is_bounded_by_number(store: Store) -> None:
    cache = Cache(store, describe, history_limit=3)
    await cache.start()
    for number in range(5):
        await cache.create(f"{PODS}a/{number}", value(str(number)))
    assert len(await cache.watch(PODS, 2).next()) == 3
    with pytest.raises(Expired, match=r"too old resource version: 1 \(2\)"):
        cache.watch(PODS, 1)
    cache.close()


def test_a_cached_object_shows_where_it_comes_from() -> None:
    assert repr(Cached(PODS + "a/x", 7, value("x"), head("v1", "Pod"))) == "Cached('/core/pods/a/x', 7)"


@pytest.mark.parametrize("bad", [b"{", b'{"metadata":{"name":"\xff"}}', b"[]", b"", b"v1 {", b"v1"])
async def test_a_value_that_is_no_object_is_named_and_left_out(
    bad: bytes, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await store.create(PODS + "default/good", value("good"))
    await store.create(PODS + "default/bad", bad)
    cache = Cache(store, describe)
    await cache.start()
    assert [cached.key for cached in cache.list(PODS).items] == [PODS + "default/good"]
    assert PODS + "default/bad" in caplog.text
    cache.close()


async def test_a_value_may_say_in_which_version_it_is_stored(cache: Cache) -> None:
    await cache.create("/apps/deployments/default/new", value("new"))
    old = await cache.create("/apps/deployments/default/old", tagged("apps/v0", value("old")))
    assert old.object["apiVersion"] == "apps/v0" and json.loads(old.encoded)["kind"] == "Deployment"
    items = cache.list("/apps/deployments/").items
    assert [item["metadata"]["name"] for item in json.loads(b"[" + items.joined() + b"]")] == ["new", "old"]
    assert untagged(old.value) == value("old")


async def test_a_cache_that_cannot_follow_says_so_at_its_start(store: Store) -> None:
    await store.create(PODS + "default/web", value("web"))

    def broken(prefix: str) -> tuple[str, str]:
        raise LookupError(prefix)

    cache = Cache(store, broken)
    with pytest.raises(LookupError):
        await cache.start()
    good = Cache(store, describe)
    good._change = lambda event: broken(event.key)  # type: ignore[method-assign, assignment]
    with pytest.raises(ListenerFailed):
        await good.start()
