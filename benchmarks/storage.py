"""Storage alone, no HTTP: durable commits, a change fanned out to 1,000 watchers, a list of 10,000 pods.

Prints one JSON line per measure. The floor beside the commits is SQLite itself: the same rows, one by one, no store.
"""

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import uvloop

from sampan.storage.cache import Cache
from sampan.storage.cached import join
from sampan.storage.memory import MemoryStore
from sampan.storage.protocol import Store
from sampan.storage.sqlite import SQLiteStore

PODS = "/core/pods/default/"


def report(name: str, **figures: float) -> None:
    """One JSON line."""
    print(json.dumps({"benchmark": f"storage.{name}", **{k: round(v, 3) for k, v in figures.items()}}), flush=True)


def pod(size: int) -> bytes:
    """A stored value of about `size` bytes."""
    return b'{"metadata":{"name":"web","labels":{"app":"web"}},"spec":{"filler":"%b"}}' % (b"x" * (size - 75))


async def per_second(work: Callable[[int], Awaitable[object]], writers: int, each: int) -> float:
    """How often `work(number)` completes in a second, called by some writers at once."""

    async def writer(first: int) -> None:
        for number in range(first, first + each):
            await work(number)

    start = time.perf_counter()
    await asyncio.gather(*(writer(index * each) for index in range(writers)))
    return writers * each / (time.perf_counter() - start)


def bare_sqlite(path: Path, rows: int) -> float:
    """Durable single-row commits per second by SQLite alone."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE log (revision INTEGER PRIMARY KEY, key TEXT, value BLOB)")
    start = time.perf_counter()
    for number in range(rows):
        database.execute("INSERT INTO log VALUES (?, ?, ?)", (number, f"{PODS}{number}", pod(1500)))
    elapsed = time.perf_counter() - start
    database.close()
    return rows / elapsed


async def started(store: Store) -> Cache:
    """A cache on a store."""
    cache = Cache(store, lambda prefix: ("v1", "Pod"))
    await cache.start()
    return cache


async def commits(folder: Path) -> None:
    """Creates of 1.5 kB, acknowledged when they are on disk and visible in the cache."""
    store = await SQLiteStore.open(folder / "state.db")
    cache = await started(store)
    value = pod(1500)
    alone = await per_second(lambda n: cache.create(f"{PODS}alone-{n}", value), 1, 2000)
    grouped = await per_second(lambda n: cache.create(f"{PODS}grouped-{n}", value), 32, 500)
    cache.close()
    await store.close()
    floor = await asyncio.to_thread(bare_sqlite, folder / "bare.db", 2000)
    report("commits", alone_per_second=alone, with_32_writers_per_second=grouped, bare_sqlite_per_second=floor)


async def fan_out(watchers: int = 1000, changes: int = 20) -> None:
    """From the call of `update` until the last of the watchers has the encoded event in hand."""
    cache = await started(MemoryStore())
    revision = (await cache.create(f"{PODS}web", pod(3000))).revision
    watches = [cache.watch("/core/pods/", revision) for _ in range(watchers)]

    async def read(index: int) -> int:
        return sum([len(event.frame(event.seen_by_all)) for event in await watches[index].next()])

    times = []
    for _ in range(changes):
        readers = [asyncio.create_task(read(index)) for index in range(watchers)]
        await asyncio.sleep(0)  # all wait
        start = time.perf_counter()
        revision = (await cache.update(f"{PODS}web", pod(3000), revision)).revision
        await asyncio.gather(*readers)
        times.append((time.perf_counter() - start) * 1000)
    cache.close()
    report("fan_out", watchers=watchers, median_ms=median(times), worst_ms=max(times))


async def list_pods(pods: int = 10_000) -> None:
    """The bytes of a LIST of pods of 3 kB, and the same when nothing has changed since."""
    cache = await started(MemoryStore())
    for number in range(pods):
        await cache.create(f"{PODS}{number:05}", pod(3000))
    start = time.perf_counter()
    size = len(join(cache.list("/core/pods/").items))
    elapsed = time.perf_counter() - start
    start = time.perf_counter()
    cache.list("/core/pods/")
    again = time.perf_counter() - start
    start = time.perf_counter()
    objects = [cached.object for cached in cache.list("/core/pods/").items]
    parsed = time.perf_counter() - start
    cache.close()
    report(
        "list", pods=len(objects), megabytes=size / 1e6, ms=elapsed * 1e3, kept_ms=again * 1e3, parse_ms=parsed * 1e3
    )


async def run() -> None:
    with tempfile.TemporaryDirectory(prefix="sampan-bench-", dir=Path.cwd()) as folder:
        await commits(Path(folder))
    await fan_out()
    await list_pods()


def main() -> None:
    uvloop.run(run())


if __name__ == "__main__":
    main()
