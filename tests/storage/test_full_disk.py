"""A disk that is full, for real: deletions work, compaction makes room, and everybody is told."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sampan.storage.protocol import StoreFull
from sampan.storage.reserve import SIZE, Reserve
from sampan.storage.sqlite import SQLiteStore
from tests.apiserver.harness import CONFIG_MAPS, running

VALUE = b"x" * 20_000


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """In a file system of 16 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", tmp_path], check=True)
    try:
        yield tmp_path / "state.db"
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)


async def fill(store: SQLiteStore) -> int:
    """Write until nothing fits any more; how many there are."""
    number = 0
    while True:
        try:
            await store.create(f"/a/{number:04}", VALUE)
        except StoreFull:
            return number
        number += 1


async def test_deletions_work_on_a_full_disk_and_lead_out_of_it(path: Path) -> None:
    store = await SQLiteStore.open(path)
    count = await fill(store)
    assert count > 100
    assert str(path) in store.trouble
    for number in range(100):
        await store.delete(f"/a/{number:04}", number + 1)
    assert store.trouble  # as new values still find no space
    with pytest.raises(StoreFull):
        await store.create("/b", VALUE)
    await store.compact(store.revision)
    await store.create("/b", VALUE)
    assert store.trouble == ""
    await store.close()
    again = await SQLiteStore.open(path)
    assert len((await again.list("/")).records) == count - 100 + 1
    await again.close()


async def test_a_compaction_that_finds_no_space_takes_what_is_kept(path: Path) -> None:
    store = await SQLiteStore.open(path)
    revision = await store.create("/a", VALUE)
    with pytest.raises(StoreFull):
        while True:
            revision = await store.update("/a", VALUE, revision)
    await store.compact(store.revision)
    await store.update("/a", VALUE, revision)
    await store.close()


def take_the_rest(path: Path) -> None:
    """Somebody else fills the disk, but for 1 MB."""
    with path.open("ab") as filler:
        with contextlib.suppress(OSError):
            while True:
                os.write(filler.fileno(), VALUE)
        filler.truncate(path.stat().st_size - (1 << 20))


async def test_space_that_others_free_is_found_with_nothing_to_compact(path: Path) -> None:
    store, filler = await SQLiteStore.open(path), path.with_name("filler")
    count = await fill(store)
    await store.delete("/a/0000", 1)  # in the space that is kept, which is given up for it
    await store.delete("/a/0001", 2)
    take_the_rest(filler)
    await store.compact(store.revision)
    with pytest.raises(StoreFull):
        await store.create("/b", VALUE)
    filler.unlink()
    await store.compact(store.revision)
    await store.create("/b", VALUE)
    assert (store.trouble, len((await store.list("/")).records)) == ("", count - 1)
    await store.close()


async def test_the_space_is_taken_again_when_there_is_some(path: Path) -> None:
    reserve = Reserve(path)
    reserve.take()
    assert (reserve.path.stat().st_size, reserve.give_up(), reserve.give_up()) == (SIZE, True, False)
    filler = path.with_name("filler")
    filler.write_bytes(b"x" * (15 << 20))
    reserve.take()
    assert (reserve.path.stat().st_size, reserve.give_up()) == (0, False)
    filler.unlink()
    reserve.take()
    assert reserve.give_up()


async def test_the_api_tells_and_lets_people_out(path: Path) -> None:
    store = await SQLiteStore.open(path)
    async with running(store=store) as api:
        for number in range(1000):
            made = {"metadata": {"name": f"c{number}"}, "data": {"key": "x" * 100_000}}
            refused = await api.call("POST", CONFIG_MAPS, made)
            if refused.status != 201:
                break
        assert refused.status == 503
        assert "delete objects" in refused.body["message"]
        assert (await api.call("GET", "/readyz")).status == 500
        assert (await api.call("GET", "/livez")).status == 200  # starting anew would not help
        for gone in range(number):
            assert (await api.call("DELETE", f"{CONFIG_MAPS}/c{gone}")).status == 200
        await store.compact(store.revision)
        await api.create(CONFIG_MAPS, made)
        assert (await api.call("GET", "/readyz")).status == 200
    await store.close()
