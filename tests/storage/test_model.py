"""Random histories against a model that keeps every state: whatever the order of operations and restarts."""

import asyncio
import contextlib
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sampan.storage.memory import MemoryStore
from sampan.storage.protocol import Compacted, Event, EventType, KeyExists, Record, RevisionMismatch, Store
from sampan.storage.sqlite import SQLiteStore

T = TypeVar("T")
KEYS = st.sampled_from(["/a/x", "/a/y", "/a/z", "/b/x", "/b/ü"])
VALUES = st.binary(max_size=8)
LAG = st.integers(0, 6)


class StoreMachine(RuleBasedStateMachine):
    """`states[r]` is what the store held at revision r."""

    restarts = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = contextlib.ExitStack()
        self.states: list[dict[str, Record]] = [{}]
        self.log: list[Event] = []
        self.seen: list[Event] = []
        self.path = Path(self.folder.enter_context(tempfile.TemporaryDirectory())) / "state.db"
        self.store = self.do(self.open())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def open(self) -> Store:
        store: Store = await SQLiteStore.open(self.path) if self.restarts else MemoryStore()
        store.subscribe(self.follow, len(self.log))
        return store

    def follow(self, events: Sequence[Event]) -> None:
        self.seen.extend(events)

    def teardown(self) -> None:
        self.do(self.store.close())
        self.loop.close()
        self.folder.close()

    @property
    def now(self) -> dict[str, Record]:
        return self.states[-1]

    def record(self, event: Event, current: Record | None) -> None:
        state = {key: record for key, record in self.now.items() if key != event.key}
        self.states.append(state if current is None else {**state, event.key: current})
        self.log.append(event)
        assert event.revision == len(self.log)

    @rule(key=KEYS, value=VALUES)
    def create(self, key: str, value: bytes) -> None:
        if key in self.now:
            with pytest.raises(KeyExists):
                self.do(self.store.create(key, value))
            return
        revision = self.do(self.store.create(key, value))
        self.record(Event(EventType.CREATE, key, value, revision, None), Record(key, value, revision))

    @rule(key=KEYS, value=VALUES, stale=st.booleans())
    def update(self, key: str, value: bytes, stale: bool) -> None:
        before = self.now.get(key)
        if before is None or stale:
            with pytest.raises(RevisionMismatch) as refusal:
                self.do(self.store.update(key, value, (before.revision if before else 0) + 1))
            assert refusal.value.current == before
            return
        revision = self.do(self.store.update(key, value, before.revision))
        self.record(Event(EventType.UPDATE, key, value, revision, before), Record(key, value, revision))

    @rule(key=KEYS, last=st.none() | VALUES)
    def delete(self, key: str, last: bytes | None) -> None:
        before = self.now.get(key)
        if before is None:
            with pytest.raises(RevisionMismatch):
                self.do(self.store.delete(key, 1, last))
            return
        revision = self.do(self.store.delete(key, before.revision, last))
        value = before.value if last is None else last
        self.record(Event(EventType.DELETE, key, value, revision, before), None)

    @rule(prefix=st.sampled_from(["/", "/a/", "/b/"]), lag=LAG, limit=st.integers(0, 3), after=st.just("") | KEYS)
    def list_old(self, prefix: str, lag: int, limit: int, after: str) -> None:
        revision = max(len(self.log) - lag, 0)
        if 0 < revision < self.store.compacted:
            with pytest.raises(Compacted):
                self.do(self.store.list(prefix, revision=revision))
            return
        page = self.do(self.store.list(prefix, start_after=after, limit=limit, revision=revision))
        state = self.states[revision] if revision else self.now
        keys = sorted(key for key in state if key.startswith(prefix) and key > after)
        chosen = keys[:limit] if limit else keys
        assert list(page.records) == [state[key] for key in chosen]
        assert (page.more, page.remaining) == (len(keys) > len(chosen), len(keys) - len(chosen))

    @rule(lag=LAG)
    def compact(self, lag: int) -> None:
        self.do(self.store.compact(max(len(self.log) - lag, 0)))

    @rule(lag=LAG)
    def replay(self, lag: int) -> None:
        after = max(len(self.log) - lag, 0)
        if after < self.store.compacted:
            with pytest.raises(Compacted):
                self.do(self.history(after))
        else:
            assert self.do(self.history(after)) == self.log[after:]

    async def history(self, after: int) -> list[Event]:
        seen: list[Event] = []
        unsubscribe = self.store.subscribe(seen.extend, after)
        await self.quiet()
        unsubscribe()
        return seen

    @rule()
    def restart(self) -> None:
        if self.restarts:
            self.settle()
            self.do(self.store.close())
            self.store = self.do(self.open())

    def settle(self) -> None:
        self.do(self.quiet())

    async def quiet(self) -> None:
        await self.store.get("/")  # queues behind everything else
        await asyncio.sleep(0)

    @invariant()
    def holds_what_was_written(self) -> None:
        if hasattr(self, "store"):
            self.settle()
            assert self.store.revision == len(self.log)
            assert self.seen == self.log
            assert {record.key: record for record in self.do(self.store.list("/")).records} == self.now


class SQLiteMachine(StoreMachine):
    restarts = True


TestMemory = StoreMachine.TestCase
TestMemory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSQLite = SQLiteMachine.TestCase
TestSQLite.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
