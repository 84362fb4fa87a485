"""Informers: a live copy of a collection, kept by list and watch, with indices and change callbacks.

Promises: the copy only moves forward; callbacks run in order, after the copy and its indices have changed; what
happened while the connection was down is told as the difference, so nobody handles "final state unknown"; a new object
under an old name is told as a removal and an addition. Not promised: every intermediate state. Objects are shared and
must never be changed.

Used by every component that follows the API: controllers, scheduler, kubelet, proxy, dns. The rules of the protocol
are in reflector.py.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing
from typing import NamedTuple

from sampan.client.api import Client
from sampan.client.backoff import BackOff
from sampan.client.index import Index, IndexFunction
from sampan.client.reflector import (
    Apply,
    Delta,
    Ended,
    Failed,
    Listed,
    Listing,
    Outcome,
    Remove,
    Replace,
    State,
    Watching,
    step,
)
from sampan.machinery.errors import APIError
from sampan.machinery.kind import Kind
from sampan.machinery.meta import Key, Object, key_of

log = logging.getLogger(__name__)

# (old, new): None for old is an addition, None for new a removal; never both.
OnChange = Callable[[Object | None, Object | None], None]
Sleep = Callable[[float], Awaitable[None]]


class Scope(NamedTuple):
    """Which objects of a kind; empty strings do not restrict. Selectors are written as in the API's query."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""


EVERYTHING = Scope()


class Informer:
    """The copy of one collection. `Informers.of` makes it; `run` is its task."""

    def __init__(self, client: Client, kind: Kind, scope: Scope = EVERYTHING, *, sleep: Sleep = asyncio.sleep) -> None:
        self.kind = kind
        self.scope = scope
        self.relisting = False  # true inside callbacks about a whole list: nothing has just happened, so no hurry
        self._client = client
        self._sleep = sleep
        self._objects: dict[Key, Object] = {}
        self._indices: dict[str, Index] = {}
        self._callbacks: list[OnChange] = []
        self._synced = asyncio.Event()
        self._revision = 0
        self._back_off = BackOff()

    # Reading

    def get(self, key: Key) -> Object | None:
        """The object of this key, or None."""
        return self._objects.get(key)

    def items(self) -> Collection[Object]:
        """All objects, in no particular order. A live view: copy it before awaiting in the middle of it."""
        return self._objects.values()

    def by(self, index: str, value: str) -> list[Object]:
        """The objects that an index files under a value. Raises KeyError where the index was never added."""
        return [self._objects[key] for key in self._indices[index].keys(value)]

    def add_index(self, name: str, values: IndexFunction) -> None:
        """File every object under each of `values(object)`. A name that is there already keeps its function."""
        if name in self._indices:
            return
        index = self._indices[name] = Index(values)
        for key, obj in self._objects.items():
            index.change(key, None, obj)

    def on_change(self, callback: OnChange) -> Callable[[], None]:
        """Call back for every change, and at once, as additions, for what is there. Returns what ends it.

        Callbacks must not block or raise: an exception is logged as a bug and does not stop the others.
        """
        self._callbacks.append(callback)
        self.relisting = True
        for obj in list(self._objects.values()):
            _call(callback, None, obj)
        self.relisting = False
        return lambda: self._callbacks.remove(callback)

    async def synced(self) -> None:
        """Wait until the first list has been taken over."""
        await self._synced.wait()

    def has_seen(self, written: Object) -> bool:
        """Whether the copy is as new as an object that a write to this collection returned: "read your own writes".

        Resource versions of one server may be compared as numbers: the API concepts page, "Resource versions".
        """
        return self._revision >= int(written["metadata"]["resourceVersion"])

    # Following

    async def run(self) -> None:
        """List and watch until cancelled."""
        state: State = Listing()
        while True:
            async with aclosing(self._outcomes(state)) as outcomes:
                async for outcome in outcomes:
                    state = await self._follow(state, outcome)

    async def _outcomes(self, state: State) -> AsyncGenerator[Outcome, None]:
        """Make the request that the state asks for, and give all that comes of it."""
        try:
            if isinstance(state, Listing):
                yield await self._list()
                return
            async with self._client.watch(
                self.kind,
                self.scope.namespace,
                resource_version=state.revision,
                labels=self.scope.labels,
                fields=self.scope.fields,
            ) as events:
                async for event in events:
                    yield event
            yield Ended()
        except (APIError, OSError, EOFError) as error:
            yield Failed(error)

    async def _list(self) -> Listed:
        found = await self._client.list(
            self.kind, self.scope.namespace, labels=self.scope.labels, fields=self.scope.fields
        )
        return Listed(found.items, found.resource_version)

    async def _follow(self, state: State, outcome: Outcome) -> State:
        following = step(state, outcome)
        if isinstance(following.state, Watching):
            self._revision = int(following.state.revision or 0)
        if isinstance(outcome, Failed):
            log.info("following %s: %r", self.kind.plural, outcome.error)
        if following.delta is not None:
            self._back_off.reset()
            self._take(following.delta)
        if following.back_off:
            await self._sleep(self._back_off.next())
        return following.state

    # Taking over

    def _take(self, delta: Delta) -> None:
        match delta:
            case Apply(obj):
                self._change(key_of(obj), obj)
            case Remove(obj):
                self._remove(key_of(obj), obj)
            case Replace(items):
                self._replace({key_of(obj): obj for obj in items})

    def _replace(self, now: dict[Key, Object]) -> None:
        self.relisting = True
        for key in [key for key in self._objects if key not in now]:
            self._change(key, None)
        for key, obj in now.items():
            self._change(key, obj)
        self.relisting = False
        self._synced.set()

    def _remove(self, key: Key, last: Object) -> None:
        """Take over the last form first, without telling: it may say more than the copy does."""
        if key in self._objects:
            self._file(key, self._objects[key], last)
            self._change(key, None)

    def _change(self, key: Key, new: Object | None) -> None:
        old = self._objects.get(key)
        if old is not None and new is not None:
            if _version(old) == _version(new):
                return
            if old["metadata"].get("uid") != new["metadata"].get("uid"):
                self._change(key, None)
                old = None
        self._file(key, old, new)
        for callback in list(self._callbacks):
            _call(callback, old, new)

    def _file(self, key: Key, old: Object | None, new: Object | None) -> None:
        for index in self._indices.values():
            index.change(key, old, new)
        if new is not None:
            self._objects[key] = new
        else:
            self._objects.pop(key, None)


def _version(obj: Object) -> object:
    return obj["metadata"].get("resourceVersion")


def _call(callback: OnChange, old: Object | None, new: Object | None) -> None:
    try:
        callback(old, new)
    except Exception:
        log.exception("a change callback failed: %r", callback)


class Informers:
    """One informer per kind and scope, shared by all who ask."""

    def __init__(self, client: Client, *, sleep: Sleep = asyncio.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._informers: dict[tuple[str, Scope], Informer] = {}
        self._tasks: dict[tuple[str, Scope], asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def of(self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> Informer:
        """The informer of a collection; it starts at once if `run` has been called, else then."""
        place = (kind.path(), Scope(namespace, labels, fields))
        if place not in self._informers:
            made = self._informers[place] = Informer(self._client, kind, place[1], sleep=self._sleep)
            if self._group is not None:
                self._start(place, made, self._group)
        return self._informers[place]

    def forget(self, kind: Kind) -> None:
        """End the informers of a kind that is no longer served; may be called by several of those who followed it."""
        for place in [place for place in self._informers if place[0] == kind.path()]:
            del self._informers[place]
            if task := self._tasks.pop(place, None):
                task.cancel()

    def run(self, group: asyncio.TaskGroup) -> None:
        """Run every informer, those of today and of tomorrow, as tasks of `group` until it is cancelled."""
        self._group = group
        for place, informer in self._informers.items():
            self._start(place, informer, group)

    async def synced(self) -> None:
        """Wait until all that were asked for so far have synced."""
        for informer in list(self._informers.values()):
            await informer.synced()

    def _start(self, place: tuple[str, Scope], informer: Informer, group: asyncio.TaskGroup) -> None:
        self._tasks[place] = group.create_task(informer.run(), name=f"informer {informer.kind.plural}")
