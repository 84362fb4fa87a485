"""The queue on a clock of its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sampan.scheduler.cluster_event import ClusterEvent
from sampan.scheduler.queue import SchedulingQueue, Waiting
from sampan.testing.clock import VirtualClock
from tests.scheduler.objects import info

ROOM = frozenset({ClusterEvent.POD_REMOVE})


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def queue(clock: VirtualClock) -> AsyncIterator[SchedulingQueue]:
    queue = SchedulingQueue(clock)
    task = asyncio.create_task(queue.run())
    yield queue
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


def name(waiting: Waiting) -> str:
    return waiting.pod.key.name


async def waits(queue: SchedulingQueue, clock: VirtualClock) -> bool:
    """Whether nothing can be had now."""
    task = asyncio.ensure_future(queue.pop())
    await clock.advance(0)
    if task.done():
        return False
    task.cancel()
    await asyncio.wait([task])
    return True


async def test_priority_first_then_order_of_arrival(queue: SchedulingQueue) -> None:
    for pod in (info("a"), info("b", priority=5), info("c"), info("d", priority=5)):
        queue.add(pod)
    assert [name(await queue.pop()) for _ in range(4)] == ["b", "d", "a", "c"]


async def test_a_pod_waits_once_in_its_newest_form(queue: SchedulingQueue, clock: VirtualClock) -> None:
    queue.add(info("a"))
    queue.add(newer := info("a", cpu="1"))
    assert (await queue.pop()).pod is newer
    assert await waits(queue, clock)


async def test_removed_pods_do_not_come(queue: SchedulingQueue) -> None:
    queue.add(info("a"))
    queue.add(info("b"))
    queue.remove(info("a").key)
    assert name(await queue.pop()) == "b"
    assert len(queue) == 0


async def test_a_parked_pod_comes_back_when_it_may_help(queue: SchedulingQueue, clock: VirtualClock) -> None:
    queue.add(info("a"))
    queue.park(await queue.pop(), ROOM)
    queue.happened({ClusterEvent.NODE_LABELS})
    assert await waits(queue, clock)
    queue.happened({ClusterEvent.POD_REMOVE})
    assert (await queue.pop()).attempts == 2


async def test_others_go_before_a_pod_that_is_backing_off(queue: SchedulingQueue, clock: VirtualClock) -> None:
    queue.add(info("a", priority=9))
    queue.park(await queue.pop(), ROOM)
    queue.happened(set(ROOM))
    queue.add(info("b"))
    assert name(await queue.pop()) == "b"
    queue.add(info("c"))
    await clock.advance(1)
    assert name(await queue.pop()) == "a"


async def test_errors_sit_out_a_back_off_that_doubles(queue: SchedulingQueue, clock: VirtualClock) -> None:
    queue.add(info("a"))
    for seconds in (1, 2, 4, 8, 10, 10):
        queue.retry(await queue.pop())
        await clock.advance(seconds - 0.1)
        assert await waits(queue, clock)
        await clock.advance(0.1)
    assert name(await queue.pop()) == "a"


async def test_what_stays_parked_is_tried_after_five_minutes(queue: SchedulingQueue, clock: VirtualClock) -> None:
    queue.add(info("a"))
    queue.park(await queue.pop(), frozenset())
    await clock.advance(100)
    queue.add(info("a"))  # a change of the pod itself
    queue.park(await queue.pop(), frozenset())
    await clock.advance(299)
    assert await waits(queue, clock)
    await clock.advance(1)
    assert (await queue.pop()).attempts == 3


async def test_a_change_that_does_not_matter_starts_nothing(queue: SchedulingQueue, clock: VirtualClock) -> None:
    queue.add(info("a"))
    queue.park(await queue.pop(), ROOM)
    queue.refresh(newer := info("a"))
    assert await waits(queue, clock)
    queue.happened(set(ROOM))
    assert (await queue.pop()).pod is newer
