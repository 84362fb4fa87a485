"""Large objects are worked on beside the event loop, small ones on it."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from threading import Event
from typing import Any

import pytest

from sampan.apiserver.beside import LARGE, LARGE_YAML, ROUNDS, Lane
from tests.apiserver.extensions.crontabs import CRONTABS, crontab, definition, established, version
from tests.apiserver.harness import API, CONFIG_MAPS, config_map

ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions that run in a thread."""
    names: list[str] = []
    run, to_thread = Lane.run, asyncio.to_thread

    async def spy(lane: Lane, user: str, work: partial[Any]) -> Any:
        names.append(work.func.__name__)
        return await run(lane, user, work)

    async def other_spy(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        names.append(work.__name__)
        return await to_thread(work, *args, **kwargs)

    monkeypatch.setattr(Lane, "run", spy)
    monkeypatch.setattr(asyncio, "to_thread", other_spy)
    return names


async def test_each_step_of_a_large_write(api: API, handed_over: list[str]) -> None:
    await api.create(CONFIG_MAPS, config_map("small", x="1"))
    assert handed_over == []
    await api.create(CONFIG_MAPS, config_map("large", x="1" * LARGE))
    assert handed_over == ["read_object", "_sent", "list", "_warn", "_value", "note"]
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


REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
TOKENS = "/api/v1/namespaces/default/serviceaccounts/default/token"
POD = "/api/v1/namespaces/default/pods/x"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", REVIEWS),
        ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews"),
        ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews"),
        ("POST", TOKENS),
        ("POST", f"{POD}/binding"),
        ("POST", f"{POD}/eviction"),
        ("PUT", "/apis/apps/v1/namespaces/default/deployments/x/scale"),
        ("PATCH", "/apis/apps/v1/namespaces/default/deployments/x/scale"),
        ("DELETE", POD),
        ("DELETE", "/api/v1/namespaces/default/pods"),
    ],
)
async def test_no_body_is_read_on_the_loop_that_is_large(
    api: API, handed_over: list[str], method: str, path: str
) -> None:
    body = {"spec": {"more": "1" * LARGE}}
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    await api.call(method, path, body, content_type=content_type)
    assert handed_over[0] in ("read_object", "read_body", "read_patch", "read_options")


@pytest.mark.parametrize(
    "text",
    [b"- a\n" * LARGE_YAML, b"a: &a [" + b"1," * 900 + b"1]\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"],
    ids=["long", "aliases"],
)
async def test_yaml_is_slower(api: API, handed_over: list[str], text: bytes) -> None:
    refused = await api.call("POST", REVIEWS, text, content_type="application/yaml")
    assert refused.status in (400, 422) and handed_over[0] == "read_object"


async def test_one_piece_of_work_at_a_time_and_each_user_in_turn() -> None:
    lane, order, running, at_once = Lane(), list[str](), set[str](), 0
    gate = Event()

    def work(name: str) -> str:
        nonlocal at_once
        running.add(name)
        at_once = max(at_once, len(running))
        gate.wait()
        order.append(name)
        running.discard(name)
        return name

    names = ["a1", "a2", "a3", "a4", "b1", "c1", "b2"]
    tasks = [asyncio.create_task(lane.run(name[0], partial(work, name))) for name in names]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*tasks) == names
    assert order == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"], "the first had begun when nobody else was there"
    assert at_once == 1


async def test_who_has_gone_is_passed_over_and_whose_work_runs_holds_the_lane() -> None:
    lane, order, gate = Lane(), list[str](), Event()

    def work(name: str) -> None:
        gate.wait()
        order.append(name)

    tasks = [asyncio.create_task(lane.run("", partial(work, name))) for name in ("one", "two", "three")]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    await asyncio.sleep(0)
    gate.set()
    await tasks[2]
    assert order == ["one", "three"]


async def test_an_error_is_the_caller_s_and_the_lane_goes_on() -> None:
    lane = Lane()
    with pytest.raises(ZeroDivisionError):
        await lane.run("", lambda: 1 // 0)
    assert await lane.run("", lambda: 1) == 1


async def test_the_loop_has_rounds_between_two_pieces() -> None:
    lane, rounds, begun, over = Lane(), 0, list[int](), False

    def count() -> None:
        nonlocal rounds
        rounds += 1
        if not over:
            asyncio.get_running_loop().call_soon(count)

    count()
    await asyncio.gather(*(lane.run("", lambda: begun.append(rounds)) for _ in range(5)))
    over = True
    assert all(later - sooner >= ROUNDS for sooner, later in pairwise(begun))


async def test_metrics_are_written_beside(api: API, handed_over: list[str]) -> None:
    assert (await api.call("GET", "/metrics")).status == 200
    assert handed_over == ["generate_latest"]
