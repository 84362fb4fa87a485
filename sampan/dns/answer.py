"""Answers about our own names, as bytes. Pure.

Called by server.py when the cache has no answer. Sizes: RFC 1035 4.2.1 and RFC 6891; negative answers: RFC 2308.
"""

import time
from collections.abc import Callable, Sequence

from dnslib import CNAME, EDNS0, NS, PTR, QTYPE, RD, RR, SOA, SRV, TXT, A, DNSHeader, DNSLabel, DNSQuestion, DNSRecord

from sampan.dns.records import Record, Srv
from sampan.dns.wire import LARGEST_UDP_SIZE, NXDOMAIN, TYPES, Query
from sampan.dns.zone import Answer

_RDATA = {"A": A, "CNAME": CNAME, "NS": NS, "PTR": PTR, "TXT": TXT}
_TURNS = 8  # how many orders of its addresses an answer is kept in
_SMALLEST = 13  # bytes of a record


def answers(
    query: Query, answer: Answer, origin: str, ttl: int, *, limit: int, turns: int = _TURNS
) -> tuple[bytes, ...]:
    """The answer's bytes without the leading id, in up to `turns` orders.

    Several addresses come in turn first, as CoreDNS's loadbalance does: many clients use the first only. An answer
    larger than `limit` has the TC bit and as many records as fit, for clients that can't ask again over TCP.
    """
    turns = min(turns, sum(record.type == "A" for record in answer.records)) or 1
    step = max(1, len(answer.records) // turns)
    orders = [answer.records[i * step :] + answer.records[: i * step] for i in range(turns)]
    most = limit // _SMALLEST + 1  # more can't fit; a Service may have thousands of endpoints
    additional = answer.additional if len(answer.additional) < most else ()
    short = [Answer(answer.exists, order[:most], additional) for order in orders]
    return tuple(_pack(query, one, origin, ttl, limit)[2:] for one in short)


def alias_answer(query: Query, chain: Sequence[tuple[str, Answer]], foreign: Sequence[RR], ttl: int) -> bytes:
    """The answer for a name that is an alias: every step of the chain, then what a resolver said. Without the id."""
    names: list[str | DNSLabel] = [DNSLabel(query.question.labels), *(name for name, _ in chain[1:])]
    records = [
        _rr(name, record, ttl) for name, (_, answer) in zip(names, chain, strict=True) for record in answer.records
    ]
    return _message(query, True, [*records, *foreign], [], [])[2:]


def _pack(query: Query, answer: Answer, origin: str, ttl: int, limit: int) -> bytes:
    name = DNSLabel(query.question.labels)  # in the letters in which it was asked
    records = [_rr(name, record, ttl) for record in answer.records]
    additional = [_rr(name, record, ttl) for name, record in answer.additional]
    authority = [] if records else [_soa(origin, ttl)]
    packed = _message(query, answer.exists, records, authority, additional)
    if len(packed) > limit:
        packed = _message(query, answer.exists, records, authority, [])
    if len(packed) <= limit:
        return packed
    fits = _largest(lambda n: len(_message(query, True, records[:n], [], [], cut=True)) <= limit, len(records))
    return _message(query, True, records[:fits], [], [], cut=True)


def _message(
    query: Query,
    exists: bool,
    records: Sequence[RR],
    authority: Sequence[RR],
    additional: Sequence[RR],
    *,
    cut: bool = False,
) -> bytes:
    question = query.question
    recursion = int(query.recursion_desired)
    header = DNSHeader(id=0, qr=1, aa=1, rd=recursion, ra=1, tc=int(cut), rcode=0 if exists else NXDOMAIN)
    asked = DNSQuestion(DNSLabel(question.labels), question.type, question.cls)
    message = DNSRecord(header, q=asked, rr=list(records), auth=list(authority), ar=list(additional))
    if query.edns:
        message.add_ar(EDNS0(udp_len=LARGEST_UDP_SIZE))
    return bytes(message.pack())


def _rr(name: str | DNSLabel, record: Record, ttl: int) -> RR:
    data = record.data
    rdata: RD = SRV(*data) if isinstance(data, Srv) else _RDATA[record.type](data)
    return RR(name, getattr(QTYPE, record.type), ttl=ttl, rdata=rdata)


def _soa(origin: str, ttl: int) -> RR:
    serial = int(time.time()) & 0xFFFFFFFF
    numbers = (serial, 7200, 1800, 86400, ttl)
    return RR(origin, QTYPE.SOA, ttl=ttl, rdata=SOA(f"ns.dns.{origin}", f"hostmaster.{origin}", numbers))


def _largest(fits: Callable[[int], bool], most: int) -> int:
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def type_name(number: int) -> str:
    """A, SRV, ...; TYPE99 for what this server knows nothing of."""
    return TYPES.get(number, f"TYPE{number}")
