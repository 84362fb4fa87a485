"""Which events are written, and how often."""

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.client.api import Client
from sampan.kinds.core.event import KIND as EVENT
from sampan.machinery.errors import Forbidden, NotFound
from sampan.machinery.meta import Object
from sampan.reconcile.correlate import COMBINED, Correlator
from sampan.reconcile.events import MAX_WAITING, WRITERS, EventRecorder
from sampan.testing.clock import VirtualClock, settle

RC = {
    "apiVersion": "v1",
    "kind": "ReplicationController",
    "metadata": {"name": "kubia", "namespace": "ns", "uid": "u1", "resourceVersion": "7"},
}


class Recording:
    """A transport that keeps what is written; `refuse` is raised once."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.refuse: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0

    async def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> Any:
        if self.refuse is not None:
            error, self.refuse = self.refuse, None
            raise error
        self.under_way += 1
        await self.gate.wait()
        self.calls.append((method, path, body))
        return body


def recorder(transport: Recording, clock: VirtualClock) -> EventRecorder:
    return EventRecorder(Client(transport), "replication-controller", clock)  # type: ignore[arg-type]


async def test_an_event_has_upstreams_shape() -> None:
    transport = Recording()
    events = recorder(transport, VirtualClock())
    events.event(RC, "Normal", "SuccessfulCreate", "Created pod: kubia-abcde")
    await events.flush()
    [(method, path, body)] = transport.calls
    assert (method, path) == ("POST", EVENT.path("ns"))
    assert body["metadata"]["name"].startswith("kubia.")
    assert body["involvedObject"] == {
        "kind": "ReplicationController",
        "namespace": "ns",
        "name": "kubia",
        "uid": "u1",
        "apiVersion": "v1",
        "resourceVersion": "7",
    }
    assert body["source"] == {"component": "replication-controller"}
    assert (body["type"], body["reason"], body["count"]) == ("Normal", "SuccessfulCreate", 1)
    assert body["firstTimestamp"] == body["lastTimestamp"] == "2025-01-01T00:00:00Z"


async def test_the_same_again_raises_the_count() -> None:
    transport, clock = Recording(), VirtualClock()
    events = recorder(transport, clock)
    for _ in range(3):
        events.event(RC, "Warning", "FailedCreate", "Error creating: quota")
        await events.flush()
        await clock.advance(30)
    name = transport.calls[0][2]["metadata"]["name"]
    assert [method for method, _, _ in transport.calls] == ["POST", "PATCH", "PATCH"]
    assert transport.calls[2][1] == EVENT.path("ns", name)
    assert transport.calls[2][2]["count"] == 3
    assert transport.calls[2][2]["lastTimestamp"] == "2025-01-01T00:01:00Z"


async def test_an_expired_event_is_written_anew() -> None:
    transport = Recording()
    events = recorder(transport, VirtualClock())
    events.event(RC, "Normal", "A", "m")
    await events.flush()
    transport.refuse = NotFound("gone")
    events.event(RC, "Normal", "A", "m")
    await events.flush()
    assert [method for method, _, _ in transport.calls] == ["POST", "POST"]


async def test_a_refused_event_is_dropped_and_a_lost_one_tried_again() -> None:
    transport, clock = Recording(), VirtualClock()
    events = recorder(transport, clock)
    transport.refuse = Forbidden("terminating")
    events.event(RC, "Normal", "A", "m")
    await events.flush()
    assert transport.calls == []
    events.event(RC, "Normal", "A", "m")
    await events.flush()
    assert [method for method, _, _ in transport.calls] == ["POST"]


async def test_many_are_written_at_once_but_those_of_an_object_in_order() -> None:
    transport = Recording()
    transport.gate.clear()
    events = recorder(transport, VirtualClock())
    for number in range(2 * WRITERS):
        for reason in "AB":
            events.event(about(f"kubia-{number}"), "Normal", reason, "m")
    writing = asyncio.create_task(events.flush())
    await settle()
    assert transport.under_way == WRITERS
    transport.gate.set()
    await writing
    told = [(body["involvedObject"]["name"], body["reason"]) for _, _, body in transport.calls]
    assert len(told) == 4 * WRITERS
    assert all(told.index((name, "A")) < told.index((name, "B")) for name, _ in told)


async def test_a_thousand_bindings_a_second_lose_nothing_and_a_flood_is_told_of_once(caplog: Any) -> None:
    transport = Recording()
    events = recorder(transport, VirtualClock())
    for number in range(MAX_WAITING + 7):
        events.event(about(f"kubia-{number}"), "Normal", "Scheduled", "m")
    await events.flush()
    assert len(transport.calls) == MAX_WAITING
    assert [one.message for one in caplog.records] == [
        "replication-controller: dropped 7 events, as too many were waiting"
    ]


TERMINATING = Forbidden("no", details={"causes": [{"reason": "NamespaceTerminating"}]})


@pytest.mark.parametrize(
    ("refusal", "warnings"), [(TERMINATING, 0), (NotFound("no namespace"), 0), (Forbidden("no right"), 1)]
)
async def test_only_unexpected_refusals_are_told(refusal: Exception, warnings: int, caplog: Any) -> None:
    transport = Recording()
    events = recorder(transport, VirtualClock())
    transport.refuse = refusal
    events.event(RC, "Normal", "A", "m")
    await events.flush()
    assert sum(one.levelno >= logging.INFO for one in caplog.records) == warnings


def about(name: str) -> Object:
    return {**RC, "metadata": {"name": name, "namespace": "ns"}}


def test_similar_events_are_combined_from_the_tenth_on() -> None:
    correlator = Correlator()
    written = [correlator.observe(event(f"pod {n}"), float(n)) for n in range(12)]
    assert all(one is not None for one in written)
    messages = [one.event["message"] for one in written if one]
    assert messages[8] == "pod 8"
    assert messages[9:] == [COMBINED + f"pod {n}" for n in (9, 10, 11)]
    assert [one.event["count"] for one in written if one][9:] == [1, 2, 3]
    fresh = correlator.observe(event("pod 13"), 1000.0)
    assert fresh is not None
    assert fresh.event["message"] == "pod 13"


@given(st.integers(26, 200))
def test_spam_is_cut_after_25_and_trickles_once_in_five_minutes(number: int) -> None:
    correlator = Correlator()
    written = [correlator.observe(event("m"), 0.0) for _ in range(number)]
    assert sum(one is not None for one in written) == 25
    assert correlator.observe(event("m"), 299.0) is None
    assert correlator.observe(event("m"), 300.5) is not None
    assert correlator.observe(event("m", name="other"), 300.5) is not None


def event(message: str, name: str = "kubia") -> dict[str, Any]:
    return {
        "metadata": {"name": f"{name}.1", "namespace": "ns"},
        "involvedObject": {"kind": "Pod", "namespace": "ns", "name": name, "uid": "u"},
        "source": {"component": "test"},
        "type": "Normal",
        "reason": "R",
        "message": message,
        "count": 1,
        "firstTimestamp": "2025-01-01T00:00:00Z",
        "lastTimestamp": "2025-01-01T00:00:00Z",
    }
