"""The compactor on a clock of its own."""

import asyncio
import logging

import pytest
from prometheus_client import CollectorRegistry

from sampan.storage import compactor
from sampan.storage.memory import MemoryStore
from sampan.storage.protocol import StoreFull


class Hands:
    """A clock whose sleepers wait for `turn`."""

    def __init__(self) -> None:
        self.time = 0.0
        self._turned: asyncio.Queue[None] = asyncio.Queue()
        self._asleep: asyncio.Queue[None] = asyncio.Queue()

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self._asleep.put_nowait(None)
        await self._turned.get()
        self.time += seconds

    async def rest(self) -> None:
        """Wait until somebody sleeps."""
        await self._asleep.get()
        self._asleep.put_nowait(None)

    async def turn(self) -> None:
        await self._asleep.get()
        self._turned.put_nowait(None)


class FullStore(MemoryStore):
    async def compact(self, revision: int) -> int:
        raise StoreFull("disk full")


async def turns(store: MemoryStore, count: int) -> CollectorRegistry:
    """Run the compactor for some turns of a minute, one write in each; its metrics."""
    hands, metrics = Hands(), CollectorRegistry()
    task = asyncio.create_task(compactor.run(store, hands, metrics, interval=60, keep=180))
    for number in range(count):
        await hands.turn()
        await store.create(f"/{number}", b"")
    await hands.turn()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    return metrics


async def test_history_is_kept_for_the_time_that_was_asked() -> None:
    store = MemoryStore()
    await turns(store, 10)
    assert store.compacted == store.revision - 3


async def test_nothing_is_compacted_before_its_time() -> None:
    store = MemoryStore()
    await turns(store, 3)
    assert store.compacted == 0


async def test_it_says_when_it_cannot_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        metrics = await turns(FullStore(), 6)
    assert "cannot compact the history up to revision 1, so the store keeps growing: disk full" in caplog.messages
    assert len(caplog.messages) > 1
    counted = {
        one: metrics.get_sample_value("storage_compactions_total", {"result": one}) for one in ("success", "error")
    }
    assert counted == {"success": 0, "error": len(caplog.messages)}
