"""Disks lie: what is damaged is named, and costs no more than it must. Nothing comes back changed without a word."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sampan.storage.cache import Cache
from sampan.storage.protocol import Event, StoreCorrupt, StoreError
from sampan.storage.sqlite import SQLiteStore
from tests.cluster.place import command_in, mend
from tests.storage.test_sqlite import assert_current, contents, kill_after, overwrite

KEYS = [f"/core/configmaps/default/c{number:02}" for number in range(30)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def value(number: int) -> bytes:
    return b'{"metadata":{"name":"c%02d"},"data":{"key":"%b"}}' % (number, bytes([97 + number % 26]) * 200)


async def filled(path: Path) -> dict[str, bytes]:
    """A file with an object for each key; what they are."""
    store = await SQLiteStore.open(path)
    for number, key in enumerate(KEYS):
        await store.create(key, value(number))
    await store.close()
    return {key: value(number) for number, key in enumerate(KEYS)}


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


async def cached(store: SQLiteStore) -> Cache:
    cache = Cache(store, lambda prefix: ("v1", "ConfigMap"))
    await cache.start()
    return cache


@pytest.mark.parametrize(
    "damage",
    [
        "value = replace(value, 'ddd', 'dde')",  # which is text
        "value = CAST(replace(value, 'ddd', 'dde') AS BLOB)",
        "value = substr(value, 1, 100)",
        "value = NULL",
        "checksum = checksum + 1",
        "checksum = NULL",
        "value = CAST(x'fffe' AS TEXT)",
    ],
)
async def test_a_row_that_is_not_what_was_written_costs_its_object(path: Path, damage: str) -> None:
    await filled(path)
    change(path, f"UPDATE log SET {damage} WHERE revision = 4")
    store = await SQLiteStore.open(path)
    cache = await cached(store)
    assert cache.unreadable.keys() == {KEYS[3]}
    why = cache.unreadable[KEYS[3]].why
    assert f"revision 4 in {path} is damaged: its checksum is wrong" in why
    assert (cache.get(KEYS[3]), cache.get(KEYS[4]) is not None) == (None, True)
    assert await store.reread() == 0  # no key to come makes it good
    await store.delete(KEYS[3], 4)
    await store.create(KEYS[3], value(3))
    assert (cache.unreadable, cache.get(KEYS[3]) is not None) == ({}, True)
    await store.close()


async def test_a_key_that_is_no_text_costs_its_object(path: Path) -> None:
    await filled(path)
    change(path, "UPDATE log SET key = CAST(CAST(substr(key, 1, 10) AS BLOB) || x'ff' AS TEXT) WHERE revision = 4")
    store = await SQLiteStore.open(path)
    cache = await cached(store)
    assert list(cache.unreadable) == [r"/core/conf\xff"]
    assert (cache.get(KEYS[3]), cache.get(KEYS[4]) is not None) == (None, True)
    await store.delete(r"/core/conf\xff", 4)
    await store.create(KEYS[3], value(3))
    await store.close()
    assert (await contents(path)).current.keys() == set(KEYS)


async def test_a_key_that_is_below_nothing_is_named_too(path: Path) -> None:
    await filled(path)
    change(path, "UPDATE log SET key = 'x' || substr(key, 2) WHERE revision = 4")
    store = await SQLiteStore.open(path)
    cache = await cached(store)
    assert list(cache.unreadable) == [f"x{KEYS[3][1:]}"]
    await store.close()


async def test_a_row_that_has_gone_is_missed(path: Path) -> None:
    await filled(path)
    change(path, "DELETE FROM log WHERE revision = 4")
    with pytest.raises(StoreCorrupt, match="revision 5 does not follow 3") as caught:
        await SQLiteStore.open(path)
    mend(command_in(str(caught.value), path))
    await (await SQLiteStore.open(path)).close()


async def test_history_does_not_tell_what_was_not_written(path: Path) -> None:
    await filled(path)
    change(path, "UPDATE log SET value = replace(value, 'ddd', 'dde') WHERE revision = 4")
    store = await SQLiteStore.open(path)
    events: list[Event] = []
    store.subscribe(events.extend, 0)
    await store.list("/")
    damaged = [event.revision for event in events if not event.value.startswith(b"{") or hasattr(event.value, "why")]
    assert (len(events), damaged) == (30, [4])
    await store.close()


async def test_no_flipped_bit_is_taken_for_what_was_written(path: Path, tmp_path: Path) -> None:
    written, chance = await filled(path), random.Random(7)
    for number in range(150):
        copy = flipped(path, tmp_path / str(number), chance)
        try:
            store = await SQLiteStore.open(copy)
        except StoreError as error:
            mend(command_in(str(error), copy))
            await (await SQLiteStore.open(copy)).close()
            continue
        found = {record.key: record.value for record in (await store.list("")).records}
        await store.close()
        said = {key for key, value in found.items() if hasattr(value, "why")}
        assert [key for key, value in found.items() if written.get(key) != value and key not in said] == []
        assert said or found.keys() == written.keys()  # a key, too, may be what is damaged


async def test_no_flipped_bit_of_the_write_ahead_log_loses_what_was_acknowledged(path: Path, tmp_path: Path) -> None:
    told = [line.split() for line in kill_after(path, 100)]
    acknowledged = {int(revision): (what, key, value.encode()) for revision, what, key, value in told}
    chance, named = random.Random(7), 0
    for number in range(60):
        copy = flipped(path, tmp_path / str(number), chance, "state.db-wal")
        try:
            found = await contents(copy)
        except StoreError as error:
            mend(command_in(str(error), copy))
            await (await SQLiteStore.open(copy)).close()
            named += 1
        else:
            assert found.revision >= max(acknowledged)
            assert_current(found, acknowledged)
    assert named > 10


def flipped(path: Path, folder: Path, chance: random.Random, name: str = "state.db") -> Path:
    """A copy of a store with another bit somewhere in one of its files."""
    shutil.copytree(path.parent, folder, ignore=lambda _, names: [name for name in names if name.isdigit()])
    good = (path.parent / name).read_bytes()
    place = chance.randrange(len(good))
    overwrite(folder / name, place, bytes([good[place] ^ 1 << chance.randrange(8)]))
    return folder / path.name


def lose(path: Path, *, emptied: bool) -> None:
    path.unlink()
    if emptied:
        path.touch()


def wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@pytest.mark.parametrize("where", [0.1, 0.33, 0.9])
async def test_a_damaged_write_ahead_log_is_named(path: Path, where: float) -> None:
    kill_after(path, 200)
    wal = wal_of(path)
    overwrite(wal, int(wal.stat().st_size * where), b"\xde\xad\xbe\xef")
    end = path.with_name("state.db-end")
    with pytest.raises(StoreCorrupt, match=rf"acknowledged.*\n    rm {end}"):
        await SQLiteStore.open(path)
    end.unlink()  # the way out that the message names
    store = await SQLiteStore.open(path)
    await store.create("/a", b"1")
    await store.close()


async def test_a_torn_write_ahead_log_is_named(path: Path) -> None:
    kill_after(path, 200)
    wal = wal_of(path)
    wal.write_bytes(wal.read_bytes()[: wal.stat().st_size // 2])
    with pytest.raises(StoreCorrupt, match="are left"):
        await SQLiteStore.open(path)


@pytest.mark.parametrize("emptied", [True, False])
async def test_a_store_that_has_gone_is_named(path: Path, emptied: bool) -> None:
    await filled(path)
    lose(path, emptied=emptied)
    with pytest.raises(StoreCorrupt, match="is missing, empty or damaged: writes up to revision 30 were acknowledged"):
        await SQLiteStore.open(path)


async def test_a_damaged_record_of_the_end_is_named(path: Path) -> None:
    await filled(path)
    overwrite(path.with_name("state.db-end"), 9, b"\xff")
    with pytest.raises(StoreCorrupt, match=r"state\.db-end is damaged"):
        await SQLiteStore.open(path)


async def test_files_of_an_older_sampan_are_read_and_get_checksums(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(
            """
            PRAGMA application_id = 0x53414D50;
            PRAGMA user_version = 1;
            CREATE TABLE log (revision INTEGER PRIMARY KEY, key TEXT NOT NULL, type INTEGER NOT NULL,
                              previous INTEGER NOT NULL, value BLOB);
            CREATE TABLE compaction (revision INTEGER NOT NULL);
            INSERT INTO compaction VALUES (0);
            INSERT INTO log VALUES (1, '/a', 0, 0, x'6f6c64');
            """
        )
    for _ in range(2):
        store = await SQLiteStore.open(path)
        record = await store.get("/a")
        assert record and not hasattr(record.value, "why")
        await store.update("/a", b"new", record.revision)
        await store.close()
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT checksum IS NULL FROM log ORDER BY revision").fetchall()
    assert found == [(1,), (0,), (0,)]
