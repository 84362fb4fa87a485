"""Both stores, so that one suite holds them to the same contract, and a watch cache over each."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sampan.storage.cache import Cache
from sampan.storage.memory import MemoryStore
from sampan.storage.protocol import Store
from sampan.storage.sqlite import SQLiteStore
from tests.storage.caches import describe


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else await SQLiteStore.open(tmp_path / "state.db")
    yield opened
    await opened.close()


@pytest.fixture
async def cache(store: Store) -> AsyncIterator[Cache]:
    cache = Cache(store, describe)
    await cache.start()
    yield cache
    cache.close()
