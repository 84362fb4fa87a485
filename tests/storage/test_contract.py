"""What protocol.py promises, of every Store."""

import asyncio
from collections.abc import Sequence

import pytest

from sampan.storage.protocol import (
    Compacted,
    Event,
    EventType,
    FutureRevision,
    KeyExists,
    ListenerFailed,
    Record,
    RevisionMismatch,
    Store,
)


class Follower:
    """Collects what a subscription delivers."""

    def __init__(self, store: Store, after: int = 0) -> None:
        self.events: list[Event] = []
        self._more = asyncio.Event()
        self.unsubscribe = store.subscribe(self._take, after)

    def _take(self, events: Sequence[Event]) -> None:
        self.events.extend(events)
        self._more.set()

    async def until(self, revision: int) -> list[Event]:
        while not self.events or self.events[-1].revision < revision:
            self._more.clear()
            await self._more.wait()
        return self.events


async def test_created_records_are_read_back(store: Store) -> None:
    revision = await store.create("/a/x", b"1")
    assert revision == store.revision == 1
    assert await store.get("/a/x") == Record("/a/x", b"1", 1)
    assert await store.get("/a/y") is None


async def test_a_taken_key_is_refused(store: Store) -> None:
    await store.create("/a/x", b"1")
    with pytest.raises(KeyExists):
        await store.create("/a/x", b"2")
    assert store.revision == 1


async def test_update_and_delete_compare_revisions(store: Store) -> None:
    first = await store.create("/a/x", b"1")
    second = await store.update("/a/x", b"2", first)
    with pytest.raises(RevisionMismatch) as stale:
        await store.update("/a/x", b"3", first)
    assert stale.value.current == Record("/a/x", b"2", second)
    with pytest.raises(RevisionMismatch):
        await store.delete("/a/x", first)
    assert await store.delete("/a/x", second) == 3
    with pytest.raises(RevisionMismatch) as gone:
        await store.update("/a/x", b"4", second)
    assert gone.value.current is None
    assert await store.create("/a/x", b"5") == 4


async def test_one_of_many_racing_updates_wins(store: Store) -> None:
    first = await store.create("/a/x", b"0")
    results = await asyncio.gather(*(store.update("/a/x", b"%d" % i, first) for i in range(20)), return_exceptions=True)
    assert [r for r in results if isinstance(r, int)] == [2]
    assert sum(isinstance(r, RevisionMismatch) for r in results) == 19


async def test_lists_are_in_key_order_and_bounded_by_the_prefix(store: Store) -> None:
    for key in ("/a/y", "/a/x", "/ab/z", "/b/x"):
        await store.create(key, key.encode())
    page = await store.list("/a/")
    assert [record.key for record in page.records] == ["/a/x", "/a/y"]
    assert (page.revision, page.more, page.remaining) == (4, False, 0)


async def test_pages_of_an_old_revision_do_not_see_later_writes(store: Store) -> None:
    for name in "bdf":
        await store.create(f"/a/{name}", b"old")
    first = await store.list("/a/", limit=1)
    assert (first.more, first.remaining) == (True, 2)
    await store.create("/a/c", b"new")
    await store.update("/a/d", b"new", 2)
    await store.delete("/a/f", 3)
    rest = await store.list("/a/", start_after="/a/b", revision=first.revision)
    assert rest.records == [Record("/a/d", b"old", 2), Record("/a/f", b"old", 3)]
    assert rest.revision == 3


async def test_future_and_compacted_revisions_are_refused(store: Store) -> None:
    revision = await store.create("/a/x", b"1")
    for value in (b"2", b"3"):
        revision = await store.update("/a/x", value, revision)
    with pytest.raises(FutureRevision):
        await store.list("/a/", revision=4)
    with pytest.raises(FutureRevision):
        await store.compact(4)
    assert await store.compact(2) == 1
    with pytest.raises(Compacted):
        await store.list("/a/", revision=1)
    with pytest.raises(Compacted):
        store.subscribe(lambda events: None, 1)
    assert (await store.list("/a/", revision=2)).records == [Record("/a/x", b"2", 2)]


async def test_compaction_removes_what_is_superseded_or_deleted_and_nothing_else(store: Store) -> None:
    await store.create("/a/kept", b"1")
    await store.create("/a/gone", b"2")
    await store.delete("/a/gone", 2)
    assert await store.compact(3) == 2
    assert await store.compact(3) == 0
    assert store.compacted == 3
    assert (await store.list("/")).records == [Record("/a/kept", b"1", 1)]


async def test_revisions_never_repeat_after_the_newest_is_compacted(store: Store) -> None:
    await store.create("/a/x", b"1")
    await store.delete("/a/x", 1)
    await store.compact(2)
    assert await store.create("/a/x", b"2") == 3


async def test_events_carry_both_sides_of_a_change(store: Store) -> None:
    follower = Follower(store)
    await store.create("/a/x", b"1")
    await store.update("/a/x", b"2", 1)
    await store.delete("/a/x", 2)
    await store.create("/a/x", b"3")
    await store.delete("/a/x", 4, b"final")
    assert await follower.until(5) == [
        Event(EventType.CREATE, "/a/x", b"1", 1, None),
        Event(EventType.UPDATE, "/a/x", b"2", 2, Record("/a/x", b"1", 1)),
        Event(EventType.DELETE, "/a/x", b"2", 3, Record("/a/x", b"2", 2)),
        Event(EventType.CREATE, "/a/x", b"3", 4, None),
        Event(EventType.DELETE, "/a/x", b"final", 5, Record("/a/x", b"3", 4)),
    ]


async def test_history_comes_first_and_looks_as_it_did_live(store: Store) -> None:
    live = Follower(store)
    for number in range(5):
        await store.create(f"/a/{number}", b"1")
    await store.update("/a/1", b"2", 2)
    await store.delete("/a/2", 3)
    late = Follower(store, after=2)
    assert late.events == []  # never inside the call
    await store.create("/b", b"1")
    assert await late.until(8) == (await live.until(8))[2:]


async def test_a_follower_has_seen_a_write_before_its_writer_returns(store: Store) -> None:
    follower = Follower(store)
    await store.create("/a/first", b"1")
    await follower.until(1)

    async def write(number: int) -> None:
        revision = await store.create(f"/a/{number}", b"1")
        assert follower.events[-1].revision >= revision

    await asyncio.gather(*(write(number) for number in range(50)))
    assert [event.revision for event in follower.events] == list(range(1, 52))


async def test_nothing_is_delivered_after_unsubscribing(store: Store) -> None:
    follower = Follower(store)
    await store.create("/a/x", b"1")
    await follower.until(1)
    follower.unsubscribe()
    follower.unsubscribe()
    await store.create("/a/y", b"1")
    assert len(follower.events) == 1


async def test_a_subscription_may_end_before_its_history_has_come(store: Store) -> None:
    await store.create("/a/x", b"1")
    follower = Follower(store)
    follower.unsubscribe()
    await store.create("/a/y", b"1")
    await store.get("/a/y")
    assert follower.events == []


async def test_a_cancelled_writer_leaves_the_store_in_order(store: Store) -> None:
    task = asyncio.create_task(store.create("/a/x", b"1"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await store.create("/a/y", b"1") == 2
    assert [record.key for record in (await store.list("/a/")).records] == ["/a/x", "/a/y"]


async def test_a_listener_that_raises_ends_the_store_rather_than_losing_an_event(store: Store) -> None:
    seen: list[int] = []

    def fail(events: Sequence[Event]) -> None:
        seen.extend(event.revision for event in events)
        raise KeyError("unknown")

    store.subscribe(fail, 0)
    ended = asyncio.create_task(store.wait_failed())
    assert await store.create("/a/x", b"1") == 1  # it is committed, and so acknowledged
    with pytest.raises(ListenerFailed, match="unknown"):
        await ended
    for write in (store.create("/a/y", b"1"), store.update("/a/x", b"2", 1), store.delete("/a/x", 1)):
        with pytest.raises(ListenerFailed):
            await write
    assert seen == [1] and await store.get("/a/x") == Record("/a/x", b"1", 1)


async def test_a_listener_that_fails_at_its_history_ends_the_store_too(store: Store) -> None:
    await store.create("/a/x", b"1")

    def fail(events: Sequence[Event]) -> None:
        raise ValueError("old")

    store.subscribe(fail, 0)
    with pytest.raises(ListenerFailed, match="old"):
        await store.wait_failed()
