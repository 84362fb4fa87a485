"""What becomes of one query: an answer from the zone, one from elsewhere, or an error.

Sockets are server.py's. Anything may come in: nothing but bytes goes out, and nothing is raised.
"""

from collections.abc import Sequence

from dnslib import RR, DNSError, DNSHeader, DNSQuestion, DNSRecord

from sampan.dns.answer import alias_answer, answers, type_name
from sampan.dns.cache import AnswerCache
from sampan.dns.config import DNSConfig
from sampan.dns.forward import Forwarder
from sampan.dns.wire import (
    FORMERR,
    NOTIMP,
    QUERY_OPCODE,
    REFUSED,
    MessageError,
    Query,
    failure,
    is_response,
    opcode,
    parse_query,
    truncated,
)
from sampan.dns.zone import Answer, Zone

_INTERNET = 1
_LONGEST_CHAIN = 8  # aliases of aliases
LARGEST_TCP_SIZE = 65_535
_LARGEST_FOREIGN = 4096  # bytes of an answer that is taken apart


class Responder:
    """Answers queries from the zone, the cache in front of it, and the forwarder."""

    def __init__(self, zone: Zone, cache: AnswerCache, forwarder: Forwarder, config: DNSConfig) -> None:
        self._zone = zone
        self._cache = cache
        self._forwarder = forwarder
        self._config = config

    def at_once(self, message: bytes, *, tcp: bool) -> bytes | None:
        """The answer, if it needs no waiting; b"" for what deserves none, None for what `later` must answer."""
        try:
            if is_response(message):
                return b""  # two servers answering each other's answers would never end
            if opcode(message) != QUERY_OPCODE:
                return failure(message, NOTIMP)
            query = parse_query(message)
        except MessageError:
            return failure(message, FORMERR) if len(message) >= 12 else b""
        if query.question.cls != _INTERNET:
            return failure(message, REFUSED)
        return self._local(message, query, tcp)

    async def later(self, message: bytes, *, tcp: bool) -> bytes:
        """The answer that `at_once` could not give."""
        query = parse_query(message)
        name = query.question.name
        if self._zone.origin(name) is not None:
            packed = message[:2] + await self._follow_alias(query, name)
        elif self._forwarder.is_own_probe(name):
            packed = failure(message, REFUSED)
        else:
            packed = await self._forwarder.resolve(message)
        return packed if len(packed) <= _limit(query, tcp) else truncated(packed)

    def _local(self, message: bytes, query: Query, tcp: bool) -> bytes | None:
        name, type = query.question.name, type_name(query.question.type)
        origin = self._zone.origin(name)
        if origin is None:
            return None
        answer = self._zone.lookup(name, type)
        if _is_alias(answer) and type != "CNAME":
            return None
        if tcp:
            return message[:2] + answers(query, answer, origin, self._config.ttl, limit=LARGEST_TCP_SIZE, turns=1)[0]
        orders = answers(query, answer, origin, self._config.ttl, limit=query.udp_size)
        self._cache.put(name, message[2:], orders)
        return message[:2] + orders[0]

    async def _follow_alias(self, query: Query, name: str) -> bytes:
        """A CNAME and what its target comes to, inside or outside; without the leading id."""
        chain: list[tuple[str, Answer]] = []
        type = type_name(query.question.type)
        foreign: Sequence[RR] = ()
        while len(chain) < _LONGEST_CHAIN:
            if self._zone.origin(name) is None:
                foreign = await self._foreign(name, query)
                break
            answer = self._zone.lookup(name, type)
            chain.append((name, answer))
            if not _is_alias(answer):
                break
            name = str(answer.records[0].data)
        return alias_answer(query, chain, foreign, self._config.ttl)

    async def _foreign(self, name: str, query: Query) -> Sequence[RR]:
        """The records of a name outside; none where it can't be resolved: the alias itself is true all the same."""
        asked = DNSRecord(DNSHeader(rd=1), q=DNSQuestion(name, query.question.type))
        packed = await self._forwarder.resolve(bytes(asked.pack()))
        if len(packed) > _LARGEST_FOREIGN:
            return ()
        try:
            found: Sequence[RR] = DNSRecord.parse(packed).rr
        except (DNSError, RecursionError):  # the latter from names that point to each other
            return ()
        return found


def _is_alias(answer: Answer) -> bool:
    return bool(answer.records) and answer.records[0].type == "CNAME"


def _limit(query: Query, tcp: bool) -> int:
    return LARGEST_TCP_SIZE if tcp else query.udp_size
