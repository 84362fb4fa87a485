"""The watch cache: what its watchers see, and when it says that something is too old."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sampan.machinery.errors import Expired
from sampan.storage.cache import Cache
from sampan.storage.cached import head
from sampan.storage.protocol import EventType, Store
from sampan.storage.sqlite import SQLiteStore
from sampan.storage.watch import Watch
from tests.storage.caches import PODS, describe, value


def phase(name: str) -> Any:
    return lambda cached: cached.object["spec"].get("phase") == name


async def seen(watch: Watch) -> list[tuple[str, str, int]]:
    """What the next batch says to a watch without selectors."""
    return [(event.seen_by_all, event.key, event.revision) for event in await watch.next(timeout=5)]


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
