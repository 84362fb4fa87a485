"""The watch cache: every current object in memory, as the bytes and trees that GET, LIST and WATCH send.

The API server's only way to storage. Reads never touch the store, and yet see every acknowledged write, because the
store publishes a write before the writer learns of it. One cache for all kinds, on one event loop; every method that
is not `async` acts at once, so `list` followed by `watch(after=listing.revision)` misses nothing.

    cache = Cache(store, describe)       # describe("/apps/deployments/default/web") -> ("apps/v1", "Deployment")
    await cache.start()
    created = await cache.create("/core/pods/default/web", value)      # raises KeyExists, StoreFull
    response = cache.get("/core/pods/default/web").encoded
    listing = cache.list("/core/pods/default/")                        # .items .revision
    with cache.watch("/core/pods/", after=listing.revision) as watch:  # raises Expired
        async for events in watch: ...

Not here: selectors, versions, HTTP. Upstream's counterpart is k8s.io/apiserver/pkg/storage/cacher.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import orjson

from sampan.machinery.errors import Expired
from sampan.storage.cached import START, Cached, CacheEvent, Items, head, untagged
from sampan.storage.collection import Collection, collection_of
from sampan.storage.history import History
from sampan.storage.protocol import Compacted, Event, EventType, Record, Store, Unreadable
from sampan.storage.watch import Watch

log = logging.getLogger(__name__)

_FEW = 1000  # records that become objects on the event loop: as many take a millisecond or two

# (apiVersion, kind) of the storage version of the objects below a collection such as "/core/pods/".
Describe = Callable[[str], tuple[str, str]]

CONTINUE_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


def _unreadable(record: Record) -> str:
    """Why a stored value is no object; "" where it is one. What is not harms itself only: it is named, not served."""
    if isinstance(record.value, Unreadable):
        return f'unable to transform key "{record.key}": {record.value.why}'
    try:
        value = untagged(record.value)
        if value.startswith(START) and isinstance(orjson.loads(value)["metadata"].get("name"), str):
            return ""
        return f'unable to decode key "{record.key}"'
    except orjson.JSONDecodeError as error:
        return f'unable to decode key "{record.key}": {error}'


class Flaw(NamedTuple):
    """Why what is stored under a key can't be read, and at which revision it was written."""

    why: str
    revision: int


class Listing(NamedTuple):
    """Objects below a prefix, all as of `revision`, in key order; `remaining` more follow the last one."""

    items: Items
    revision: int
    remaining: int = 0


class Cache:
    """See the module. `describe` is asked once per collection, with its prefix ("/core/pods/")."""

    def __init__(
        self, store: Store, describe: Describe, *, watch_limit: int = 10_000, history_limit: int = 10_000
    ) -> None:
        self._store = store
        self._describe = describe
        self._watch_limit = watch_limit  # events that a watch may lag behind
        self._collections: dict[str, Collection] = {}
        self._watches: dict[str, dict[Watch, None]] = {}  # by prefix; a dict keeps the order of arrival
        self._history = History(history_limit)
        self._revision = 0
        self._loaded = 0  # the revision of the first listing; older events only fill the history
        self.unreadable: dict[str, Flaw] = {}  # by key
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._unsubscribe: Callable[[], None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Load every object, then follow the log; also recalls recent history, so watches survive a restart."""
        page = await self._store.list("")  # also what has a damaged key
        for record in page.records:
            if why := _unreadable(record):
                log.error("%s; it is left out", why)
                self.unreadable[record.key] = Flaw(why, record.revision)
            else:
                collection = self._collection(record.key)
                collection.put(Cached(record.key, record.revision, record.value, collection.head))
        self._loaded = page.revision
        after = max(self._store.compacted, page.revision - self._history.limit)
        self._history.begin(after)
        self._revision = after
        self._unsubscribe = self._store.subscribe(self._apply, after)
        await self._caught_up(page.revision)

    async def _caught_up(self, revision: int) -> None:
        """Wait for the history; raises ListenerFailed where it cannot be followed."""
        waits = [asyncio.ensure_future(wait) for wait in (self.wait_for(revision), self._store.wait_failed())]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        for wait in done:
            wait.result()

    def close(self) -> None:
        """End every watch, also those that are asked for later, and stop following the store (which stays open)."""
        self._closed = True
        if self._unsubscribe:
            self._unsubscribe()
        for watches in list(self._watches.values()):
            for watch in list(watches):
                watch.close()

    def end_watches(self, prefix: str) -> None:
        """End the watches below a collection's prefix: those who want to see more have to ask again."""
        for found in [known for known in self._watches if known.startswith(prefix)]:
            for watch in list(self._watches[found]):
                watch.close()

    def describe_again(self) -> None:
        """Ask anew what the collections hold: kinds have come, gone or changed."""
        for prefix, collection in self._collections.items():
            collection.dress(head(*self._describe(prefix)))

    @property
    def revision(self) -> int:
        """The newest revision that is visible here: the resourceVersion of lists and bookmarks."""
        return self._revision

    # Reading

    def get(self, key: str) -> Cached | None:
        """The current object of a key."""
        collection = self._collections.get(collection_of(key))
        return collection.entries.get(key) if collection else None

    def list(self, prefix: str) -> Listing:
        """All current objects below a prefix that names a collection, or a namespace in it; O(1) while unchanged."""
        collection = self._collections.get(collection_of(prefix))
        return Listing(collection.below(prefix) if collection else Items(), self._revision)

    def unreadable_below(self, prefix: str) -> Sequence[str]:
        """What is wrong with each value below a prefix that is there and can't be read."""
        return [flaw.why for key, flaw in self.unreadable.items() if key.startswith(prefix)]

    def is_stale(self, key: str) -> bool:
        """Whether the value of a key is to be written anew even where nothing of it has changed."""
        return self._store.is_stale(key)

    def changed(self, collection: str) -> int:
        """The revision of the last change to a collection ("/core/pods/"); 0 where there has been none."""
        found = self._collections.get(collection)
        return found.changed if found else 0

    async def page(self, prefix: str, *, limit: int, start_after: str = "", revision: int = 0) -> Listing:
        """At most `limit` (0: no limit) objects with keys above `start_after`, as of `revision` (0: now).

        Raises Expired where that revision has been compacted (even if nothing here has changed since: etcd knows no
        collections, and clients are to learn that tokens end), FutureRevision where it has not happened yet.
        """
        collection = self._collections.get(collection_of(prefix))
        changed = collection.changed if collection else self._loaded
        if revision == 0 or max(changed, self._store.compacted) <= revision <= self._revision:
            return self._current_page(collection, prefix, limit, start_after, revision or self._revision)
        try:
            page = await self._store.list(prefix, start_after=start_after, limit=limit, revision=revision)
        except Compacted as error:
            raise Expired(CONTINUE_TOO_OLD) from error
        if len(page.records) <= _FEW:
            return Listing(self._of(page.records), page.revision, page.remaining)
        self._collection(prefix)  # made here if it is missing, not by the thread
        items = await asyncio.to_thread(self._of, page.records)
        return Listing(items, page.revision, page.remaining)

    async def wait_for(self, revision: int) -> None:
        """Return once `revision` is visible here (at once if it is). Callers bound it with asyncio.timeout."""
        if self._revision >= revision:
            return
        waiter = (revision, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter[1]
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    # Writing: each returns the object as this write left it, and the cache already shows it.

    async def create(self, key: str, value: bytes) -> Cached:
        """Store a new object; raises KeyExists, StoreFull."""
        return self._shared(key, await self._store.create(key, value), value)

    async def update(self, key: str, value: bytes, expected: int) -> Cached:
        """Replace the object at revision `expected`; raises RevisionMismatch, StoreFull."""
        return self._shared(key, await self._store.update(key, value, expected), value)

    async def delete(self, key: str, expected: int, value: bytes | None = None) -> Cached:
        """Remove the object at revision `expected`; returns its last state, at the revision of the deletion.

        `value` replaces the last state in what watchers see. Raises RevisionMismatch, StoreFull.
        """
        current = self.get(key)
        if value is None and current is not None:
            value = current.value  # of the expected revision, or the store refuses
        revision = await self._store.delete(key, expected, value)
        return Cached(key, revision, value or b"", self._collection(key).head)

    # Watching

    def watch(self, prefix: str, after: int) -> Watch:
        """Every change below `prefix` (ending in "/", or one whole key) with a revision above `after`.

        Raises Expired ("too old resource version: 3 (17)") where the history does not reach back so far.
        """
        if after < self._history.complete_after:
            raise Expired(f"too old resource version: {after} ({self._history.complete_after})")
        backlog = self._history.since(after, prefix)
        watch = Watch(prefix, after, backlog, lambda: self._revision, self._leave)
        self._watches.setdefault(prefix, {})[watch] = None
        if self._closed:
            watch.close()
        return watch

    def watchers(self, prefix: str) -> int:
        """How many watches there are on exactly this prefix."""
        return len(self._watches.get(prefix, ()))

    def stored(self, collection: str) -> tuple[int, int]:
        """Objects and bytes of a collection ("/core/pods/")."""
        found = self._collections.get(collection)
        return (len(found.entries), found.size) if found else (0, 0)

    # Following the store

    def _apply(self, events: Sequence[Event]) -> None:
        for event in events:
            change = self._change(event)
            self._revision = event.revision
            if change is None:
                continue
            self._history.append(change)
            if event.revision > self._loaded:
                for watch in self._interested(event.key):
                    watch.offer(change, self._watch_limit)
        self._history.trim(self._store.compacted)
        self._release_waiters()

    def _change(self, event: Event) -> CacheEvent | None:
        """The event as watchers see it; brings the collection up to date unless it was loaded later than that.

        What can't be read is not there for them; None where neither the old nor the new value can be.
        """
        collection, readable = self._collection(event.key), not isinstance(event.value, Unreadable)
        old, new = None, None
        flawed = event.revision > self._loaded and self.unreadable.pop(event.key, None) is not None
        if event.previous is not None and not flawed and not isinstance(event.previous.value, Unreadable):
            old = self._shared(event.key, event.previous.revision, event.previous.value)
        if event.type is not EventType.DELETE and readable:
            new = self._shared(event.key, event.revision, event.value)
        if old is None and new is None:
            return None
        last = event.value if event.type is EventType.DELETE and readable else (old or new).value  # type: ignore[union-attr]
        gone = Cached(event.key, event.revision, last, collection.head)
        if event.revision > self._loaded:
            if new is None:
                collection.remove(event.key, event.revision)
            else:
                collection.put(new)
        return CacheEvent(event.type, event.revision, old, new, gone)

    def _interested(self, key: str) -> Iterator[Watch]:
        """The watches on the key's collection, on its namespace, and on the key itself."""
        end = key.find("/", key.find("/", 1) + 1) + 1  # "/core/pods/" of "/core/pods/default/web"
        while end > 0:
            yield from tuple(self._watches.get(key[:end], ()))
            end = key.find("/", end) + 1
        yield from tuple(self._watches.get(key, ()))

    def _leave(self, watch: Watch) -> None:
        watches = self._watches.get(watch.prefix, {})
        watches.pop(watch, None)
        if not watches:
            self._watches.pop(watch.prefix, None)

    def _release_waiters(self) -> None:
        ready = [waiter for waiter in self._waiters if waiter[0] <= self._revision]
        for waiter in ready:
            self._waiters.remove(waiter)
            if not waiter[1].done():
                waiter[1].set_result(None)

    def _collection(self, key: str) -> Collection:
        prefix = collection_of(key)
        found = self._collections.get(prefix)
        if found is None:
            found = self._collections[prefix] = Collection(head(*self._describe(prefix)))
        return found

    def _of(self, records: Sequence[Record]) -> Items:
        """The objects of records, but for those that can't be read; in a thread where there are many."""
        return Items(
            self._shared(record.key, record.revision, record.value)
            for record in records
            if not isinstance(record.value, Unreadable)
        )

    def _shared(self, key: str, revision: int, value: bytes) -> Cached:
        """The object that everyone shares if it is still current, else one made from these bytes."""
        collection = self._collection(key)
        current = collection.entries.get(key)
        if current is not None and current.revision == revision:
            return current
        return Cached(key, revision, value, collection.head)

    def _current_page(
        self, collection: Collection | None, prefix: str, limit: int, start_after: str, revision: int
    ) -> Listing:
        if collection is None:
            return Listing(Items(), revision)
        if not limit and not start_after:
            return Listing(collection.below(prefix), revision)
        items, remaining = collection.part(prefix, start_after, limit)
        return Listing(items, revision, remaining)
