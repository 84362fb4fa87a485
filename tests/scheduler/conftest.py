"""The scheduler as a whole, on an API in memory and a clock that tests turn."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random

import pytest

from sampan.client.api import Client
from sampan.scheduler.app import Scheduler
from sampan.scheduler.configuration.configuration import Configuration
from sampan.testing.clock import VirtualClock
from tests.scheduler.api import FakeAPI

Running = Callable[..., AbstractAsyncContextManager[Scheduler]]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def running(clock: VirtualClock) -> Running:
    """Runs a scheduler on an API until everything has come to rest."""

    @asynccontextmanager
    async def run(api: FakeAPI, configuration: Configuration | None = None) -> AsyncIterator[Scheduler]:
        scheduler = Scheduler(Client(api), clock, configuration=configuration, chance=Random(1))
        ready = asyncio.Event()
        task = asyncio.create_task(scheduler.run(ready))
        await asyncio.wait_for(ready.wait(), 10)
        await clock.advance(0)
        try:
            yield scheduler
        finally:
            task.cancel()
            await asyncio.wait([task])
        assert task.cancelled()

    return run
