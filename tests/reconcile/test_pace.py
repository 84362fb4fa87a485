"""Long work in slices, with the others in between."""

import asyncio
import gc

import pytest

from sampan.reconcile import pace
from sampan.reconcile.pace import Pace, shared_pace, slices


def test_slices_are_all_of_it() -> None:
    assert list(slices([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(slices([1, 2], 2)) == [[1, 2]]
    assert list(slices([], 2)) == [[]]


async def test_of_much_long_work_one_slice_is_done_between_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_SLICE", -1.0)  # every step is long
    done: list[str] = []

    async def work(name: str) -> None:
        kept = Pace()
        for _ in range(5):
            done.append(name)
            await kept.keep()

    async def others() -> None:
        for _ in range(40):
            done.append("-")
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(work(name))
        group.create_task(others())
    rounds = "".join(done).split("-")
    assert rounds[0] == "abc", "the first steps, of those who find nobody waiting"
    assert all(len(steps) <= 1 for steps in rounds[1:])
    assert "".join(rounds).endswith("abcabc")


async def test_who_is_cancelled_gives_up_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_SLICE", -1.0)
    first, second = asyncio.create_task(Pace().keep()), asyncio.create_task(Pace().keep())
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()


async def test_what_many_do_together_is_bounded_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_SLICE", -1.0)
    done: list[str] = []

    async def step(name: str) -> None:
        await shared_pace().keep()
        done.append(name)

    async def looks() -> None:
        for _ in range(12):
            done.append("-")
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in "abcdef":
            group.create_task(step(name))
        group.create_task(looks())
    rounds = "".join(done).split("-")
    assert rounds[0] == "a"
    assert all(len(steps) <= 1 for steps in rounds)
    assert "".join(rounds) == "abcdef"
    assert shared_pace() is shared_pace()


def test_loops_that_have_ended_are_forgotten() -> None:
    async def use() -> None:
        await shared_pace().keep()
        await Pace().keep()

    before = len(pace._loops)
    for _ in range(3):
        asyncio.run(use())
    gc.collect()
    assert len(pace._loops) <= before + 1
