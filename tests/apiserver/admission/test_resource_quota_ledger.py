"""Many requests at once never use more than a quota has."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sampan.apiserver.admission.resource_quota.check import Refusal, Request
from sampan.apiserver.admission.resource_quota.ledger import Busy, Ledger
from sampan.apiserver.writes.storing import encode
from sampan.kinds.quota.evaluator import Change
from sampan.kinds.quota.registry import evaluator_of
from sampan.storage.cache import Cache
from sampan.storage.memory import MemoryStore
from sampan.storage.protocol import RevisionMismatch

PREFIX = "/core/resourcequotas/ns/"


def request() -> Request:
    evaluator = evaluator_of("", "secrets")
    assert evaluator is not None
    return Request(Change("CREATE", "", {"metadata": {}}, None), evaluator, (), datetime(2030, 1, 1, tzinfo=UTC))


async def cache_with(**hard: int) -> Cache:
    """A store with a quota of secrets for each name."""
    cache = Cache(MemoryStore(), lambda prefix: ("v1", "ResourceQuota"))
    await cache.start()
    for name, count in hard.items():
        amounts = {"secrets": str(count)}
        meta = {"name": name, "namespace": "ns"}
        status = {"hard": amounts, "used": {"secrets": "0"}}
        await cache.create(PREFIX + name, encode({"metadata": meta, "spec": {"hard": amounts}, "status": status}))
    return cache


def used(cache: Cache, name: str = "q") -> str:
    entry = cache.get(PREFIX + name)
    assert entry is not None
    return str(entry.object["status"]["used"]["secrets"])


async def outcomes(*charges: Any) -> list[str]:
    """How each went, by the name of its error."""
    found = await asyncio.gather(*charges, return_exceptions=True)
    return ["ok" if one is None else type(one).__name__ for one in found]


class Yielding(Cache):
    """A cache whose writes take a moment, in which others come."""

    async def update(self, key: str, value: bytes, expected: int) -> Any:
        await asyncio.sleep(0)
        return await super().update(key, value, expected)


async def test_one_server() -> None:
    cache, ledger = await cache_with(q=7), Ledger(encode)
    cache.__class__ = Yielding
    before = cache.revision
    found = await outcomes(*(ledger.charge(cache, PREFIX, request(), dry_run=False) for _ in range(50)))
    assert (found.count("ok"), found.count("Refusal"), used(cache)) == (7, 43, "7")
    assert cache.revision - before == 2  # the first, and all that came while it was charged


async def test_several_servers() -> None:
    cache = await cache_with(q=5, other=100)
    cache.__class__ = Yielding
    ledgers = [Ledger(encode) for _ in range(4)]
    found = await outcomes(*(ledger.charge(cache, PREFIX, request(), dry_run=False) for ledger in ledgers * 3))
    assert found.count("ok") <= int(used(cache)) <= 5


async def test_a_dry_run_is_checked_and_not_charged() -> None:
    cache, ledger = await cache_with(q=1), Ledger(encode)
    for _ in range(2):
        await ledger.charge(cache, PREFIX, request(), dry_run=True)
    assert used(cache) == "0"
    await ledger.charge(cache, PREFIX, request(), dry_run=False)
    with pytest.raises(Refusal):
        await ledger.charge(cache, PREFIX, request(), dry_run=True)


class Contended(Cache):
    """A cache in which another server is always faster."""

    async def update(self, key: str, value: bytes, expected: int) -> Any:
        raise RevisionMismatch(key, None)


async def test_a_quota_that_is_always_changed_by_others() -> None:
    cache = await cache_with(q=1)
    cache.__class__ = Contended
    with pytest.raises(Busy, match="q"):
        await Ledger(encode).charge(cache, PREFIX, request(), dry_run=False)


class Slow(Cache):
    """A cache whose writes wait."""

    gate: asyncio.Event

    async def update(self, key: str, value: bytes, expected: int) -> Any:
        await self.gate.wait()
        return await super().update(key, value, expected)


async def test_who_is_cancelled_leaves_the_others_to_the_next() -> None:
    cache, ledger = await cache_with(q=2), Ledger(encode)
    cache.__class__ = Slow
    assert isinstance(cache, Slow)
    cache.gate = asyncio.Event()
    first = asyncio.create_task(ledger.charge(cache, PREFIX, request(), dry_run=False))
    others = [asyncio.create_task(ledger.charge(cache, PREFIX, request(), dry_run=False)) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    cache.gate.set()
    assert await outcomes(first, *others) == ["CancelledError", "ok", "ok"]
    assert used(cache) == "2"
