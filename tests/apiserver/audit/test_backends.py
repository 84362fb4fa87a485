"""Where events go: files that are put aside, buffers that drop, events that are too large, servers that fail."""

import asyncio
import contextlib
import gzip
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from prometheus_client.registry import CollectorRegistry

from sampan.apiserver.audit.annotations import Annotations, go_duration
from sampan.apiserver.audit.backends.backend import Backend, IgnoreErrors, Union
from sampan.apiserver.audit.backends.buffered import Batching, Buffered
from sampan.apiserver.audit.backends.log_file import LogFile
from sampan.apiserver.audit.backends.rotation import Keep, RotatedFile
from sampan.apiserver.audit.backends.truncated import Limits, Truncated
from sampan.apiserver.audit.backends.webhook import Webhook
from sampan.apiserver.audit.event import Body, Event, encoded, line
from sampan.apiserver.audit.level import Level
from sampan.apiserver.audit.metrics import AuditMetrics
from sampan.client.kubeconfig import Access
from sampan.transport.messages import Request, Response
from sampan.transport.server import HTTPServer
from sampan.transport.tls import server_context
from tests.apiserver.pki import authority

NOON = datetime(2026, 11, 26, 12, 0, 0, 120_000, tzinfo=UTC)


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment


def event(name: str, size: int = 0, level: Level = Level.REQUEST_RESPONSE) -> Event:
    """An event of a request, with an object of a size."""
    fields = {
        "level": level.label,
        "auditID": name,
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/pods",
        "verb": "list",
        "user": {"username": "tim", "groups": ["a", "b"]},
        "sourceIPs": ["10.0.0.1"],
        "userAgent": "kubectl",
        "objectRef": {"resource": "pods", "namespace": "default"},
        "responseStatus": {"metadata": {}, "code": 200},
    }
    body = Body((b'"%b"' % (b"x" * size),)) if size else None
    return Event(level, fields, None, body, NOON, NOON, {"b/c": "2", "a/b": "1"})


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> AuditMetrics:
    return AuditMetrics(registry)


def lost(registry: CollectorRegistry, plugin: str) -> float:
    """How many events a plugin has lost."""
    return registry.get_sample_value("apiserver_audit_error_total", {"plugin": plugin}) or 0.0


@asynccontextmanager
async def started(backend: Backend) -> AsyncIterator[Backend]:
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


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


async def test_lines_are_in_the_file_when_they_have_been_waited_for(tmp_path: Path, metrics: AuditMetrics) -> None:
    path = tmp_path / "new" / "audit.log"
    async with started(LogFile(RotatedFile(path, Keep()), "json", metrics)) as backend:
        waits = [backend.process([event(str(number))]) for number in range(100)]
        assert all([await waiting for waiting in waits if waiting is not None])
        assert [json.loads(text)["auditID"] for text in path.read_text().splitlines()] == list(map(str, range(100)))
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_file_that_can_not_be_written_costs_events_and_nothing_else(
    tmp_path: Path, metrics: AuditMetrics, registry: CollectorRegistry
) -> None:
    async with started(LogFile(RotatedFile(Path("/dev/full"), Keep(max_size=0)), "json", metrics)) as backend:
        assert await backend.process([event("a"), event("b")]) is False  # type: ignore[misc]
        assert await IgnoreErrors(backend).process([event("c")]) is True  # type: ignore[misc]
    assert lost(registry, "log") == 3


def files(folder: Path) -> list[str]:
    """Names, in order."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_is_full_is_put_aside(tmp_path: Path) -> None:
    clock = Clock()
    file = RotatedFile(tmp_path / "audit.log", Keep(max_size=1), clock)
    file.open()
    half = b"x" * (600 << 10)
    file.write([half])
    file.write([half, half])  # twice in the same millisecond
    file.close()
    assert files(tmp_path) == [
        "audit-2026-11-26T12-00-00.120.log",
        "audit-2026-11-26T12-00-00.121.log",
        "audit.log",
    ]
    with pytest.raises(ValueError, match="write length 1048577 exceeds maximum file size 1048576"):
        file.write([b"x" * ((1 << 20) + 1)])


def test_old_files_go_and_what_is_left_is_compressed(tmp_path: Path) -> None:
    clock = Clock()
    for days in (1, 2, 3, 40):
        stamp = (NOON - timedelta(days=days)).strftime("%Y-%m-%dT%H-%M-%S.000")
        (tmp_path / f"audit-{stamp}.log").write_text(str(days))
    (tmp_path / "audit-of-somebody-else.log").write_text("")
    file = RotatedFile(tmp_path / "audit.log", Keep(max_age=30, max_backups=2, compress=True), clock)
    file.open()
    file.close()
    assert files(tmp_path) == [
        "audit-2026-11-24T12-00-00.000.log.gz",
        "audit-2026-11-25T12-00-00.000.log.gz",
        "audit-of-somebody-else.log",
        "audit.log",
    ]
    assert gzip.decompress((tmp_path / "audit-2026-11-25T12-00-00.000.log.gz").read_bytes()) == b"1"


def test_a_file_goes_on_where_it_was_left(tmp_path: Path) -> None:
    for number in range(2):
        file = RotatedFile(tmp_path / "audit.log", Keep(max_size=1))
        file.open()
        file.write([b"%d\n" % number])
        file.close()
    assert (tmp_path / "audit.log").read_text() == "0\n1\n"


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


@asynccontextmanager
async def receiver(statuses: list[int], lists: list[dict[str, object]]) -> AsyncIterator[str]:
    """An HTTPS server that answers with the statuses in turn, and keeps the lists of the good ones; its URL."""

    async def handle(request: Request) -> Response:
        assert request.method == "POST" and request.headers["authorization"] == "Bearer secret"
        status = statuses.pop(0) if statuses else 200
        if status == 200:
            lists.append(orjson.loads(request.body))
        return Response(status, b"no good" if status != 200 else b"")

    server, pair = HTTPServer(handle), authority().issue("localhost", server=True)
    port = await server.start("127.0.0.1", 0, server_context(pair.certificate, pair.key))
    try:
        yield f"https://localhost:{port}/events?timeout=30s"
    finally:
        await server.stop()


async def test_lists_of_events_are_posted_and_failures_tried_again(
    metrics: AuditMetrics, registry: CollectorRegistry
) -> None:
    lists: list[dict[str, object]] = []
    async with receiver([500, 403], lists) as url:
        access = Access(url, ca=authority().certificate, token="secret")
        async with started(Webhook(access, 0.01, metrics)) as backend:
            assert await backend.process([event("a"), event("b")]) is True  # type: ignore[misc]
    (found,) = lists
    assert (found["kind"], found["apiVersion"], found["metadata"]) == ("EventList", "audit.k8s.io/v1", {})
    items = found["items"]
    assert isinstance(items, list) and [item["auditID"] for item in items] == ["a", "b"] and "kind" not in items[0]
    assert lost(registry, "webhook") == 0


async def test_after_five_failures_events_are_lost(
    metrics: AuditMetrics, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiver([500] * 5, []) as url:
        access = Access(url, ca=authority().certificate, token="secret")
        async with started(Webhook(access, 0.001, metrics)) as backend:
            assert await backend.process([event("a")]) is False  # type: ignore[misc]
    assert lost(registry, "webhook") == 1 and 'an error on the server ("no good")' in caplog.text


async def test_a_server_that_is_not_there_holds_nobody_in_batches(
    metrics: AuditMetrics, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    access = Access("127.0.0.1:1", ca=authority().certificate)
    backend = Buffered(Webhook(access, 0.001, metrics), Batching(max_size=2), metrics)
    async with started(backend):
        assert backend.process([event("a"), event("b")]) is None
    assert lost(registry, "webhook") == 2
    assert 'Post "127.0.0.1:1": dial tcp 127.0.0.1:1: connect: connection refused' in caplog.text


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


def test_nothing_is_left_open(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "audit.log", Keep(max_size=1))
    file.open()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with contextlib.suppress(ValueError):
        for _ in range(5):
            file.write([b"x" * (900 << 10)])
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    file.close()
