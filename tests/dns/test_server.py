"""The server over real sockets: answers, cache and its invalidation, forwarding, TCP, and nonsense."""

import asyncio
import secrets
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from dnslib import EDNS0, QTYPE, RR, A, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.dns.config import DNSConfig
from sampan.dns.objects import dns_objects
from sampan.dns.server import DNSServer
from sampan.kinds.core.namespace import KIND as NAMESPACE
from sampan.kinds.core.service import KIND as SERVICE
from sampan.kinds.discovery.endpoint_slice import KIND as ENDPOINT_SLICE
from sampan.reconcile.clock import SystemClock
from tests.dns.objects import endpoint, endpoint_slice, namespace, service
from tests.fake_api import FakeApi

S = "svc.cluster.local"
Handler = Callable[[DNSRecord], DNSRecord | None]


class Client(asyncio.DatagramProtocol):
    """Sends queries over UDP (or TCP) and gives parsed answers."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: object) -> None:
        self._answers.put_nowait(data)

    async def raw(self, message: bytes) -> bytes:
        self.transport.sendto(message)
        async with asyncio.timeout(20):
            return await self._answers.get()

    async def ask(self, name: str, type: str = "A", *, edns: int = 0) -> DNSRecord:
        message = DNSRecord.question(name, type)
        if edns:
            message.add_ar(EDNS0(udp_len=edns))
        answer = DNSRecord.parse(await self.raw(message.pack()))
        assert answer.header.id == message.header.id
        assert str(answer.q.qname) == f"{name}."  # letter by letter
        return answer

    async def ask_tcp(self, name: str, type: str = "A") -> DNSRecord:
        reader, writer = await asyncio.open_connection(self.server, PORT)
        message = DNSRecord.question(name, type).pack()
        writer.write(struct.pack("!H", len(message)) + message)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = DNSRecord.parse(await reader.readexactly(length))
        writer.close()
        await writer.wait_closed()
        return answer


class Resolver(asyncio.DatagramProtocol):
    """A resolver outside, over UDP and TCP, that does what its handler says and counts."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.asked: list[str] = []
        self.probes: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if (answer := self._answer(data)) is None:
            return
        packed = answer.pack()
        self._transport.sendto(answer.truncate().pack() if len(packed) > 512 else packed, address)

    def _answer(self, data: bytes) -> DNSRecord | None:
        query = DNSRecord.parse(data)
        if query.q.qtype == QTYPE.HINFO:
            self.probes.put_nowait(data)
            return None
        self.asked.append(str(query.q.qname))
        return self.handler(query)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = self._answer(await reader.readexactly(length))
        assert answer is not None
        writer.write(struct.pack("!H", len(answer.pack())) + answer.pack())
        writer.close()


def addresses(answer: DNSRecord) -> list[str]:
    return [str(rr.rdata) for rr in answer.rr if rr.rtype == QTYPE.A]


def loopback() -> str:
    """An address that no other test has: ports are free on it for UDP and TCP alike."""
    return f"127.{1 + secrets.randbelow(250)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(250)}"


PORT = 5300


@asynccontextmanager
async def resolver(handler: Handler) -> AsyncIterator[tuple[Resolver, str]]:
    loop, address = asyncio.get_running_loop(), loopback()
    transport, made = await loop.create_datagram_endpoint(lambda: Resolver(handler), (address, PORT))
    server = await asyncio.start_server(made.converse, address, PORT)
    try:
        yield made, address
    finally:
        transport.close()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def serving(api: FakeApi, *resolvers: str) -> AsyncIterator[Client]:
    address, ready = loopback(), asyncio.Event()
    config = DNSConfig(
        listen=((address, PORT),),
        service_cidr="10.96.0.0/12",
        pod_cidr="10.244.0.0/16",
        dns_ip="10.96.0.10",
        upstreams=tuple(f"{resolver}:{PORT}" for resolver in resolvers),
        resolv_conf=Path("/dev/null/resolv.conf"),
    )
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(DNSServer(api.client, config, SystemClock()).run(ready.set))
        await ready.wait()
        transport, client = await loop.create_datagram_endpoint(lambda: Client(address), remote_addr=(address, PORT))
        try:
            yield client
        finally:
            transport.close()
            task.cancel()


@pytest.fixture
def api() -> FakeApi:
    made = FakeApi()
    made.put(NAMESPACE, namespace("default"))
    made.put(SERVICE, service("web"))
    return made


async def test_names_inside_are_answered_with_authority(api: FakeApi) -> None:
    async with serving(api) as client:
        answer = await client.ask(f"Web.default.{S}")
        assert (answer.header.aa, answer.header.rcode, addresses(answer)) == (1, 0, ["10.96.0.5"])
        assert answer.rr[0].ttl == 5
        missing = await client.ask(f"nothing.default.{S}")
        assert (missing.header.rcode, missing.auth[0].rtype, str(missing.auth[0].rname)) == (3, 6, "cluster.local.")
        nodata = await client.ask(f"web.default.{S}", "AAAA")
        assert (nodata.header.rcode, len(nodata.rr), nodata.auth[0].rtype) == (0, 0, 6)


async def eventually(client: Client, name: str, expected: list[str]) -> None:
    """Ask until the answer is that; the informer's event is on its way."""
    async with asyncio.timeout(20):
        while addresses(await client.ask(name)) != expected:
            continue


async def test_kept_answers_follow_the_objects(api: FakeApi) -> None:
    async with serving(api) as client:
        name = f"late.default.{S}"
        assert (await client.ask(name)).header.rcode == 3
        assert (await client.ask(name)).header.rcode == 3  # from the cache
        api.put(SERVICE, service("late", "10.96.0.77"))
        await eventually(client, name, ["10.96.0.77"])
        api.put(SERVICE, service("late", "None"))
        api.put(ENDPOINT_SLICE, endpoint_slice("late", endpoint("10.244.0.9")))
        await eventually(client, name, ["10.244.0.9"])
        api.remove(SERVICE, service("late"))
        await eventually(client, name, [])
        assert (await client.ask(name)).header.rcode == 3


async def test_a_namespaces_pods_have_names_while_it_lives(api: FakeApi) -> None:
    async with serving(api) as client:
        name = "10-244-0-5.other.pod.cluster.local"
        assert (await client.ask(name)).header.rcode == 3
        api.put(NAMESPACE, namespace("other"))
        await eventually(client, name, ["10.244.0.5"])
        api.remove(NAMESPACE, namespace("other"))
        await eventually(client, name, [])


async def test_addresses_come_in_turn_first(api: FakeApi) -> None:
    api.put(SERVICE, service("db", "None"))
    api.put(ENDPOINT_SLICE, endpoint_slice("db", *(endpoint(f"10.244.0.{i}") for i in (5, 6, 7))))
    async with serving(api) as client:
        message = DNSRecord.question(f"db.default.{S}").pack()
        firsts = {addresses(DNSRecord.parse(await client.raw(message)))[0] for _ in range(7)}
    assert firsts == {"10.244.0.5", "10.244.0.6", "10.244.0.7"}


async def test_large_answers_are_cut_for_udp_and_whole_over_tcp(api: FakeApi) -> None:
    api.put(SERVICE, service("db", "None"))
    pods = [endpoint(f"10.244.{i // 200}.{i % 200 + 1}") for i in range(300)]
    api.put(ENDPOINT_SLICE, endpoint_slice("db", *pods))
    async with serving(api) as client:
        cut = await client.ask(f"db.default.{S}")
        assert cut.header.tc == 1
        assert 20 < len(addresses(cut)) < 40  # as many as 512 bytes hold
        more = await client.ask(f"db.default.{S}", edns=4096)
        assert more.header.tc == 1
        assert len(addresses(more)) > len(addresses(cut))
        assert len(addresses(await client.ask_tcp(f"db.default.{S}"))) == 300


def says(address: str, ttl: int = 60) -> Handler:
    def handle(query: DNSRecord) -> DNSRecord:
        answer = query.reply()
        answer.add_answer(RR(query.q.qname, ttl=ttl, rdata=A(address)))
        return answer

    return handle


async def test_other_names_are_asked_outside_once(api: FakeApi) -> None:
    async with resolver(says("192.0.2.7")) as (outside, at), serving(api, at) as client:
        assert addresses(await client.ask("www.example.com")) == ["192.0.2.7"]
        again = await client.ask("WWW.example.com")
        assert addresses(again) == ["192.0.2.7"]
        assert again.rr[0].ttl <= 60
        assert outside.asked == ["www.example.com."]
        assert addresses(await client.ask_tcp("www.example.org")) == ["192.0.2.7"]


async def test_answers_without_a_lifetime_are_not_kept(api: FakeApi) -> None:
    async with resolver(says("192.0.2.7", ttl=0)) as (outside, at), serving(api, at) as client:
        await client.ask("www.example.com")
        await client.ask("www.example.com")
        assert len(outside.asked) == 2


async def test_a_large_foreign_answer_is_fetched_over_tcp(api: FakeApi) -> None:
    def many(query: DNSRecord) -> DNSRecord:
        answer = query.reply()
        for i in range(50):
            answer.add_answer(RR(query.q.qname, ttl=60, rdata=A(f"192.0.2.{i}")))
        return answer

    async with resolver(many) as (_, at), serving(api, at) as client:
        assert len(addresses(await client.ask("big.example.com", edns=1232))) == 50
        small = await client.ask("big.example.com")
        assert (small.header.tc, small.rr) == (1, [])


async def test_the_next_resolver_is_asked_when_one_fails(api: FakeApi) -> None:
    def fails(query: DNSRecord) -> DNSRecord:
        answer = query.reply()
        answer.header.rcode = 2
        return answer

    nobody = loopback()
    async with (
        resolver(fails) as (_, bad),
        resolver(says("192.0.2.7")) as (_, good),
        serving(api, nobody, bad, good) as client,
    ):
        assert addresses(await client.ask("www.example.com")) == ["192.0.2.7"]


async def test_without_resolvers_other_names_fail(api: FakeApi) -> None:
    async with serving(api) as client:
        assert (await client.ask("www.example.com")).header.rcode == 2


async def test_a_resolver_that_leads_back_here_is_left_out(api: FakeApi) -> None:
    """The probe that comes back is recognised; from then on names outside fail instead of going round for ever."""
    async with resolver(says("192.0.2.7")) as (outside, at), serving(api, at) as client:
        assert addresses(await client.ask("one.example.com")) == ["192.0.2.7"]
        probe = await outside.probes.get()
        assert DNSRecord.parse(await client.raw(probe)).header.rcode == 5
        assert (await client.ask("two.example.com")).header.rcode == 2
        assert outside.asked == ["one.example.com."]


async def test_an_external_name_is_followed(api: FakeApi) -> None:
    api.put(SERVICE, service("out", "", type="ExternalName", externalName="www.example.com"))
    api.put(SERVICE, service("in", "", type="ExternalName", externalName=f"web.default.{S}"))
    api.put(SERVICE, service("round", "", type="ExternalName", externalName=f"round.default.{S}"))
    async with resolver(says("192.0.2.7")) as (_, at), serving(api, at) as client:
        out = await client.ask(f"out.default.{S}")
        assert [QTYPE[rr.rtype] for rr in out.rr] == ["CNAME", "A"]
        assert addresses(out) == ["192.0.2.7"]
        assert addresses(await client.ask(f"in.default.{S}")) == ["10.96.0.5"]
        only = await client.ask(f"out.default.{S}", "CNAME")
        assert [str(rr.rdata) for rr in only.rr] == ["www.example.com."]
        assert (await client.ask(f"round.default.{S}")).header.rcode == 0  # an end, whatever it says


@pytest.mark.parametrize(
    ("message", "rcode"),
    [
        (b"\xab\xcd\x28\0\0\1\0\0\0\0\0\0\x01a\0\0\1\0\1", 4),  # opcode UPDATE
        (b"\xab\xcd\1\0\0\1\0\0\0\0\0\0\x01a\0\0\1\0\3", 5),  # class CHAOS
        (b"\xab\xcd\1\0\0\0\0\0\0\0\0\0", 1),  # no question
        (b"\xab\xcd\1\0\0\1\0\0\0\0\0\0\xc0\x0c", 1),  # a name that points to itself
    ],
)
async def test_what_is_not_a_query_is_refused(api: FakeApi, message: bytes, rcode: int) -> None:
    async with serving(api) as client:
        answer = await client.raw(message)
        assert (answer[:2], answer[3] & 0xF) == (message[:2], rcode)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=10))
def test_nonsense_harms_nothing(messages: list[bytes]) -> None:
    query = DNSRecord.question(f"web.default.{S}").pack()

    async def run() -> None:
        api = FakeApi()
        api.put(NAMESPACE, namespace("default"))
        api.put(SERVICE, service("web"))
        async with serving(api) as client:
            for message in messages:
                client.transport.sendto(message)
                client.transport.sendto(query[:12] + message)
            found = None
            while found != ["10.96.0.5"]:  # answers to the nonsense come first
                data = await client.raw(query)
                found = addresses(DNSRecord.parse(data)) if data[3] & 0xF == 0 and data[6:8] != b"\0\0" else None

    asyncio.run(run())


def test_the_cluster_finds_the_server_as_kube_dns() -> None:
    *_, made, found, endpoints = dns_objects("10.96.0.10", "10.244.0.1", 10053, "node-1")
    assert made["metadata"]["labels"]["k8s-app"] == "kube-dns"
    assert [(p["name"], p["protocol"], p["port"]) for p in made["spec"]["ports"]] == [
        ("dns", "UDP", 53),
        ("dns-tcp", "TCP", 53),
    ]
    assert [(p["name"], p["port"]) for p in found["ports"]] == [("dns", 10053), ("dns-tcp", 10053)]
    assert endpoints["subsets"][0]["addresses"][0]["ip"] == found["endpoints"][0]["addresses"][0] == "10.244.0.1"


async def test_connections_that_stall_leave_room_to_other_clients(api: FakeApi) -> None:
    api.put(SERVICE, service("web", "10.96.0.5"))
    async with serving(api) as client, AsyncExitStack() as stalled:
        for _ in range(600):
            _, writer = await asyncio.open_connection(client.server, PORT, local_addr=("127.9.9.9", 0))
            stalled.callback(writer.close)
        async with asyncio.timeout(5):
            assert addresses(await client.ask_tcp(f"web.default.{S}")) == ["10.96.0.5"]


async def test_a_client_has_its_whole_share_again_once_its_connections_have_ended(api: FakeApi) -> None:
    api.put(SERVICE, service("web", "10.96.0.5"))
    async with serving(api) as client:
        for _ in range(120):
            assert addresses(await client.ask_tcp(f"web.default.{S}")) == ["10.96.0.5"]
