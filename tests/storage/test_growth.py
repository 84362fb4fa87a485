"""A year of a cluster that always does the same: the store grows no further than in its first month."""

import asyncio
from collections import deque
from pathlib import Path

from prometheus_client import CollectorRegistry

from sampan.storage import compactor
from sampan.storage.sqlite import SQLiteStore
from tests.storage.test_compactor import Hands
from tests.storage.test_sqlite import size_of_files

DAYS, LEASES, EVENTS, PODS, LIFE = 365, 30, 40, 20, 7


class Churn:
    """What is renewed, what expires, and what comes and goes."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store
        self._leases: list[int] = []
        self._living: deque[dict[str, int]] = deque()

    async def begin(self) -> None:
        names = [f"/leases/{number}" for number in range(LEASES)]
        self._leases = list(await asyncio.gather(*(self._store.create(name, b"l" * 300) for name in names)))

    async def day(self, number: int) -> None:
        """Leases are renewed ten times, pods run through their phases, what is old goes."""
        for _ in range(10):
            renewals = (self._store.update(f"/leases/{n}", b"l" * 300, was) for n, was in enumerate(self._leases))
            self._leases = list(await asyncio.gather(*renewals))
        sizes = {f"/events/{number}-{n}": 700 + n * 10 for n in range(EVENTS)}
        sizes |= {f"/pods/{number}-{n}": 3000 + n * 100 for n in range(PODS)}
        made = await asyncio.gather(*(self._store.create(key, b"x" * size) for key, size in sizes.items()))
        there = dict(zip(sizes, made, strict=True))
        for phase in (b"p", b"r"):
            updates = (self._store.update(key, phase * sizes[key], there[key]) for key in there)
            there = dict(zip(there, await asyncio.gather(*updates), strict=True))
        self._living.append(there)
        if len(self._living) > LIFE:
            await asyncio.gather(*(self._store.delete(*one) for one in self._living.popleft().items()))


async def test_a_year_takes_no_more_than_a_month(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store, clock, metrics = await SQLiteStore.open(path), Hands(), CollectorRegistry()
    compacting = asyncio.create_task(compactor.run(store, clock, metrics))
    churn, sizes = Churn(store), []
    await churn.begin()
    for number in range(DAYS):
        await churn.day(number)
        await clock.turn()
        await clock.rest()
        sizes.append(size_of_files(path.parent))
    compacting.cancel()
    await asyncio.wait([compacting])
    assert max(sizes[30:]) <= max(sizes[:30]) * 1.1
    assert metrics.get_sample_value("storage_compactions_total", {"result": "error"}) == 0
    written = sum(LEASES * 10 * 300 + EVENTS * 3 * 900 + PODS * 3 * 4000 for _ in range(DAYS))
    assert max(sizes) < 25_000_000 < written
    await store.close()
    assert size_of_files(path.parent) < 5_000_000
