"""A store that encrypts: nothing plain on disk, old keys read, stale values known, the unreadable in nobody's way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.storage.cache import Cache
from sampan.storage.encryption.transformers import Transformers
from sampan.storage.protocol import Event, EventType, Unreadable
from sampan.storage.sqlite import SQLiteStore
from tests.storage.encryption.configurations import IDENTITY_PROVIDER, key, local, table

WEB, OTHER, PLAIN = "/core/secrets/default/web", "/core/secrets/default/other", "/core/configmaps/default/web"
OLD = table((["secrets"], [local("aesgcm", key("old", "o"))]))
BOTH = table((["secrets"], [local("aesgcm", key("new", "n"), key("old", "o")), IDENTITY_PROVIDER]))
NEW = table((["secrets"], [local("aesgcm", key("new", "n"))]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def value(text: str) -> bytes:
    """An object with a text that is looked for on the disk."""
    return b'{"metadata":{"name":"web"},"data":"%b"}' % text.encode()


def on_disk(path: Path) -> bytes:
    """All that the store's files hold."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()))


async def started(store: SQLiteStore) -> Cache:
    cache = Cache(store, lambda prefix: ("v1", prefix.split("/")[2]))
    await cache.start()
    return cache


async def reopened(path: Path, transformers: Transformers | None) -> SQLiteStore:
    return await SQLiteStore.open(path, transformers)


def events_of(store: SQLiteStore) -> list[Event]:
    found: list[Event] = []
    store.subscribe(found.extend, 0)
    return found


async def test_no_value_is_plain_on_disk_in_its_life_and_after(path: Path) -> None:
    store = await SQLiteStore.open(path, OLD)
    first = await store.create(WEB, value("LOOKED-FOR-1"))
    second = await store.update(WEB, value("LOOKED-FOR-2"), first)
    await store.create(PLAIN, value("NO-SECRET"))
    assert b"LOOKED-FOR" not in on_disk(path) and b"k8s:enc:aesgcm:v1:old:" in on_disk(path)
    await store.delete(WEB, second, value("LOOKED-FOR-3"))
    await store.compact(store.revision)
    await store.close()
    assert b"LOOKED-FOR" not in on_disk(path) and b"NO-SECRET" in on_disk(path)


async def test_what_was_plain_before_is_gone_from_the_disk_once_it_is_superseded(path: Path) -> None:
    store = await SQLiteStore.open(path)
    for number in range(40):
        await store.create(f"{WEB}{number}", value(f"LOOKED-FOR-{number}" * 100))
    await store.close()
    assert b"LOOKED-FOR" in on_disk(path)
    store = await SQLiteStore.open(path, BOTH)
    for record in (await store.list("/core/secrets/")).records:
        assert store.is_stale(record.key)
        await store.update(record.key, record.value, record.revision)
    await store.compact(store.revision)
    await store.close()
    assert b"LOOKED-FOR" not in on_disk(path)


async def test_history_and_old_lists_are_read_back(path: Path) -> None:
    store = await SQLiteStore.open(path, OLD)
    first = await store.create(WEB, value("one"))
    second = await store.update(WEB, value("two"), first)
    third = await store.delete(WEB, second)
    await store.close()
    store = await reopened(path, BOTH)
    events, page = events_of(store), await store.list("/core/secrets/", revision=second)
    assert [(event.type, event.value) for event in events] == [
        (EventType.CREATE, value("one")),
        (EventType.UPDATE, value("two")),
        (EventType.DELETE, value("two")),
    ]
    assert [record.value for record in page.records] == [value("two")] and third == store.revision
    await store.close()


async def test_only_what_another_key_wrote_is_stale(path: Path) -> None:
    store = await SQLiteStore.open(path, OLD)
    await store.create(WEB, value("one"))
    await store.create(PLAIN, value("one"))
    assert not store.is_stale(WEB) and not store.is_stale(PLAIN)
    await store.close()
    store = await reopened(path, BOTH)
    assert store.is_stale(WEB) and not store.is_stale(PLAIN)
    record = await store.get(WEB)
    assert record is not None
    await store.update(WEB, record.value, record.revision)
    assert not store.is_stale(WEB)
    await store.close()


async def test_an_installed_table_makes_stale_what_the_one_before_wrote(path: Path) -> None:
    transformers = Transformers(OLD._overrides)
    store = await SQLiteStore.open(path, transformers)
    await store.create(WEB, value("one"))
    transformers.install(BOTH._overrides)
    assert store.is_stale(WEB)
    await store.create(OTHER, value("two"))
    assert not store.is_stale(OTHER) and b"k8s:enc:aesgcm:v1:new:" in on_disk(path)
    await store.close()


@pytest.mark.parametrize("transformers", [NEW, None], ids=["other key", "no configuration"])
async def test_what_can_not_be_read_is_named_and_everything_else_is_served(
    path: Path, transformers: Transformers | None
) -> None:
    store = await SQLiteStore.open(path, OLD)
    await store.create(WEB, value("one"))
    await store.create(PLAIN, value("one"))
    await store.close()
    store = await reopened(path, transformers)
    cache = await started(store)
    assert cache.get(WEB) is None and cache.get(PLAIN) is not None
    assert cache.list("/core/secrets/").items == ()
    why = "no matching key was found for the provided AES transformer"
    why = why if transformers else "identity transformer tried to read encrypted data"
    assert cache.unreadable[WEB] == (f'unable to transform key "{WEB}": {why}', 1)
    assert list(cache.unreadable_below("/core/configmaps/")) == []
    assert (await cache.page("/core/secrets/", limit=5, revision=1)).items == ()
    await store.close()


async def test_what_can_not_be_read_can_be_deleted_and_made_anew(path: Path) -> None:
    store = await SQLiteStore.open(path, OLD)
    await store.create(WEB, value("one"))
    await store.close()
    store = await reopened(path, NEW)
    cache = await started(store)
    with cache.watch("/core/secrets/", cache.revision) as watch:
        await cache.delete(WEB, cache.unreadable[WEB].revision)
        assert not cache.unreadable and not watch.pending  # nobody had seen it
        await cache.create(WEB, value("two"))
        (event,) = await watch.next(1)
    assert event.seen_by_all == "ADDED" and event.new is not None and event.new.value == value("two")
    await store.close()


async def test_what_becomes_readable_comes_back_as_if_it_were_new(path: Path) -> None:
    store = await SQLiteStore.open(path, OLD)
    await store.create(WEB, value("one"))
    await store.create(OTHER, value("two"))
    await store.close()
    transformers = Transformers(NEW._overrides)
    store = await reopened(path, transformers)
    cache = await started(store)
    assert await store.reread() == 0
    with cache.watch("/core/secrets/", cache.revision) as watch:
        transformers.install(BOTH._overrides)
        assert await store.reread() == 2
        events = await watch.next(1)
    assert [event.seen_by_all for event in events] == ["ADDED", "ADDED"]
    assert len(cache.list("/core/secrets/").items) == 2 and not cache.unreadable
    assert not store.is_stale(WEB)
    await store.close()


async def test_a_change_among_values_that_can_not_be_read_is_none(path: Path) -> None:
    store = await SQLiteStore.open(path, OLD)
    revision = await store.update(WEB, value("two"), await store.create(WEB, value("one")))
    await store.delete(WEB, revision)
    await store.close()
    store = await reopened(path, NEW)
    events = events_of(store)
    cache = await started(store)
    assert [type(event.value) for event in events] == [Unreadable] * 3
    with cache.watch("/core/secrets/", 0) as watch:
        assert not watch.pending
    assert cache.revision == store.revision
    await store.close()


def _torn(stored: bytes) -> Iterator[bytes]:
    yield stored[:-1]
    yield stored[:30] + bytes([stored[30] ^ 1]) + stored[31:]


async def test_a_damaged_value_harms_itself_only(path: Path) -> None:
    store = await SQLiteStore.open(path, OLD)
    await store.create(WEB, value("one"))
    await store.create(OTHER, value("two"))
    written = await store._call(lambda _, file: file._db.execute("SELECT value FROM log WHERE revision = 1").fetchone())
    torn_by_its_writer = "UPDATE log SET value = ?, checksum = NULL WHERE revision = 1"
    for torn in _torn(written[0]):
        await store._call(lambda _, file, torn=torn: file._db.execute(torn_by_its_writer, (torn,)))
        await store.close()
        store = await reopened(path, OLD)
        cache = await started(store)
        assert cache.unreadable[WEB].why.endswith(": cipher: message authentication failed")
        assert cache.get(OTHER) is not None
    await store.close()
