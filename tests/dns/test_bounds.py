"""What one query may cost, whoever sends it: memory of the caches, work for a large Service, hostile answers."""

import struct
from typing import Any

import pytest
from dnslib import EDNS0, RR, A, DNSRecord, EDNSOption

from sampan.dns import answer as answering
from sampan.dns.answer import answers
from sampan.dns.cache import AnswerCache
from sampan.dns.config import DNSConfig
from sampan.dns.forward import Forwarder
from sampan.dns.records import Record
from sampan.dns.responder import Responder
from sampan.dns.wire import is_truncated, parse_query
from sampan.dns.zone import Answer, Zone

DOMAIN = "cluster.local"
CONFIG = DNSConfig(listen=(), service_cidr="10.96.0.0/12", pod_cidr="10.244.0.0/16", dns_ip="10.96.0.10", domain=DOMAIN)


class Elsewhere(Forwarder):
    """A resolver that gives one answer to everything."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    async def resolve(self, query: bytes) -> bytes:
        return query[:2] + self.answer[2:]


def responder(*, elsewhere: bytes = b"") -> tuple[Responder, AnswerCache]:
    zone, cache = Zone(DOMAIN, ()), AnswerCache()
    zone.set("out", {f"out.default.svc.{DOMAIN}": (Record("CNAME", "www.example.com"),)})
    zone.set("web", {f"web.default.svc.{DOMAIN}": (Record("A", "10.96.0.5"),)})
    return Responder(zone, cache, Elsewhere(elsewhere), CONFIG), cache


def question(name: str, *options: EDNSOption) -> bytes:
    message = DNSRecord.question(name)
    if options:
        message.add_ar(EDNS0(udp_len=1232, opts=list(options)))
    return bytes(message.pack())


def test_padded_queries_are_answered_but_not_kept() -> None:
    serving, cache = responder()
    for size in (8, 3000):
        found = serving.at_once(question(f"web.default.svc.{DOMAIN}", EDNSOption(12, b"\0" * size)), tcp=False)
        assert found and DNSRecord.parse(found).rr
    assert len(cache) == 1


def test_a_service_of_thousands_of_endpoints_is_packed_only_as_far_as_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Record] = []
    make = answering._rr

    def counting(name: Any, record: Record, ttl: int) -> RR:
        made.append(record)
        return make(name, record, ttl)

    monkeypatch.setattr(answering, "_rr", counting)
    records = tuple(Record("A", f"10.244.{i // 250}.{i % 250}") for i in range(5000))
    query = parse_query(question(f"web.default.svc.{DOMAIN}"))
    orders = answers(query, Answer(True, records), DOMAIN, 5, limit=512)
    assert len(orders) == 8 and all(is_truncated(b"\0\0" + order) for order in orders)
    assert len(made) < 8 * 50
    assert len({order[-4:] for order in orders}) == 8  # they begin at different endpoints


def loop() -> bytes:
    """An answer whose name leads by its own pointer back to its beginning."""
    head = struct.pack("!HHHHHH", 1, 0x8180, 0, 1, 0, 0)
    return head + b"\x03aaa\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + b"\xc0\0\2\7"


def chain(hops: int) -> bytes:
    """An answer whose name is a chain of pointers, each to the one before it."""
    head = struct.pack("!HHHHHH", 1, 0x8180, 0, 2, 0, 0)
    pointers = b"\0" + b"".join(struct.pack("!H", 0xC000 | max(23, 23 + 1 + 2 * (i - 1))) for i in range(hops))
    text = b"\0" + struct.pack("!HHIH", 65280, 1, 60, len(pointers)) + pointers
    return (
        head
        + text
        + struct.pack("!H", 0xC000 | (23 + 1 + 2 * (hops - 1)))
        + struct.pack("!HHIH", 1, 1, 60, 4)
        + b"abcd"
    )


@pytest.mark.parametrize("hostile", [loop(), chain(1900), b"", b"\0" * 12, b"\xff" * 4000, b"x" * 60_000])
async def test_an_alias_is_answered_whatever_the_resolver_says(hostile: bytes) -> None:
    serving, _ = responder(elsewhere=hostile)
    found = await serving.later(question(f"out.default.svc.{DOMAIN}"), tcp=True)
    assert str(DNSRecord.parse(found).rr[0].rdata) == "www.example.com."


def test_the_library_follows_pointers_by_recursion() -> None:
    with pytest.raises(RecursionError):
        DNSRecord.parse(chain(1900))


def test_a_large_foreign_answer_is_not_kept() -> None:
    class Clock:
        def monotonic(self) -> float:
            return 0.0

    forwarder = Forwarder(None, Clock(), None)  # type: ignore[arg-type]
    for count in (1, 400):
        message = DNSRecord.question("www.example.com").reply()
        for _ in range(count):
            message.add_answer(RR("www.example.com", ttl=60, rdata=A("192.0.2.7")))
        forwarder._keep(b"%d" % count, bytes(message.pack()))
    assert forwarder._recall(b"1") and not forwarder._recall(b"400")
