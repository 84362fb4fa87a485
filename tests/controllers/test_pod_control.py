"""Creating many pods without asking a thousand times in vain."""

import asyncio

import pytest

from sampan.controllers.pod_control import slow_start


async def test_batches_double() -> None:
    batches: list[int] = []
    waiting: list[asyncio.Future[None]] = []

    async def attempt() -> None:
        waiting.append(asyncio.get_running_loop().create_future())
        await waiting[-1]

    task = asyncio.create_task(slow_start(20, attempt))
    while not task.done():
        await asyncio.sleep(0)
        batches.append(len(waiting))
        for future in waiting:
            future.set_result(None)
        waiting.clear()
    await task
    assert [number for number in batches if number] == [1, 2, 4, 8, 5]


async def test_the_first_batch_with_a_failure_is_the_last() -> None:
    made = 0

    async def attempt() -> None:
        nonlocal made
        made += 1
        if made == 3:
            raise ValueError("third")

    with pytest.raises(ValueError, match="third"):
        await slow_start(20, attempt)
    assert made == 3
