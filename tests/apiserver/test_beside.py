"""Large objects are worked on beside the event loop, small ones on it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sampan.apiserver.beside import LARGE
from tests.apiserver.extensions.crontabs import CRONTABS, crontab, definition, established, version
from tests.apiserver.harness import API, CONFIG_MAPS, config_map

ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions that run in a thread."""
    names: list[str] = []
    to_thread = asyncio.to_thread

    async def spy(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        names.append(work.__name__)
        return await to_thread(work, *args, **kwargs)

    monkeypatch.setattr(asyncio, "to_thread", spy)
    return names


async def test_each_step_of_a_large_write(api: API, handed_over: list[str]) -> None:
    await api.create(CONFIG_MAPS, config_map("small", x="1"))
    assert handed_over == []
    await api.create(CONFIG_MAPS, config_map("large", x="1" * LARGE))
    assert handed_over == ["read_object", "_sent", "list", "note"]
    handed_over.clear()
    patched = await api.patch(f"{CONFIG_MAPS}/large", {"data": {"y": "2"}})  # a small patch of a large object
    assert patched.body["data"] == {"x": "1" * LARGE, "y": "2"}
    assert {"_sent", "_prepare", "list", "note"} <= {*handed_over}


async def test_errors_come_out_of_the_thread(api: API) -> None:
    refused = await api.call("POST", CONFIG_MAPS, config_map("large", **{"no/key": "1" * LARGE}))
    assert refused.status == 422 and "a valid config key must consist of" in refused.body["message"]


async def test_views_of_large_custom_resources(api: API, handed_over: list[str]) -> None:
    await established(api, definition(version("v1", schema=ANYTHING), version("v2", schema=ANYTHING, stored=False)))
    await api.create(CRONTABS, crontab(more="1" * LARGE))
    handed_over.clear()
    assert (await api.get(CRONTABS.replace("v1", "v2") + "/my"))["spec"]["more"] == "1" * LARGE
    assert handed_over == ["_make_all"]
