"""Long work in slices, with the others in between."""

import asyncio

import pytest

from sampan.apiserver import pace
from sampan.apiserver.pace import Pace, slices
from tests.apiserver.harness import API, CONFIG_MAPS, config_map


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


async def test_a_long_selection_lets_others_be_served(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        await api.create(CONFIG_MAPS, config_map(f"c{number:02}"))
    monkeypatch.setattr(pace, "_SLICE", -1.0)
    labels = ",".join(f"k{number} notin (a)" for number in range(600))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    for method in ("GET", "DELETE"):
        turns, task = 0, asyncio.create_task(others())
        answer = await api.call(method, CONFIG_MAPS, query={"labelSelector": labels, "limit": ""})
        task.cancel()
        assert len(answer.body["items"]) == 20 and turns >= 20
