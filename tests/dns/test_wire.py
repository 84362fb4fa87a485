"""Messages as bytes: right for real ones, and nothing but MessageError for any other."""

import pytest
from dnslib import CNAME, EDNS0, QTYPE, RR, SOA, A, DNSRecord
from hypothesis import example, given
from hypothesis import strategies as st

from sampan.dns import wire


def query(name: str, type: str = "A", *, edns: int = 0) -> bytes:
    message = DNSRecord.question(name, type)
    if edns:
        message.add_ar(EDNS0(udp_len=edns))
    packed: bytes = message.pack()
    return packed


def test_a_query_is_read() -> None:
    found = wire.parse_query(query("WWW.Example.com", "AAAA", edns=4096))
    assert (found.question.name, wire.TYPES[found.question.type], found.question.cls) == ("www.example.com", "AAAA", 1)
    assert (found.udp_size, found.edns, found.recursion_desired) == (1232, True, True)
    assert wire.parse_query(query("a.b")).udp_size == 512
    assert wire.parse_query(query("a.b", edns=100)).udp_size == 512


def test_a_dot_within_a_label_makes_no_other_name() -> None:
    message = b"\0\0\1\0\0\1\0\0\0\0\0\0" + b"\x03a.b\x01c\0" + b"\0\1\0\1"
    assert wire.parse_question(message).name == "a\\.b.c"


def test_failures_bring_id_and_question_back() -> None:
    asked = query("example.com")
    answer = DNSRecord.parse(wire.failure(asked, wire.REFUSED))
    assert (answer.header.id, answer.header.rcode, answer.header.qr) == (DNSRecord.parse(asked).header.id, 5, 1)
    assert str(answer.q.qname) == "example.com."
    assert wire.failure(b"ab" + bytes(10), wire.FORMERR)[:4] == b"ab\x80\x81"


def answer_with(*ttls: int) -> bytes:
    message = DNSRecord.question("www.example.com").reply()
    message.add_answer(RR("www.example.com", QTYPE.CNAME, ttl=ttls[0], rdata=CNAME("example.com")))
    for ttl in ttls[1:]:
        message.add_answer(RR("example.com", ttl=ttl, rdata=A("192.0.2.1")))
    message.add_ar(EDNS0(udp_len=1232))
    packed: bytes = message.pack()
    return packed


def test_answers_grow_old() -> None:
    assert wire.lifetime(answer_with(300, 20)) == 20
    old = DNSRecord.parse(wire.aged(answer_with(300, 20), 50))
    assert [rr.ttl for rr in old.rr] == [250, 0]
    assert wire.lifetime(query("a.b")) == 0


def test_negative_answers_live_as_long_as_the_zone_says() -> None:
    message = DNSRecord.question("no.example.com").reply()
    message.add_auth(
        RR("example.com", QTYPE.SOA, ttl=600, rdata=SOA("ns.example.com", "me.example.com", (1, 2, 3, 4, 17)))
    )
    assert wire.lifetime(message.pack()) == 17


CUT = query("a.b", edns=1232)[:-4]


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: CUT + tail))
@example(b"\0\0\1\0\0\1\0\0\0\0\xff\xff" + b"\x01a\0\0\1\0\1" + b"\xc0\x0c")
def test_nonsense_is_a_message_error(data: bytes) -> None:
    for read in (wire.flags, wire.parse_question, wire.parse_query, wire.lifetime, wire.truncated):
        try:
            read(data)
        except wire.MessageError:
            continue


@pytest.mark.parametrize("count", [0, 2])
def test_only_one_question_makes_a_query(count: int) -> None:
    with pytest.raises(wire.MessageError):
        wire.parse_query(b"\0\0\1\0" + count.to_bytes(2, "big") + bytes(6) + b"\x01a\0\0\1\0\1" * count)
