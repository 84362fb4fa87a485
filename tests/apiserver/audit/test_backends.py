"""Where events go: files that are put aside, buffers that drop, events that are too large, servers that fail."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.annotations import Annotations, go_duration
from sampan.apiserver.audit.backends.backend import Union
from sampan.apiserver.audit.backends.buffered import Batching, Buffered
from sampan.apiserver.audit.backends.truncated import Limits, Truncated
from sampan.apiserver.audit.event import Body, Event, encoded, line
from sampan.apiserver.audit.level import Level
from sampan.apiserver.audit.metrics import AuditMetrics
from tests.apiserver.audit.events import event, lost, started


def test_an_event_as_a_line_of_text() -> None:
    assert line(event("x")) == (
        '2026-11-26T12:00:00.12Z AUDIT: id="x" stage="ResponseComplete" ip="10.0.0.1" method="list" user="tim" '
        'groups="\\"a\\",\\"b\\"" as="<self>" asgroups="<lookup>" user-agent="kubectl" namespace="default" '
        'uri="/api/v1/pods" response="200"'
    )


def test_an_event_is_one_line_whatever_was_sent() -> None:
    made = event("x")._replace(request=Body((b'{\n "a": 123456789012345678901234567890\n}\n',)))
    assert b"\n" not in encoded(made)
    assert json.loads(encoded(made))["requestObject"] == {"a": 123456789012345678901234567890}
    assert list(json.loads(encoded(made))["annotations"]) == ["a/b", "b/c"]


# Files


# Buffers


class Collecting:
    """A backend that keeps what it gets, once it may."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may = asyncio.Event()
        self.may.set()
        self.begun = asyncio.Event()

    async def start(self) -> None:
        """Nothing is to be opened."""

    def process(self, events: Sequence[Event]) -> asyncio.Future[bool]:
        return asyncio.ensure_future(self._take(events))

    async def _take(self, events: Sequence[Event]) -> bool:
        self.begun.set()
        await self.may.wait()
        self.batches.append([event.fields["auditID"] for event in events])
        return True

    async def close(self) -> None:
        """Nothing is open."""


async def test_nobody_waits_for_a_buffer_and_a_full_one_drops(
    metrics: AuditMetrics, registry: CollectorRegistry
) -> None:
    delegate = Collecting()
    delegate.may.clear()
    batching = Batching(buffer_size=3, max_size=1, throttle=False, concurrent=False)
    async with started(Buffered(delegate, batching, metrics)) as backend:
        assert backend.process([event("0")]) is None
        await delegate.begun.wait()
        for number in range(1, 6):
            assert backend.process([event(str(number))]) is None
        delegate.may.set()
    assert delegate.batches == [["0"], ["1"], ["2"], ["3"]]
    assert lost(registry, "buffered") == 2


async def test_a_buffer_holds_so_many_bytes_only(metrics: AuditMetrics, registry: CollectorRegistry) -> None:
    delegate = Collecting()
    delegate.may.clear()
    async with started(Buffered(delegate, Batching(max_size=1, concurrent=False), metrics)) as backend:
        backend.process([event("0")])
        await delegate.begun.wait()
        for number in range(1, 4):
            backend.process([event(str(number), size=50 << 20)])
        delegate.may.set()
    assert delegate.batches == [["0"], ["1"], ["2"]] and lost(registry, "buffered") == 1


async def test_a_batch_is_sent_when_it_is_full_or_has_waited(metrics: AuditMetrics) -> None:
    delegate = Collecting()
    batching = Batching(max_size=3, max_wait=0.05, throttle=False)
    async with started(Buffered(delegate, batching, metrics)) as backend:
        for number in range(7):
            backend.process([event(str(number))])
        await asyncio.sleep(0.2)
        assert sorted(delegate.batches) == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


async def test_what_is_left_is_sent_when_the_server_stops(metrics: AuditMetrics, registry: CollectorRegistry) -> None:
    delegate = Collecting()
    backend = Buffered(delegate, Batching(), metrics)
    async with started(backend):
        for number in range(5):
            backend.process([event(str(number))])
    assert delegate.batches == [["0", "1", "2", "3", "4"]]
    backend.process([event("late")])
    assert lost(registry, "buffered") == 1


async def test_batches_are_throttled(metrics: AuditMetrics) -> None:
    delegate, loop = Collecting(), asyncio.get_running_loop()
    batching = Batching(max_size=1, qps=20, burst=2)
    async with started(Buffered(delegate, batching, metrics)) as backend:
        start = loop.time()
        for number in range(6):
            backend.process([event(str(number))])
        while len(delegate.batches) < 6:  # noqa: ASYNC110 - the backend tells nobody
            await asyncio.sleep(0.005)
        assert loop.time() - start > 0.19  # two at once, then one every 50 ms


# Sizes


async def test_large_events_lose_their_objects_and_then_themselves(
    metrics: AuditMetrics, registry: CollectorRegistry
) -> None:
    taken: list[Event] = []

    class Taking(Collecting):
        def process(self, events: Sequence[Event]) -> asyncio.Future[bool]:
            taken.extend(events)
            return super().process(events)

    async with started(Truncated(Taking(), Limits(event=1000, batch=2000), metrics)) as backend:
        assert await backend.process([event("small"), event("large", 5000)])  # type: ignore[misc]
        huge = event("huge")._replace(annotations={"a/b": "x" * 2000})
        assert backend.process([huge]) is None
    assert [one.fields["auditID"] for one in taken] == ["small", "large"]
    assert taken[1].response is None and taken[1].annotations["audit.k8s.io/truncated"] == "true"
    assert lost(registry, "truncate") == 1


async def test_batches_are_cut_where_they_are_too_large(metrics: AuditMetrics) -> None:
    delegate = Collecting()
    async with started(Truncated(delegate, Limits(event=1000, batch=1200), metrics)) as backend:
        assert await backend.process([event(str(number)) for number in range(4)])  # type: ignore[misc]
    assert sorted(delegate.batches) == [["0", "1"], ["2", "3"]]


async def test_all_of_several_backends_get_everything() -> None:
    first, second = Collecting(), Collecting()
    async with started(Union([first, second])) as backend:
        assert await backend.process([event("a")]) is True  # type: ignore[misc]
    assert first.batches == second.batches == [["a"]]


# A server


# Annotations


def test_the_first_word_on_a_key_stands(caplog: pytest.LogCaptureFixture) -> None:
    notes = Annotations()
    notes["a/b"] = "one"
    notes["a/b"] = "one"
    notes.update({"a/b": "two", "c/d": "x"})
    assert notes == {"a/b": "one", "c/d": "x"} and 'failed to set annotations["a/b"] to "two"' in caplog.text


def test_some_annotations_are_for_closer_levels_only() -> None:
    notes = Annotations()
    for level in (Level.NONE, Level.METADATA, Level.REQUEST):
        notes.level = level
        notes.note(f"a/{level.label}", "x", Level.REQUEST)
    assert notes == {"a/Request": "x"}


def test_where_the_time_went_is_told_of_what_takes_long() -> None:
    notes = Annotations()
    notes.latencies = {}
    for seconds in (0.2, 0.1):
        notes.took("etcd", seconds)
        notes.took("validating-webhook", seconds)
    notes.note_latencies(0.4)
    assert notes == {}
    notes.note_latencies(0.6)
    prefix = "apiserver.latency.k8s.io/"
    assert notes == {f"{prefix}etcd": "300ms", f"{prefix}validating-webhook": "200ms", f"{prefix}total": "600ms"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (5e-9, "5ns"),
        (1.5e-6, "1.5µs"),
        (0.0125, "12.5ms"),
        (1, "1s"),
        (62.5, "1m2.5s"),
        (3600, "1h0m0s"),
        (5025.000001, "1h23m45.000001s"),
    ],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text
