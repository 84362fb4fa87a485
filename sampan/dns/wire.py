"""DNS messages as bytes (RFC 1035, 6891), for what must be fast or must not change a foreign message. Pure.

Building our own answers is answer.py's. Every function takes what came from the network: MessageError is the only thing
that it raises.
"""

import struct
from typing import NamedTuple

HEADER_SIZE = 12
_HEADER = struct.Struct("!HHHHHH")
_FIXED = struct.Struct("!HHIH")  # of a resource record, after its name

QUERY_OPCODE = 0
FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 1, 2, 3, 4, 5
_QR, _AA, _TC, _RD, _RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
OPT, SOA = 41, 6
TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 16: "TXT", 28: "AAAA", 33: "SRV", 255: "ANY"}

PLAIN_UDP_SIZE, LARGEST_UDP_SIZE = 512, 1232  # without and with EDNS; the latter never needs fragments


class MessageError(ValueError):
    """Not a DNS message, or a broken one."""


class Question(NamedTuple):
    """The one question of a query."""

    labels: tuple[bytes, ...]  # of the name, as sent
    type: int
    cls: int
    end: int  # where the question section ends

    @property
    def name(self) -> str:
        """The name in lower case, without the final dot. A dot within a label is escaped, so that it parts nothing."""
        parts = (label.replace(b"\\", b"\\\\").replace(b".", b"\\.") for label in self.labels)
        return b".".join(parts).decode("latin-1").lower()


class Query(NamedTuple):
    """A query as far as an answer depends on it."""

    question: Question
    udp_size: int  # how large an answer over UDP may be
    edns: bool
    recursion_desired: bool


def flags(message: bytes) -> int:
    """The flag word; raises MessageError for what is too short to be a message."""
    if len(message) < HEADER_SIZE:
        raise MessageError("shorter than a header")
    return int.from_bytes(message[2:4], "big")


def is_response(message: bytes) -> bool:
    """Whether the QR bit is set."""
    return bool(flags(message) & _QR)


def is_truncated(message: bytes) -> bool:
    """Whether the TC bit is set."""
    return bool(flags(message) & _TC)


def opcode(message: bytes) -> int:
    """What the message asks for; QUERY_OPCODE is the usual."""
    return flags(message) >> 11 & 0xF


def rcode(message: bytes) -> int:
    """The response code, without EDNS's extension."""
    return flags(message) & 0xF


def parse_question(message: bytes) -> Question:
    """The question of a message that has exactly one."""
    if len(message) < HEADER_SIZE or message[4:6] != b"\0\x01":
        raise MessageError("not one question")
    labels, at = [], HEADER_SIZE
    while length := _byte(message, at):
        if length > 63 or at + 1 + length > len(message):
            raise MessageError("a bad label in the question")
        labels.append(message[at + 1 : at + 1 + length])
        at += 1 + length
    end = at + 5
    if end > len(message) or at - HEADER_SIZE > 254:
        raise MessageError("the question is cut off or too long")
    type, cls = struct.unpack_from("!HH", message, at + 1)
    return Question(tuple(labels), type, cls, end)


def parse_query(message: bytes) -> Query:
    """A query; the sections after the question may hold an OPT record and nothing else that matters."""
    question = parse_question(message)
    recursion = bool(flags(message) & _RD)
    for record in _records(message, question.end):
        if record.type == OPT:
            size = max(PLAIN_UDP_SIZE, min(record.cls, LARGEST_UDP_SIZE))
            return Query(question, size, True, recursion)
    return Query(question, PLAIN_UDP_SIZE, False, recursion)


def failure(message: bytes, code: int) -> bytes:
    """The answer to `message` that only says that it failed. Its question comes back if it can be read."""
    try:
        end, count = parse_question(message).end, 1
    except MessageError:
        end, count = HEADER_SIZE, 0
    word = _QR | _RA | flags(message) & (0x7800 | _RD) | code
    return _HEADER.pack(int.from_bytes(message[:2], "big"), word, count, 0, 0, 0) + message[HEADER_SIZE:end]


def truncated(message: bytes) -> bytes:
    """An answer without its records, to be asked for again over TCP."""
    end = parse_question(message).end
    word = flags(message) | _TC
    return _HEADER.pack(int.from_bytes(message[:2], "big"), word, 1, 0, 0, 0) + message[HEADER_SIZE:end]


class _RecordAt(NamedTuple):
    type: int
    cls: int
    ttl: int
    ttl_at: int
    data_at: int
    end: int


def _records(message: bytes, at: int) -> list[_RecordAt]:
    found = []
    for _ in range(sum(_HEADER.unpack_from(message)[3:])):
        at = _skip_name(message, at)
        if at + _FIXED.size > len(message):
            raise MessageError("a record is cut off")
        type, cls, ttl, length = _FIXED.unpack_from(message, at)
        data_at = at + _FIXED.size
        end = data_at + length
        if end > len(message):
            raise MessageError("a record is cut off")
        found.append(_RecordAt(type, cls, ttl, at + 4, data_at, end))
        at = end
    return found


def lifetime(message: bytes) -> int:
    """How many seconds an answer may be kept: its least TTL, and SOA's minimum of a negative one (RFC 2308); else 0."""
    ttls = []
    for record in _records(message, parse_question(message).end):
        if record.type != OPT:
            ttls.append(record.ttl)
        if record.type == SOA and record.end - record.data_at >= 20:
            ttls.append(int.from_bytes(message[record.end - 4 : record.end], "big"))
    return min(ttls, default=0)


def aged(message: bytes, seconds: int) -> bytes:
    """The answer as it is after so many seconds in a cache."""
    out = bytearray(message)
    for record in _records(message, parse_question(message).end):
        if record.type != OPT:
            struct.pack_into("!I", out, record.ttl_at, max(0, record.ttl - seconds))
    return bytes(out)


def _skip_name(message: bytes, at: int) -> int:
    while length := _byte(message, at):
        if length & 0xC0 == 0xC0:
            return at + 2
        if length > 63:
            raise MessageError("a bad label")
        at += 1 + length
    return at + 1


def _byte(message: bytes, at: int) -> int:
    if at >= len(message):
        raise MessageError("a name is cut off")
    return message[at]
