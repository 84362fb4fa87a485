"""Two minutes of `make soak`: the server is killed, stopped and starved while it is used, and keeps its promises."""

import asyncio
from pathlib import Path
from random import randrange

import pytest

from tests.soak.checks import violations
from tests.soak.run import soak

SECONDS = 120.0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_promises_are_kept(tmp_path: Path) -> None:
    folder, seed = tmp_path / "state", randrange(1 << 30)
    folder.mkdir()
    history = asyncio.run(soak(folder, SECONDS, seed))
    assert violations(history)[:5] == [], f"seed {seed}"
    assert "kill" in history.faults and history.reads and history.lists
    assert sum(write.outcome == "ok" for write in history.writes) > 1000
    assert sum(len(watch.events) for watch in history.watches) > 1000
