"""The watch cache: what it serves, and what it makes of what is stored."""

import asyncio
import json

import pytest

from sampan.storage.cache import Cache
from sampan.storage.cached import Cached, head, tagged, untagged
from sampan.storage.protocol import KeyExists, ListenerFailed, RevisionMismatch, Store
from tests.storage.caches import PODS, describe, value


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
