"""Probes on a virtual clock: delays, periods, thresholds, the startup probe's gate."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from sampan.kubelet.cri import CRIError
from sampan.kubelet.grpc_health import decode_status, encode_request
from sampan.kubelet.handlers import Handlers, Target, port_of
from sampan.kubelet.hooks import run_hook
from sampan.kubelet.outcome import Outcome
from sampan.kubelet.probes import Prober, Tally
from sampan.kubelet.records import Container, State
from sampan.kubelet.stop import end_container
from sampan.kubelet.verdicts import Verdict
from sampan.machinery.meta import Object
from sampan.testing.clock import VirtualClock
from sampan.transport.connection import HTTPClient
from tests.kubelet.pods import spec_of


class Commands:
    """A runtime whose commands end as they are told, and which remembers when they ran."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.code = 0
        self.ran: list[tuple[str, float]] = []

    async def exec_sync(self, container: str, command: list[str], timeout: float) -> tuple[int, bytes, bytes]:
        self.ran.append((command[0], self.clock.monotonic()))
        if self.code < 0:
            raise CRIError("DeadlineExceeded", "")
        return self.code, b"out", b"err"

    def times(self, name: str) -> list[float]:
        return [moment for command, moment in self.ran if command == name]


def probe(name: str, **fields: Any) -> Object:
    return {"exec": {"command": [name]}, "periodSeconds": 10, **fields}


class Watched:
    """A prober with its clock, its runtime and what it has told."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.cri = Commands(self.clock)
        self.told: list[str] = []
        self.woken = asyncio.Event()
        self.handlers = Handlers(self.cri, self.clock)  # type: ignore[arg-type]
        self.counted: list[tuple[str, str, bool]] = []
        self.prober = Prober(self.handlers, self.clock, self.woken.set, self._tell, self._count)

    def _tell(self, spec: Object, reason: str, message: str) -> None:
        self.told.append(f"{reason}: {message}")

    def _count(self, kind: str, spec: Object, success: bool, seconds: float) -> None:
        self.counted.append((kind, spec["name"], success))

    @property
    def verdict(self) -> Verdict:
        return self.prober.verdicts.get("c1", Verdict())

    @asynccontextmanager
    async def probing(self, stopping: bool = False, **probes: Object) -> AsyncIterator[None]:
        instance = Container("c1", "main", "s", State.RUNNING, started=self.clock.now())
        async with asyncio.TaskGroup() as group:
            self.prober.sync(group, {"c1": (spec_of("main", **probes), instance)}, "10.1.0.5", stopping)
            yield
            self.prober.sync(group, {}, "", stopping=True)


async def test_the_first_probe_waits_for_the_initial_delay() -> None:
    it = Watched()
    async with it.probing(readinessProbe=probe("r", initialDelaySeconds=7)):
        await it.clock.advance(6)
        assert it.cri.ran == [] and it.verdict == Verdict()
        await it.clock.advance(25)
        assert it.cri.times("r") == [7, 17, 27]
        assert it.verdict == Verdict(ready=True)


async def test_a_failure_counts_from_its_threshold() -> None:
    it = Watched()
    async with it.probing(livenessProbe=probe("l", failureThreshold=3)):
        await it.clock.advance(5)
        it.cri.code = 1
        await it.clock.advance(20)
        assert it.verdict == Verdict(live=True)
        await it.clock.advance(10)
        assert it.verdict == Verdict(live=False)
        assert it.told == ["Unhealthy: Liveness probe failed: outerr"] * 3
        assert it.counted == [("liveness", "main", True), *[("liveness", "main", False)] * 3]
        await it.clock.advance(100)
        assert len(it.cri.ran) == 4  # it is being killed: no more probes


async def test_readiness_comes_and_goes() -> None:
    it = Watched()
    async with it.probing(readinessProbe=probe("r", failureThreshold=1, successThreshold=2)):
        await it.clock.advance(0)
        assert it.verdict == Verdict()
        await it.clock.advance(10)
        assert it.verdict == Verdict(ready=True)
        it.cri.code = 1
        await it.clock.advance(10)
        assert it.verdict == Verdict(ready=False)


async def test_the_startup_probe_comes_before_the_others() -> None:
    it = Watched()
    it.cri.code = 1
    async with it.probing(startupProbe=probe("s", failureThreshold=5), livenessProbe=probe("l")):
        await it.clock.advance(25)
        assert it.cri.times("l") == []
        it.cri.code = 0
        await it.clock.advance(10)
        assert it.verdict.started is True
        await it.clock.advance(60)
        assert it.cri.times("s") == [0, 10, 20, 30]
        assert 30 <= it.cri.times("l")[0] <= 31


async def test_a_startup_probe_that_never_succeeds() -> None:
    it = Watched()
    it.cri.code = 1
    async with it.probing(startupProbe=probe("s", failureThreshold=2)):
        await it.clock.advance(30)
        assert it.verdict == Verdict(started=False)


async def test_a_stopping_pod_is_probed_for_readiness_only() -> None:
    it = Watched()
    async with it.probing(stopping=True, livenessProbe=probe("l"), readinessProbe=probe("r")):
        await it.clock.advance(15)
        assert {command for command, _ in it.cri.ran} == {"r"}


async def test_what_the_api_knows_is_kept() -> None:
    it = Watched()
    it.prober.adopt("c1", started=True, ready=True)
    async with it.probing(readinessProbe=probe("r", initialDelaySeconds=60)):
        await it.clock.advance(1)
        assert it.verdict == Verdict(started=True, ready=True)


def test_a_tally_counts_what_follows_itself() -> None:
    tally = Tally(success_threshold=2, failure_threshold=2)
    assert [tally.add(success) for success in (True, False, True, True, False, False, False)] == [
        None,
        None,
        None,
        True,
        None,
        False,
        False,
    ]


async def outcome(handler: Object, **fields: Any) -> Outcome:
    clock = VirtualClock()
    commands = Commands(clock)
    commands.code = fields.pop("code", 0)
    target = Target(spec_of("main", ports=[{"name": "web", "containerPort": 1}]), "c1", "127.0.0.1")
    return await Handlers(commands, clock).run(handler, target, 1)  # type: ignore[arg-type]


async def test_a_command_that_takes_too_long() -> None:
    found = await outcome({"exec": {"command": ["cat", "a b"]}}, code=-1)
    assert found == Outcome(False, "command timed out: \"cat 'a b'\" timed out after 1s")


async def test_refused_connections() -> None:
    why = "dial tcp 127.0.0.1:1: connect: connection refused"
    assert await outcome({"tcpSocket": {"port": "web"}}) == Outcome(False, why)
    assert await outcome({"httpGet": {"port": 1, "path": "x"}}) == Outcome(False, f'Get "http://127.0.0.1:1/x": {why}')
    grpc = await outcome({"grpc": {"port": 1}})
    assert grpc.message == ('timeout: failed to connect service "127.0.0.1:1" within 1s: context deadline exceeded')


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nfine", Outcome(True, "fine")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Outcome(True)),
        (b"nonsense\r\n\r\n", Outcome(False, 'Get "http://127.0.0.1:PORT/x?y": EOF')),
        (b"", Outcome(False, 'Get "http://127.0.0.1:PORT/x?y": EOF')),
        (b"HTTP/1.1 500 No\r\n\r\n", Outcome(False, "HTTP probe failed with statuscode: 500")),
    ],
)
async def test_http_answers(answer: bytes, expected: Outcome) -> None:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        headers = [{"name": "Host", "value": "own"}, {"name": "X-A", "value": "b"}]
        found = await outcome({"httpGet": {"port": port, "path": "/x?y", "httpHeaders": headers}})
        assert replace(found, message=found.message.replace(str(port), "PORT")) == expected
    assert requests[0].startswith(b"GET /x?y HTTP/1.1\r\nUser-Agent: kube-probe/1.37\r\n")
    assert b"Host: own\r\nX-A: b\r\n" in requests[0] and requests[0].count(b"Host:") == 1


LOST = 'Get "http://127.0.0.1:PORT/a": failed to parse Location header'


@pytest.mark.parametrize(
    ("location", "last", "expected", "asked"),
    [
        ("/b?c", b"200 OK", Outcome(True, "end"), ["/a", "/b?c"]),
        ("b", b"500 No", Outcome(False, "HTTP probe failed with statuscode: 500"), ["/a", "/b"]),
        ("http://127.0.0.2/", b"", Outcome(True, "Probe terminated redirects, Response body: go", True), ["/a"]),
        ("", b"", Outcome(True, "Probe terminated redirects, Response body: go", True), ["/a"]),
        ("//[", b"", Outcome(False, f"{LOST}: Invalid IPv6 URL"), ["/a"]),
        ("http://127.0.0.1:99999/", b"", Outcome(False, f"{LOST}: Port out of range 0-65535"), ["/a"]),
        ("ftp://127.0.0.1/", b"", Outcome(False, f'{LOST}: unsupported protocol scheme "ftp"'), ["/a"]),
        ("/a", b"", Outcome(False, 'Get "http://127.0.0.1:PORT/a": stopped after 10 redirects'), ["/a"] * 10),
    ],
)
async def test_redirects(location: str, last: bytes, expected: Outcome, asked: list[str]) -> None:
    """On the same host they are followed, up to ten; to another host they are a success with a warning."""
    paths: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        paths.append(path)
        go = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\ngo" if location else "HTTP/1.1 302 Found\r\n\r\ngo"
        writer.write(go.encode() if path == "/a" else b"HTTP/1.1 %b\r\n\r\nend" % last)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await outcome({"httpGet": {"port": port, "path": "/a"}})
    assert replace(found, message=found.message.replace(str(port), "PORT")) == expected
    assert paths == asked


async def test_a_warning_is_told_and_counts_as_success() -> None:
    it = Watched()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        action = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1]}
        async with it.probing(readinessProbe={"httpGet": action}):
            async with asyncio.timeout(20):
                await it.woken.wait()
            assert it.verdict.ready is True
    assert it.told[0] == "ProbeWarning: Readiness probe warning: Probe terminated redirects, Response body: "


async def test_https_probes_share_one_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one costs the event loop tens of milliseconds; and no certificate is verified."""
    made: list[ssl.SSLContext] = []

    def client(url: str, tls: ssl.SSLContext) -> HTTPClient:
        made.append(tls)
        return HTTPClient(url, tls)

    monkeypatch.setattr("sampan.kubelet.http_handler.HTTPClient", client)
    handlers = Handlers(Commands(VirtualClock()), VirtualClock())  # type: ignore[arg-type]
    for _ in range(2):
        await handlers.run({"httpGet": {"port": 1, "scheme": "HTTPS"}}, Target(spec_of("main"), "c1", "127.0.0.1"), 1)
    assert made[0] is made[1] and made[0].verify_mode is ssl.CERT_NONE


async def test_the_sleep_hook_waits_on_the_clock() -> None:
    clock = VirtualClock()
    handlers = Handlers(Commands(clock), clock)  # type: ignore[arg-type]
    hook = {"sleep": {"seconds": 1000}}
    sleeping = asyncio.create_task(run_hook(hook, Target(spec_of("main"), "c1", ""), handlers))
    await clock.advance(999)
    assert not sleeping.done()
    await clock.advance(2)
    await sleeping


@pytest.mark.parametrize(("grace", "given"), [(30, 30), (2, 2), (1, 2), (0, 2)])
async def test_every_container_gets_a_moment_between_term_and_kill(grace: int, given: int) -> None:
    stopped: list[tuple[str, int]] = []

    class Stopping:
        async def stop_container(self, identity: str, timeout: int) -> None:
            stopped.append((identity, timeout))

    clock = VirtualClock()
    at = SimpleNamespace(clock=clock, cri=Stopping(), handlers=Handlers(Commands(clock), clock))  # type: ignore[arg-type]
    spec = spec_of("main", lifecycle={"preStop": {"exec": {"command": ["x"]}}})
    await end_container(at, {"metadata": {"name": "p"}, "spec": {}}, spec, "c1", "", grace)  # type: ignore[arg-type]
    assert stopped == [("c1", given)]


def test_ports_by_name() -> None:
    spec = spec_of("main", ports=[{"name": "web", "containerPort": 8080}])
    assert (port_of("web", spec), port_of("81", spec), port_of(82, spec)) == (8080, 81, 82)
    with pytest.raises(ValueError, match="couldn't find port"):
        port_of("none", spec)


def test_health_messages() -> None:
    assert encode_request("") == b"" and encode_request("ab") == b"\x0a\x02ab"
    assert encode_request("x" * 300)[:3] == b"\x0a\xac\x02"
    assert (decode_status(b""), decode_status(b"\x08\x01"), decode_status(b"\x08\x02")) == (0, 1, 2)
