"""What only the store on disk can do: survive, fill up, be locked, be damaged, stay small."""

import asyncio
import gc
import json
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from sampan.storage.encryption.transformers import Transformers
from sampan.storage.logfile import LogFile
from sampan.storage.protocol import Event, KeyExists, Record, StoreCorrupt, StoreError, StoreInUse
from sampan.storage.sqlite import SQLiteStore

HERE = Path(__file__).parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def overwrite(path: Path, offset: int, data: bytes) -> None:
    path.touch()
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def size_of_files(folder: Path) -> int:
    """Of what is written, without the space that is kept for a full disk."""
    return sum(file.stat().st_size for file in folder.iterdir() if not file.name.endswith("-reserve"))


class Contents(NamedTuple):
    """All that a store holds."""

    log: dict[int, Event]  # by revision, above `compacted`
    current: dict[str, Record]
    revision: int
    compacted: int


async def contents(path: Path) -> Contents:
    """What is in a store that nobody has open."""
    store = await SQLiteStore.open(path)
    events: list[Event] = []
    store.subscribe(events.extend, store.compacted)
    page = await store.list("/")  # queues behind the history
    await asyncio.sleep(0)
    await store.close()
    log = {event.revision: event for event in events}
    return Contents(log, {record.key: record for record in page.records}, store.revision, store.compacted)


def kill_after(path: Path, writes: int) -> list[str]:
    """Let a process write, kill it (-9) once it has reported so many writes, and return all that it reported."""
    command = [sys.executable, str(HERE / "killed_writer.py"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reported = [process.stdout.readline() for _ in range(writes)]
        process.kill()
        reported += process.stdout.readlines()
    return [line for line in reported if line.endswith("\n")]


async def test_no_acknowledged_write_is_lost_in_fifty_kills(path: Path) -> None:
    chance = random.Random(1)
    acknowledged: dict[int, tuple[str, str, bytes]] = {}
    for _ in range(50):
        for line in await asyncio.to_thread(kill_after, path, chance.randint(1, 60)):
            revision, operation, key, value = line.split()
            acknowledged[int(revision)] = (operation, key, value.encode())
        found = await contents(path)
        assert list(found.log) == list(range(found.compacted + 1, found.revision + 1))
        assert found.revision >= max(acknowledged)
        for revision, write in acknowledged.items():
            if revision > found.compacted:
                event = found.log[revision]
                assert (event.type.value, event.key, event.value) == write
        assert_current(found, acknowledged)
    assert found.compacted > 0


def assert_current(found: Contents, acknowledged: dict[int, tuple[str, str, bytes]]) -> None:
    """Every key is as its last acknowledged write left it, or as a later write did whose answer was lost."""
    last = {key: (revision, operation, value) for revision, (operation, key, value) in sorted(acknowledged.items())}
    later = {event.key: event.revision for event in found.log.values()}
    for key, (revision, operation, value) in last.items():
        if later.get(key, 0) <= revision:
            expected = None if operation == "delete" else Record(key, value, revision)
            assert found.current.get(key) == expected


async def test_a_full_disk_refuses_writes_and_loses_none(path: Path) -> None:
    command = [sys.executable, str(HERE / "full_disk.py"), str(path)]
    answer = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    told = json.loads(answer.stdout)
    assert told["refusal"].startswith(f"cannot write {path}: ")
    assert told["stuck"] == told["acknowledged"] > 10
    assert told["recovered"] == told["stuck"] + 1
    log = (await contents(path)).log
    assert [event.key for event in log.values()] == [f"/a/{n}" for n in range(told["acknowledged"])] + ["/b"]


async def test_a_restart_finds_everything(path: Path) -> None:
    store = await SQLiteStore.open(path)
    await store.create("/a", b"1")
    await store.update("/a", b"2", 1)
    await store.create("/b", b"3")
    await store.delete("/b", 3)
    await store.compact(4)
    await store.close()
    again = await SQLiteStore.open(path)
    assert (again.revision, again.compacted) == (4, 4)
    assert [record.value for record in (await again.list("/")).records] == [b"2"]
    assert await again.create("/b", b"4") == 5
    await again.close()


async def test_a_second_process_is_told_who_is_in_the_way(path: Path) -> None:
    store = await SQLiteStore.open(path)
    with pytest.raises(StoreInUse, match="in use by another process"):
        await SQLiteStore.open(path)
    await store.close()
    await (await SQLiteStore.open(path)).close()


async def test_a_commit_that_returns_is_on_disk(path: Path) -> None:
    """As far as a program can ask for it: a write-ahead log, flushed at each commit (2 is FULL)."""
    file = LogFile(path, Transformers())
    assert file._number("PRAGMA synchronous") == 2
    assert file._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.close()


async def test_nobody_else_may_read_the_file(path: Path) -> None:
    store = await SQLiteStore.open(path)
    await store.create("/a", b"secret")
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    await store.close()


async def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    overwrite(path, 0, b"certainly not SQLite" * 100)
    with pytest.raises(StoreCorrupt, match=str(path)):
        await SQLiteStore.open(path)


async def test_a_broken_page_is_found_when_opening(path: Path) -> None:
    store = await SQLiteStore.open(path)
    for number in range(50):
        await store.create(f"/a/{number}", b"x" * 1000)
    await store.close()
    overwrite(path, 8192, b"\xff" * 12288)
    with pytest.raises(StoreCorrupt, match="is damaged"):
        await SQLiteStore.open(path)


async def test_a_missing_row_is_found_when_opening(path: Path) -> None:
    store = await SQLiteStore.open(path)
    await store.create("/a", b"1")
    await store.update("/a", b"2", 1)
    await store.close()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM log WHERE revision = 1")
    database.close()
    with pytest.raises(StoreCorrupt, match="revision 2 does not follow"):
        await SQLiteStore.open(path)


async def test_databases_of_others_are_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(StoreError, match="another program"):
        await SQLiteStore.open(path)


async def test_newer_files_are_refused(path: Path) -> None:
    await (await SQLiteStore.open(path)).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="newer Sampan"):
        await SQLiteStore.open(path)


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot open"):
        await SQLiteStore.open(tmp_path / "file" / "state.db")


async def test_a_closed_store_refuses_work(path: Path) -> None:
    store = await SQLiteStore.open(path)
    accepted = asyncio.ensure_future(store.create("/a", b"1"))
    await asyncio.sleep(0)
    await store.close()
    assert await accepted == 1
    with pytest.raises(StoreError, match="is closed"):
        await store.create("/b", b"1")
    await store.close()


async def test_compaction_keeps_the_file_bounded(path: Path) -> None:
    store = await SQLiteStore.open(path)
    revisions = [await store.create(f"/a/{number}", b"x" * 1000) for number in range(20)]
    sizes = []
    for _ in range(6):
        for _ in range(20):
            writes = (store.update(f"/a/{n}", b"x" * 1000, revision) for n, revision in enumerate(revisions))
            revisions = list(await asyncio.gather(*writes))
        await store.compact(store.revision)
        sizes.append(size_of_files(path.parent))
    await store.close()
    assert size_of_files(path.parent) < 100_000  # 20 objects of 1 kB; 2.4 MB were written
    assert max(sizes) < 10_000_000  # the write-ahead log's bound


async def test_a_refused_write_is_gone_with_its_answer(tmp_path: Path) -> None:
    """The collector looks at old objects seldom: an error must not keep what it was about."""
    store = await SQLiteStore.open(tmp_path / "store.db")
    await store.create("/a", b"1")
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            with pytest.raises(KeyExists):
                await store.create("/a", b"2")
        left = [found for found in gc.get_objects() if isinstance(found, KeyExists)]
        assert len(left) <= 1, "the last one may still be on its way"
    finally:
        gc.enable()
        await store.close()
