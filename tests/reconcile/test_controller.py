"""The controller base and the manager over a control plane of one kind: no server, a scripted client."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from prometheus_client.registry import CollectorRegistry

from sampan.client.api import Client
from sampan.client.informer import Informers
from sampan.client.transport import WatchEvent
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.pod import KIND as POD
from sampan.kinds.core.replication_controller import KIND as RC
from sampan.machinery.errors import Conflict, Forbidden
from sampan.machinery.meta import Key, Object
from sampan.reconcile.action import WAIT, Action, TerminalError, after
from sampan.reconcile.controller import Context, Controller, owned_by
from sampan.reconcile.manager import run_together
from sampan.reconcile.metrics import ReconcileMetrics
from sampan.testing.clock import VirtualClock, settle


class Feed:
    """A transport whose collection is empty until events are fed."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[WatchEvent] = asyncio.Queue()
        self.revision = 1

    async def request(self, method: str, path: str, **_: Any) -> Object:
        return {"metadata": {"resourceVersion": "1"}, "items": []}

    @asynccontextmanager
    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        yield self._events()

    async def _events(self) -> AsyncIterator[WatchEvent]:
        while True:
            yield await self.events.get()

    def add(self, name: str, **labels: str) -> None:
        self.revision += 1
        meta = {"name": name, "namespace": "ns", "resourceVersion": str(self.revision), "labels": labels}
        self.events.put_nowait(WatchEvent("ADDED", {"metadata": meta}))


class Recorded(Controller):
    name = "recorded"
    workers = 2

    def __init__(self, context: Context, outcomes: Iterable[Action | Exception] = ()) -> None:
        super().__init__(context)
        self.outcomes = iter(outcomes)
        self.calls: list[tuple[str, float]] = []
        self.watch(CONFIG_MAP, matters=lambda old, new: False)

    async def reconcile(self, key: Key) -> Action:
        self.calls.append((str(key), round(self.clock.monotonic(), 3)))
        outcome = next(self.outcomes, WAIT)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@asynccontextmanager
async def running(
    *outcomes: Action | Exception, registry: CollectorRegistry | None = None
) -> AsyncIterator[tuple[Recorded, Feed, VirtualClock]]:
    feed, clock = Feed(), VirtualClock()
    client = Client(feed)  # type: ignore[arg-type]
    informers, ready = Informers(client, sleep=clock.sleep), asyncio.Event()
    controller = Recorded(Context(client, informers, clock, ReconcileMetrics(registry)), outcomes)
    task = asyncio.create_task(run_together([controller], informers, ready))
    await ready.wait()
    try:
        yield controller, feed, clock
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_requeues_when_asked() -> None:
    async with running(after(10)) as (controller, feed, clock):
        feed.add("a")
        await clock.advance(9)
        assert controller.calls == [("ns/a", 0.0)]
        await clock.advance(2)
        assert controller.calls == [("ns/a", 0.0), ("ns/a", 10.0)]


async def test_outcomes_are_counted_in_the_registry_that_was_given() -> None:
    registry = CollectorRegistry()
    async with running(after(10), TerminalError("never"), registry=registry) as (_, feed, clock):
        feed.add("a")
        await clock.advance(11)

    def counted(result: str) -> float | None:
        labels = {"controller": "recorded", "result": result}
        return registry.get_sample_value("controller_runtime_reconcile_total", labels)

    assert (counted("requeue_after"), counted("terminal_error"), counted("success")) == (1, 1, None)


async def test_what_a_terminating_namespace_refuses_is_not_retried(caplog: pytest.LogCaptureFixture) -> None:
    refusal = Forbidden("no", details={"causes": [{"reason": "NamespaceTerminating"}]})
    async with running(refusal) as (controller, feed, clock):
        feed.add("a")
        await clock.advance(2000)
        assert controller.calls == [("ns/a", 0.0)]
    assert not [one for one in caplog.records if one.levelno > logging.DEBUG]


async def test_errors_are_retried_with_growing_delays_then_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    async with running(ValueError("bug"), Conflict("stale"), ValueError("bug"), WAIT) as (controller, feed, clock):
        feed.add("a")
        await clock.advance(1)
        assert [at for _, at in controller.calls] == [0.0, 0.005, 0.015, 0.035]
        assert controller.queue.retry(Key("ns", "a")) == 0.005
    assert caplog.text.count("ValueError: bug") == 2
    assert "Conflict" not in caplog.text


async def test_a_terminal_error_is_not_retried() -> None:
    async with running(TerminalError("never")) as (controller, feed, clock):
        feed.add("a")
        await clock.advance(3000)
        assert len(controller.calls) == 1


async def test_updates_that_do_not_matter_are_left_out() -> None:
    async with running() as (controller, feed, _):
        feed.add("a")
        await settle()
        feed.add("a", changed="yes")  # comes as an update
        await settle()
        assert len(controller.calls) == 1


def test_owned_by_maps_controllers_of_the_kind_in_any_version() -> None:
    def owned(**ref: Any) -> Object:
        full = {
            "apiVersion": "v1",
            "kind": "ReplicationController",
            "name": "rc",
            "uid": "u",
            "controller": True,
            **ref,
        }
        return {"metadata": {"name": "p", "namespace": "ns", "ownerReferences": [full]}}

    keys = owned_by(RC)
    assert list(keys(owned())) == [Key("ns", "rc")]
    assert not list(keys(owned(kind="ReplicaSet", apiVersion="apps/v1")))
    assert not list(keys(owned(apiVersion="other/v1")))
    assert not list(keys(owned(controller=False)))
    assert not list(owned_by(POD)({"metadata": {"name": "p"}}))
