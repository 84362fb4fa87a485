"""What kubelets say they have used, as what is used: pages, points, and who asks for them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from sampan.kinds.core.node import KIND as NODE
from sampan.kubelet.endpoints import scraped as kubelet
from sampan.kubelet.endpoints.usage import ContainerUsage, Disk, MachineUsage, Memory
from sampan.machinery.errors import ServiceUnavailable
from sampan.machinery.meta import Key
from sampan.metrics.app import MOST, PERIOD, SOON, STALE, Meter
from sampan.metrics.scraped import Point, batch_of
from sampan.metrics.usage import Use, node_fields, pod_fields, use_of
from sampan.testing.clock import EPOCH, VirtualClock
from tests.fake_api import FakeApi

NOW = EPOCH.timestamp()
WEB = Key("shop", "web")


class Page(Collector):
    """A kubelet's page."""

    def __init__(self, at: float, cpu: float, started: float = NOW - 3600, *containers: str) -> None:
        self.at, self.cpu, self.started, self.containers = at, cpu, started, containers or ("main",)

    def collect(self) -> list[Metric]:
        memory = Memory(usage=1 << 30, working_set=300 << 20)
        machine = MachineUsage(
            cpus=2,
            memory_capacity=1 << 32,
            booted=0,
            cpu=round(self.cpu * 2e9),
            memory=memory,
            interfaces=(),
            disk=Disk(0, 0, 0, 0),
            processes=1,
            max_processes=2,
        )
        found = [
            ContainerUsage(
                "u", WEB.namespace, WEB.name, name, name, round(self.at * 1e9), round(self.cpu * 1e9), memory, 0, 0
            )
            for name in self.containers
        ]
        return list(kubelet.resource(machine, found, dict.fromkeys(self.containers, self.started)))

    def text(self) -> str:
        return generate_latest(self).decode()


def test_a_kubelets_page() -> None:
    batch = batch_of(Page(NOW, 12.5, NOW - 60, "main", "side").text(), NOW + 1)
    assert batch.node == Point(NOW + 1, 25.0, 300 << 20), "which does not say when that was"
    assert batch.pods == {WEB: dict.fromkeys(("main", "side"), Point(NOW, 12.5, 300 << 20, NOW - 60))}


def test_a_pod_of_which_a_container_has_no_memory_has_no_figures() -> None:
    lines = Page(NOW, 1, NOW - 60, "main", "side").text().splitlines(keepends=True)
    left = [line for line in lines if not (line.startswith("container_memory") and 'container="side"' in line)]
    assert len(left) == len(lines) - 1 and batch_of("".join(left), NOW).pods == {}


@pytest.mark.parametrize(
    ("before", "now", "use"),
    [
        pytest.param(Point(100, 5, 1), Point(115, 8, 7), Use(115, 15, 200_000_000, 7), id="in between"),
        pytest.param(None, Point(115, 8, 7), None, id="seen once, of no known start"),
        pytest.param(None, Point(115, 8, 7, 75), Use(115, 40, 200_000_000, 7), id="seen once, since its start"),
        pytest.param(None, Point(115, 8, 7, 106), None, id="just started"),
        pytest.param(Point(100, 5, 1), Point(115, 2, 7, 105), Use(115, 10, 200_000_000, 7), id="started anew"),
        pytest.param(Point(100, 5, 1), Point(115, 2, 7), None, id="counted anew"),
        pytest.param(Point(100, 1, 1), Point(115, 2, 7, 105), Use(115, 10, 200_000_000, 7), id="anew, and used more"),
        pytest.param(Point(100, 5, 1), Point(100, 5, 1), None, id="the same answer"),
    ],
)
def test_two_points(before: Point | None, now: Point, use: Use | None) -> None:
    assert use_of(before, now) == use


def test_fields() -> None:
    before, now = Point(NOW, 5, 1), Point(NOW + 15, 8, 300 << 20)
    told = {"timestamp": "2025-01-01T00:00:15Z", "window": "15s"}
    assert node_fields(before, now) == {**told, "usage": {"cpu": "200m", "memory": "300Mi"}}
    odd = now._replace(cpu=5.0001, memory=1025, at=NOW + 20)
    assert pod_fields({"a": before, "b": before}, {"b": odd, "a": now}) == {
        **told,
        "containers": [
            {"name": "a", "usage": {"cpu": "200m", "memory": "300Mi"}},
            {"name": "b", "usage": {"cpu": "5u", "memory": "1025"}},
        ],
    }
    assert pod_fields({"a": before}, {"a": now, "b": now}) is None, "of one of them nothing is known yet"
    assert pod_fields({}, {}) is None


NUMBERS = st.sampled_from(["0", "1", "-1", "1e308", "NaN", "+Inf", "-Inf", "9223372036854775808", "x", "", "1e-320"])
STAMPS = st.sampled_from(["", " 0", " 1735689600000", " 253402300799000", " 9e99", " -1", " NaN", " x"])
NAMES = st.sampled_from(["container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "x"])
LABELS = st.sampled_from(
    ['{container="a",namespace="n",pod="p"}', "{}", "", '{container="a"', "{pod=p}", '{container="\\"}']
)
LINES = st.lists(st.builds("{}{} {}{}".format, NAMES, LABELS, NUMBERS, STAMPS) | st.text(max_size=9), max_size=5)


@given(LINES, LINES)
def test_pages_of_any_kind_are_figures_or_are_refused(first: list[str], second: list[str]) -> None:
    try:
        before, now = batch_of("\n".join(first), NOW), batch_of("\n".join(second), NOW)
    except ValueError:
        return
    for key, points in now.pods.items():
        pod_fields(before.pods.get(key, {}), points)


class Nodes(FakeApi):
    """Nodes, and what the API server passes on of their kubelets."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, str | Exception] = {}
        self.asked: list[str] = []

    def add(self, name: str, port: int | None = 10250) -> None:
        endpoints = {"daemonEndpoints": {"kubeletEndpoint": {"Port": port}}} if port else {}
        self.put(NODE, {"metadata": {"name": name, "uid": name}, "status": endpoints})

    def stream(self, path: str, query: Mapping[str, str]) -> Any:
        return self._stream(path.removeprefix("/api/v1/nodes/").removesuffix("/proxy/metrics/resource"))

    @asynccontextmanager
    async def _stream(self, name: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.asked.append(name)
        page = self.pages[name]
        if isinstance(page, Exception):
            raise page

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(page), 1 << 20):
                yield page[start : start + (1 << 20)].encode()

        yield pieces()


async def until(holds: Any) -> None:
    """Let everything run, threads too."""
    for _ in range(2000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("never became so")


async def test_nodes_are_asked_now_and_then() -> None:
    api, clock = Nodes(), VirtualClock()
    api.add("one")
    api.add("simulated", port=None)
    meter = Meter(api.client, clock)
    api.pages["one"] = Page(NOW, 10).text()
    running = asyncio.create_task(meter.run())
    await until(lambda: clock.sleepers and api.asked == ["one"])
    assert meter.of_node("one") is None, "one answer says nothing yet"
    api.pages["one"] = Page(NOW + SOON, 11).text()
    await clock.advance(SOON)
    await until(lambda: meter.of_node("one"))
    pod = meter.of_pod(WEB)
    assert pod is not None and pod["containers"][0]["usage"]["cpu"] == "500m"
    api.pages["one"] = ServiceUnavailable("gone")
    await until(lambda: clock.sleepers)
    await clock.advance(PERIOD)
    await until(lambda: len(api.asked) == 3)
    assert meter.of_node("one") is not None, "what was said last holds for a while"
    await clock.leap(STALE)
    assert (meter.of_node("one"), meter.of_pod(WEB)) == (None, None)
    running.cancel()
    await asyncio.wait([running])


async def test_what_is_no_answer_leaves_what_was_known() -> None:
    api, clock = Nodes(), VirtualClock()
    meter = Meter(api.client, clock)
    for at in (0, 15):
        api.pages = {"one": Page(NOW + at, 10 + at).text(), "two": "nonsense {"}
        await meter.look(["one", "two"])
    found = meter.of_pod(WEB)
    assert found is not None and meter.of_node("two") is None
    api.pages["one"] = "#" * (MOST + 1)
    await meter.look(["one"])
    assert meter.of_pod(WEB) == found
    await meter.look([])
    assert meter.of_pod(WEB) is None, "the node is gone"
