"""Nothing that was acknowledged is lost with the power, and no power loss is taken for damage."""

import asyncio
import contextlib
import os
import random
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from sampan.storage.logfile import LogFile
from sampan.storage.protocol import ListenerFailed, Store, StoreError, StoreFailing
from sampan.storage.sqlite import SQLiteStore
from tests.storage.power_loss import all_of_it, any_part, image, nothing
from tests.storage.recording import Fails, Note, Recording, never, recording
from tests.storage.test_sqlite import assert_current, contents

IMAGES = 120
WRITES = 25  # of each of eight writers


async def write(store: Store, key: str, disk: Recording, chance: random.Random) -> None:
    """Write to a key, telling of what was acknowledged; what was refused is tried again on what is there."""
    for _ in range(WRITES):
        found = await store.get(key)
        value = f"{key}@{store.revision}" + "." * chance.randrange(3000)
        try:
            if found is None:
                disk.told(f"{await store.create(key, value.encode())} create {key} {value}")
            elif chance.random() < 0.8:
                disk.told(f"{await store.update(key, value.encode(), found.revision)} update {key} {value}")
            else:
                disk.told(f"{await store.delete(key, found.revision)} delete {key} {found.value.decode()}")
        except StoreError:
            continue


async def compact(store: Store) -> None:
    while True:
        with contextlib.suppress(StoreError):
            await store.compact(max(store.revision - 40, store.compacted))
        await store.get("/")


async def live(path: Path, disk: Recording, chance: random.Random, fails: Fails = never) -> None:
    """A store's life: opened, written to, compacted, checkpointed often, closed."""
    store = await SQLiteStore.open(path)
    await store._call(lambda _, file: file._db.execute("PRAGMA wal_autocheckpoint = 60").fetchall())
    disk.fails = fails
    compacting = asyncio.create_task(compact(store))
    await asyncio.gather(*(write(store, f"/a/{number}", disk, chance) for number in range(8)))
    compacting.cancel()
    await asyncio.wait([compacting])
    disk.fails = never
    await store.close()


def acknowledged(notes: Sequence[Note]) -> dict[int, tuple[str, str, bytes]]:
    told = [note.file.split() for note in notes if note.what == "told"]
    return {int(revision): (operation, key, value.encode()) for revision, operation, key, value in told}


async def check(notes: Sequence[Note], path: Path) -> int:
    """Open what is left; raises where it is less than what people were told. How many writes they were told of."""
    written = acknowledged(notes)
    found = await contents(path)
    assert list(found.log) == list(range(found.compacted + 1, found.revision + 1))
    assert found.revision >= max(written, default=0)
    for revision, expected in written.items():
        if revision > found.compacted:
            event = found.log[revision]
            assert (event.type.value, event.key, event.value) == expected
    assert_current(found, written)
    return len(written)


async def check_images(notes: Sequence[Note], tmp_path: Path, chance: random.Random) -> None:
    told = 0
    for number in range(IMAGES):
        folder = tmp_path / f"left-{number}"
        folder.mkdir()
        some = (all_of_it, nothing, any_part(chance), any_part(chance))[number % 4]
        until = chance.randrange(len(notes) + 1)
        image(notes[:until], folder, some, chance)
        try:
            told += await check(notes[:until], folder / "state.db")
        except Exception as error:
            raise AssertionError(f"image {number}, after {until} of {len(notes)} steps: {error}") from error
    assert told > IMAGES * WRITES


@pytest.mark.parametrize("seed", range(3))
async def test_a_power_loss_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with recording(tmp_path) as disk:
        for _ in range(2):
            await live(tmp_path / "state.db", disk, chance)
    await check_images(disk.notes, tmp_path, chance)


class Failing:
    """A disk that fails now and then; one fsync in five, and some writes."""

    def __init__(self, chance: random.Random) -> None:
        self.failed = 0
        self._chance = chance

    def __call__(self, what: str, file: str) -> bool:
        fails = self._chance.random() < (0.2 if what == "sync" else 0.02)
        self.failed += fails
        return fails


@pytest.mark.parametrize("seed", range(3))
async def test_what_a_failing_disk_did_not_take_is_not_acknowledged(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    failing = Failing(chance)
    with recording(tmp_path) as disk:
        await live(tmp_path / "state.db", disk, chance, failing)
    assert failing.failed > 10
    await check_images(disk.notes, tmp_path, chance)


async def test_a_failing_disk_is_told_and_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    with recording(tmp_path) as disk:
        store = await SQLiteStore.open(tmp_path / "state.db")
        disk.fails = lambda what, file: what == "sync"
        with pytest.raises(StoreFailing, match="disk I/O error"):
            await store.create("/a", b"1")
        assert (await store.get("/a"), store.revision) == (None, 0)
        assert "disk I/O error" in store.trouble
        disk.fails = never
        assert await store.create("/a", b"2") == 1
        assert store.trouble == ""
        await store.close()
    assert (await contents(tmp_path / "state.db")).current["/a"].value == b"2"


async def test_the_end_record_cannot_take_back_a_write(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with recording(tmp_path) as disk:
        store = await SQLiteStore.open(tmp_path / "state.db")
        disk.fails = lambda what, file: file.endswith("-end")
        assert [await store.create("/a", b"1"), await store.create("/b", b"2")] == [1, 2]
        assert len([line for line in caplog.messages if "state.db-end" in line]) == 1
        disk.fails = never
        await store.close()
    assert (await contents(tmp_path / "state.db")).revision == 2


@pytest.mark.parametrize("size", [0, 20])
async def test_a_record_of_the_end_that_never_reached_the_disk_is_no_damage(tmp_path: Path, size: int) -> None:
    (tmp_path / "state.db-end").write_bytes(bytes(size))
    assert (await contents(tmp_path / "state.db")).revision == 0


async def test_the_directories_of_a_new_store_are_there_after_a_power_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def noted(file: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))

    monkeypatch.setattr(os, "fsync", noted)
    await (await SQLiteStore.open(tmp_path / "a" / "b" / "state.db")).close()
    assert synced[:3] == [str(tmp_path / "a" / "b"), str(tmp_path / "a"), str(tmp_path)]


async def test_a_bug_in_the_writing_thread_ends_the_store_and_hangs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: LogFile, rows: object) -> None:
        raise ZeroDivisionError

    store = await SQLiteStore.open(tmp_path / "state.db")
    monkeypatch.setattr(LogFile, "append", broken)
    monkeypatch.setattr(threading, "excepthook", lambda told: None)
    with pytest.raises(StoreError, match="see the server's log"):
        await store.create("/a", b"1")
    with pytest.raises(ListenerFailed):
        await store.wait_failed()
    await asyncio.to_thread(store._writer.join, 10)  # what it ends by is told of here, not in the next test


async def test_a_file_that_cannot_be_written_is_told_by_the_compaction(tmp_path: Path) -> None:
    """SQLite moves the write-ahead log into the file by itself, and is silent where it can not."""
    with recording(tmp_path) as disk:
        store = await SQLiteStore.open(tmp_path / "state.db")
        await store.create("/a", b"1")
        disk.fails = lambda what, file: what == "sync" and file.endswith(".db")
        await store.update("/a", b"2", 1)
        with pytest.raises(StoreFailing):
            await store.compact(1)
        assert store.trouble.startswith("history is not compacted: ")
        disk.fails = never
        await store.compact(1)
        assert store.trouble == ""
        await store.close()
