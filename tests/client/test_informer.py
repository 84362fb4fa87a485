"""Informers over a scripted transport: what is told for what the server says."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sampan.client.api import Client
from sampan.client.informer import Informer, Informers
from sampan.client.transport import WatchEvent
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import APIError, Expired, ServiceUnavailable
from sampan.machinery.meta import Key, Object

END = object()


class Script:
    """A transport whose answers are laid out beforehand; watches take theirs from one queue."""

    def __init__(self) -> None:
        self.lists: asyncio.Queue[tuple[str, list[Object]] | APIError] = asyncio.Queue()
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.asked: list[str] = []

    async def request(self, method: str, path: str, *, query: Any = None, **_: Any) -> Object:
        self.asked.append("list")
        answer = await self.lists.get()
        if isinstance(answer, APIError):
            raise answer
        return {"metadata": {"resourceVersion": answer[0]}, "items": answer[1]}

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        self.asked.append(f"watch {query['resourceVersion']}")
        yield self._events()

    async def _events(self) -> AsyncIterator[WatchEvent]:
        while (event := await self.events.get()) is not END:
            if isinstance(event, Exception):
                raise event
            yield event

    def list(self, *answers: tuple[str, list[Object]] | APIError) -> None:
        for answer in answers:
            self.lists.put_nowait(answer)

    def say(self, *events: Any) -> None:
        for event in events:
            self.events.put_nowait(event)


def pod(name: str, version: int, uid: str = "", **labels: str) -> Object:
    meta = {"name": name, "namespace": "ns", "resourceVersion": str(version), "uid": uid or name, "labels": labels}
    return {"metadata": meta}


class Heard:
    """Collects what an informer tells, as (old version, new version) per name."""

    def __init__(self, informer: Informer) -> None:
        self.changes: asyncio.Queue[tuple[str, str | None, str | None]] = asyncio.Queue()
        informer.on_change(self._hear)

    def _hear(self, old: Object | None, new: Object | None) -> None:
        known = new or old
        assert known is not None
        versions = [obj["metadata"]["resourceVersion"] if obj else None for obj in (old, new)]
        self.changes.put_nowait((known["metadata"]["name"], versions[0], versions[1]))

    async def next(self, number: int) -> list[tuple[str, str | None, str | None]]:
        return [await self.changes.get() for _ in range(number)]


class Sleeps:
    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
async def informer(script: Script, sleeps: Sleeps) -> AsyncIterator[Informer]:
    made = Informer(Client(script), POD, sleep=sleeps)  # type: ignore[arg-type]
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_lists_then_follows(script: Script, informer: Informer) -> None:
    script.list(("5", [pod("a", 3), pod("b", 4)]))
    heard = Heard(informer)
    script.say(WatchEvent("MODIFIED", pod("a", 6)), WatchEvent("DELETED", pod("b", 7)))
    assert await heard.next(4) == [("a", None, "3"), ("b", None, "4"), ("a", "3", "6"), ("b", "7", None)]
    assert informer.get(Key("ns", "a")) == pod("a", 6)
    assert [key["metadata"]["name"] for key in informer.items()] == ["a"]
    assert script.asked == ["list", "watch 5"]


async def test_expired_lists_again_and_tells_the_difference(script: Script, informer: Informer, sleeps: Sleeps) -> None:
    script.list(
        ("5", [pod("gone", 1), pod("same", 2), pod("changed", 3), pod("replaced", 4, uid="1")]),
        ("9", [pod("same", 2), pod("changed", 7), pod("replaced", 8, uid="2"), pod("new", 9)]),
    )
    heard = Heard(informer)
    await heard.next(4)
    script.say(WatchEvent("BOOKMARK", pod("", 6)), Expired("too old"))
    assert await heard.next(5) == [
        ("gone", "1", None),
        ("changed", "3", "7"),
        ("replaced", "4", None),
        ("replaced", None, "8"),
        ("new", None, "9"),
    ]
    assert sleeps.slept == []


async def test_resumes_from_the_bookmark(script: Script, informer: Informer, sleeps: Sleeps) -> None:
    script.list(("5", []))
    heard = Heard(informer)
    script.say(WatchEvent("BOOKMARK", pod("", 8)), END, WatchEvent("ADDED", pod("a", 9)))
    await heard.next(1)
    assert script.asked == ["list", "watch 5", "watch 8"]
    assert sleeps.slept == []


async def test_backs_off_longer_and_longer_until_a_success(script: Script, informer: Informer, sleeps: Sleeps) -> None:
    script.list(ServiceUnavailable("x"), ServiceUnavailable("x"), ServiceUnavailable("x"), ("1", [pod("a", 1)]))
    heard = Heard(informer)
    script.say(ConnectionResetError(), WatchEvent("ADDED", pod("b", 2)))
    await heard.next(2)
    bounds = [(0.8, 1.6), (1.6, 3.2), (3.2, 6.4), (0.8, 1.6)]
    assert len(sleeps.slept) == len(bounds)
    assert all(low <= slept <= high for slept, (low, high) in zip(sleeps.slept, bounds, strict=True))
    assert script.asked[-1] == "watch 1"


async def test_indices_follow(script: Script, informer: Informer) -> None:
    informer.add_index("app", lambda obj: obj["metadata"]["labels"].values())
    script.list(("5", [pod("a", 1, app="x"), pod("b", 2, app="x")]))
    heard = Heard(informer)
    script.say(WatchEvent("MODIFIED", pod("a", 6, app="y")), WatchEvent("DELETED", pod("b", 7, app="x")))
    await heard.next(4)
    assert informer.by("app", "x") == []
    assert [found["metadata"]["name"] for found in informer.by("app", "y")] == ["a"]
    informer.add_index("late", lambda obj: [obj["metadata"]["name"]])
    assert len(informer.by("late", "a")) == 1
    with pytest.raises(KeyError):
        informer.by("unknown", "x")


async def test_a_late_listener_hears_what_is_there_without_hurry(script: Script, informer: Informer) -> None:
    script.list(("5", [pod("a", 1)]))
    await informer.synced()
    hurried: list[bool] = []
    informer.on_change(lambda old, new: hurried.append(not informer.relisting))
    heard = Heard(informer)
    script.say(WatchEvent("MODIFIED", pod("a", 6)))
    await heard.next(2)
    assert hurried == [False, True]


async def test_a_failing_callback_harms_no_other(
    script: Script, informer: Informer, caplog: pytest.LogCaptureFixture
) -> None:
    script.list(("5", [pod("a", 1)]))
    informer.on_change(lambda old, new: 1 / 0)
    heard = Heard(informer)
    assert await heard.next(1) == [("a", None, "1")]
    assert "ZeroDivisionError" in caplog.text


async def test_informers_are_shared_and_start_late(script: Script) -> None:
    script.list(("1", []), ("1", []))
    informers = Informers(Client(script))  # type: ignore[arg-type]
    one = informers.of(POD)
    assert informers.of(POD) is one

    async def follow() -> None:
        async with asyncio.TaskGroup() as group:
            informers.run(group)
            await asyncio.Event().wait()

    following = asyncio.create_task(follow())
    await one.synced()
    assert informers.of(POD, "ns") is not one
    await informers.synced()
    following.cancel()
    await asyncio.wait([following])
