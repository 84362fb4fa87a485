"""Both stores, so that one suite holds them to the same contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sampan.storage.memory import MemoryStore
from sampan.storage.protocol import Store
from sampan.storage.sqlite import SQLiteStore


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else await SQLiteStore.open(tmp_path / "state.db")
    yield opened
    await opened.close()
