"""Long selections are made in slices, with others in between."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from sampan.reconcile import pace
from sampan.storage import cache
from sampan.storage.cache import Cache, Listing
from sampan.storage.cached import Items
from sampan.storage.protocol import Record
from tests.apiserver.harness import API, CONFIG_MAPS, config_map


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("GET", {}),
        ("GET", {"resourceVersion": "1"}),
        ("GET", {"resourceVersion": "LAST", "resourceVersionMatch": "Exact"}),
        ("GET", {"limit": "20"}),
        ("DELETE", {}),
    ],
)
async def test_a_long_selection_lets_others_be_served(
    api: API, monkeypatch: pytest.MonkeyPatch, method: str, query: dict[str, str]
) -> None:
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

    last = (await api.get(CONFIG_MAPS))["metadata"]["resourceVersion"]
    await api.create(CONFIG_MAPS, config_map("z"))
    await api.call("DELETE", f"{CONFIG_MAPS}/z")
    chosen = {name: last if value == "LAST" else value for name, value in query.items()}
    task = asyncio.create_task(others())
    answer = await api.call(method, CONFIG_MAPS, query={"labelSelector": labels, **chosen})
    task.cancel()
    assert len(answer.body["items"]) == 20 and turns >= 20


async def test_pages_of_a_selection_of_few_look_at_many_at_once(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        body = config_map(f"c{number:02}")
        body["metadata"]["labels"] = {"odd": str(number % 2)}
        await api.create(CONFIG_MAPS, body)
    asked: list[int] = []
    page = Cache.page

    async def counted(cache: Cache, prefix: str, *, limit: int, start_after: str = "", revision: int = 0) -> Listing:
        asked.append(limit)
        return await page(cache, prefix, limit=limit, start_after=start_after, revision=revision)

    monkeypatch.setattr(Cache, "page", counted)
    found: list[str] = []
    query = {"labelSelector": "odd=1", "limit": "3"}
    while True:
        body = await api.get(CONFIG_MAPS, query=query)
        found += [item["metadata"]["name"] for item in body["items"]]
        if not (token := body["metadata"].get("continue")):
            break
        query = {**query, "continue": token}
    assert found == [f"c{number:02}" for number in range(1, 20, 2)]
    assert len(asked) == 4, "one for each page that is answered"


async def test_many_old_objects_are_made_beside_the_loop(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_FEW", 3)
    for number in range(5):
        await api.create(CONFIG_MAPS, config_map(f"c{number}"))
    last = (await api.get(CONFIG_MAPS))["metadata"]["resourceVersion"]
    await api.call("DELETE", f"{CONFIG_MAPS}/c0")
    threads: set[int] = set()
    of = Cache._of

    def seen(cache: Cache, records: Sequence[Record]) -> Items:
        threads.add(threading.get_ident())
        return of(cache, records)

    monkeypatch.setattr(Cache, "_of", seen)
    body = await api.get(CONFIG_MAPS, query={"resourceVersion": last, "resourceVersionMatch": "Exact"})
    assert len(body["items"]) == 5 and threads and threading.get_ident() not in threads
