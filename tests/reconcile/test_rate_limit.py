"""So many requests a second, namespaces in turn."""

import asyncio
from collections import Counter
from typing import Any

from sampan.client.api import Client
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.machinery.meta import Object
from sampan.reconcile.rate_limit import Rate, TokenBucket, limited
from sampan.testing.clock import VirtualClock, settle


async def taken(bucket: TokenBucket, owner: str, times: int, log: list[str]) -> None:
    """Take so many times, one after the other."""
    for _ in range(times):
        await bucket.take(owner)
        log.append(owner)


async def test_a_burst_and_then_the_rate() -> None:
    clock, log = VirtualClock(), list[str]()
    bucket = TokenBucket(Rate(10, 5), clock)
    task = asyncio.create_task(taken(bucket, "a", 30, log))
    await settle()
    assert len(log) == 5
    await clock.advance(1.01)
    assert len(log) == 15
    await clock.advance(1.5)
    assert len(log) == 30
    await task
    await clock.advance(0.2)
    task = asyncio.create_task(taken(bucket, "a", 3, log))
    await settle()
    assert len(log) == 32, "two tokens in two tenths of a second"
    await clock.advance(0.1)
    await task


async def test_one_namespace_does_not_hold_up_another() -> None:
    clock, log = VirtualClock(), list[str]()
    bucket = TokenBucket(Rate(10, 1), clock)
    flood = [asyncio.create_task(taken(bucket, "flood", 1, log)) for _ in range(500)]
    await settle()
    quiet = asyncio.create_task(taken(bucket, "quiet", 5, log))
    await clock.advance(1.01)
    assert Counter(log) == {"flood": 6, "quiet": 5}
    await quiet
    for task in flood:
        task.cancel()
    await asyncio.wait(flood)


async def test_who_gives_up_costs_nothing() -> None:
    clock, log = VirtualClock(), list[str]()
    bucket = TokenBucket(Rate(1, 1), clock)
    await bucket.take("a")
    tasks = [asyncio.create_task(taken(bucket, "a", 1, log)) for _ in range(10)]
    await settle()
    for task in tasks[:9]:
        task.cancel()
    await clock.advance(1.01)
    assert log == ["a"]
    late = asyncio.create_task(taken(bucket, "a", 1, log))
    await settle()
    late.cancel()
    await settle()
    assert not clock.sleepers, "nobody waits, so nothing is timed"
    await clock.advance(1)
    await asyncio.wait_for(bucket.take("a"), 1)


class Counting:
    """A transport that counts."""

    def __init__(self) -> None:
        self.calls = 0

    async def request(self, method: str, path: str, **_: Any) -> Object:
        self.calls += 1
        return {}


async def test_a_client_is_held_to_it() -> None:
    clock, wire = VirtualClock(), Counting()
    client = limited(Client(wire), Rate(20, 3), clock)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(client.get(CONFIG_MAP, "a", "shop")) for _ in range(13)]
    await settle()
    assert wire.calls == 3
    await clock.advance(0.51)
    assert wire.calls == 13
    await asyncio.gather(*tasks)


def test_no_limit() -> None:
    client = Client(Counting())  # type: ignore[arg-type]
    assert limited(client, Rate(-1, 30), VirtualClock()) is client
