"""Pages of the watch cache: each is of the revision of the first, as long as that is remembered."""

import pytest

from sampan.machinery.errors import Expired
from sampan.storage.cache import CONTINUE_TOO_OLD, Cache
from sampan.storage.protocol import FutureRevision, Store
from tests.storage.caches import PODS, value


async def test_pages_continue_at_their_revision(cache: Cache) -> None:
    for name in "abcde":
        await cache.create(f"{PODS}d/{name}", value(name))
    first = await cache.page(PODS, limit=2)
    assert ([c.key[-1] for c in first.items], first.revision, first.remaining) == (["a", "b"], 5, 3)
    quiet = await cache.page(PODS, limit=2, start_after=PODS + "d/b", revision=5)
    assert ([c.key[-1] for c in quiet.items], quiet.revision, quiet.remaining) == (["c", "d"], 5, 1)
    await cache.delete(PODS + "d/c", 3)
    await cache.create(PODS + "d/bb", value("bb"))
    busy = await cache.page(PODS, limit=2, start_after=PODS + "d/b", revision=5)
    assert ([c.key[-1] for c in busy.items], busy.revision, busy.remaining) == (["c", "d"], 5, 1)
    assert busy.items[1] is cache.get(PODS + "d/d")
    now = await cache.page(PODS, limit=10, start_after=PODS + "d/b")
    assert ([c.key.rpartition("/")[2] for c in now.items], now.revision) == (["bb", "d", "e"], 7)


async def test_pages_of_forgotten_revisions_are_refused_though_nothing_has_changed(cache: Cache, store: Store) -> None:
    for name in "abc":
        await cache.create(f"{PODS}d/{name}", value(name))
    await cache.create("/apps/deployments/d/n", value("n"))
    await cache.create("/apps/deployments/d/m", value("m"))
    await store.compact(4)
    assert (await cache.page(PODS, limit=1, start_after=PODS + "d/a", revision=4)).revision == 4
    with pytest.raises(Expired):
        await cache.page(PODS, limit=1, start_after=PODS + "d/a", revision=3)


async def test_pages_of_forgotten_or_future_revisions_are_refused(cache: Cache, store: Store) -> None:
    for name in "abc":
        await cache.create(f"{PODS}d/{name}", value(name))
    await store.compact(2)
    with pytest.raises(Expired) as expired:
        await cache.page(PODS, limit=1, start_after=PODS + "d/a", revision=1)
    assert expired.value.message == CONTINUE_TOO_OLD
    with pytest.raises(FutureRevision):
        await cache.page(PODS, limit=1, revision=9)
