"""The work queue's semantics."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.reconcile.queue import LOW, RetryDelays, WorkQueue
from sampan.testing.clock import VirtualClock, settle


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def queue(clock: VirtualClock) -> AsyncIterator[WorkQueue[str]]:
    made: WorkQueue[str] = WorkQueue(clock)
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])


async def test_a_key_waits_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add("b")
    queue.add("a")
    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == ["a", "b"]


async def test_a_key_added_while_processed_comes_back_when_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done(key)
    assert len(queue) == 1
    assert await queue.get() == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_priorities_and_rising(queue: WorkQueue[str]) -> None:
    for key in "abc":
        queue.add(key, LOW)
    queue.add("d")
    queue.add("c")
    queue.add("c", LOW)
    assert [await queue.get() for _ in range(4)] == ["d", "c", "a", "b"]


async def test_delays_run_on_the_clock(queue: WorkQueue[str], clock: VirtualClock) -> None:
    queue.add_after("late", 10)
    queue.add_after("soon", 5)
    queue.add_after("late", 20)  # the sooner counts
    queue.add_after("now", 0)
    assert len(queue) == 1
    await clock.advance(4.9)
    assert len(queue) == 1
    await clock.advance(0.2)
    assert len(queue) == 2
    await clock.advance(5)
    assert len(queue) == 3
    await clock.advance(20)
    assert len(queue) == 3


async def test_a_sooner_delay_replaces_a_later_one(queue: WorkQueue[str], clock: VirtualClock) -> None:
    queue.add_after("a", 100)
    await clock.advance(1)
    queue.add_after("a", 5)
    await clock.advance(5)
    assert await queue.get() == "a"
    queue.done("a")
    await clock.advance(200)
    assert len(queue) == 0


async def test_retries_double_until_forgotten(queue: WorkQueue[str]) -> None:
    assert [queue.retry("a") for _ in range(4)] == [0.005, 0.01, 0.02, 0.04]
    queue.forget("a")
    assert queue.retry("a") == 0.005


@given(st.integers(0, 10_000))
def test_retry_delays_are_capped(failures: int) -> None:
    assert 0.005 <= RetryDelays().after(failures) <= 1000


async def test_no_key_is_lost_or_worked_on_twice_at_once(queue: WorkQueue[str]) -> None:
    active: set[str] = set()
    done: list[str] = []

    async def work() -> None:
        while True:
            key = await queue.get()
            assert key not in active
            active.add(key)
            await asyncio.sleep(0)
            active.remove(key)
            done.append(key)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(3)]
    for turn in range(200):
        queue.add(f"k{turn % 7}")
        if turn % 3 == 0:
            await asyncio.sleep(0)
    while len(queue) or active:
        await settle(1)
    assert set(done) == {f"k{n}" for n in range(7)}
    assert not any(worker.done() for worker in workers)
    for worker in workers:
        worker.cancel()
    await asyncio.wait(workers)


async def test_owners_have_turns_and_a_share(clock: VirtualClock) -> None:
    queue: WorkQueue[str] = WorkQueue(clock, owner=lambda key: key[0], at_once=2)
    for key in ("a1", "a2", "a3", "b1", "c1"):
        queue.add(key)
    assert [await queue.get() for _ in range(4)] == ["a1", "b1", "c1", "a2"]
    waiting = asyncio.create_task(queue.get())
    await settle()
    assert not waiting.done() and queue.idle, "a has its share"
    queue.done("b1")
    await settle()
    assert not waiting.done()
    queue.done("a1")
    assert await waiting == "a3"


async def test_a_cancelled_worker_wakes_another(queue: WorkQueue[str]) -> None:
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await settle()
    queue.add("a")
    first.cancel()
    assert await asyncio.wait_for(second, 1) == "a"
