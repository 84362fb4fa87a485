"""What holds the event loop is named; what does not is not."""

import asyncio
import gc
import logging
from types import ModuleType
from typing import Any

import pytest

from sampan.cluster.loop_monitor import Hold, LoopMonitor, logged

CODE = """
import asyncio, time

def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass

def outer(seconds):
    burn(seconds)

async def in_steps(steps):
    for _ in range(steps):
        burn(0.012)
        await asyncio.sleep(0)
"""
TICK = 0.005


@pytest.fixture
def code() -> Any:
    """As if it were a module of the package."""
    module = ModuleType("sampan.example")
    exec(CODE, vars(module))
    return module


async def _found(work: Any) -> list[Hold]:
    holds: list[Hold] = []
    with LoopMonitor(holds.append, tick=TICK):
        await asyncio.sleep(4 * TICK)
        result = work()
        if result is not None:
            await result
        await asyncio.sleep(4 * TICK)
    return holds


async def test_a_long_call_is_named_with_what_it_was_busy_with(code: Any) -> None:
    (hold,) = await _found(lambda: code.outer(0.2))
    assert hold.place == "sampan.example.outer"
    assert hold.stack.startswith("sampan.example.burn < sampan.example.outer < ")
    assert 0.1 < hold.seconds < 0.3


async def test_steps_that_let_others_have_their_turn_are_none(code: Any) -> None:
    assert await _found(lambda: code.in_steps(20)) == []


async def test_calls_of_others_are_none(code: Any) -> None:
    vars(code)["__name__"] = "elsewhere"
    assert await _found(lambda: code.outer(0.1)) == []


async def test_a_collection_of_garbage_is_told_as_one(code: Any) -> None:
    kept = [[{}] for _ in range(1_000_000)]
    vars(code)["collect"] = gc.collect
    exec("def collecting():\n    collect()\n", vars(code))
    (hold,) = await _found(code.collecting)
    assert hold.place == "garbage collection of generation 2"
    assert len(kept) == 1_000_000


def test_a_place_is_told_of_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    found = logged()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            found(Hold("sampan.a.b", "sampan.a.c < sampan.a.b", 0.123))
    assert [record.getMessage() for record in caplog.records] == [
        "sampan.a.b held the event loop for 123 ms, in sampan.a.c < sampan.a.b"
    ]


async def test_very_many_short_calls_that_come_together_are_told_of(code: Any) -> None:
    def together() -> Any:
        return asyncio.gather(*(code.in_steps(1) for _ in range(40)))

    holds = await _found(together)
    assert [hold.place for hold in holds] == ["one round"]
    assert "sampan.example.in_steps, in sampan.example.burn" in holds[0].stack
