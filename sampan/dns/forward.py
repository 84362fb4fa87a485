"""Names of the rest of the world: asked of the machine's resolvers, and kept for a while.

What the plugins forward, cache and loop are in kubeadm's CoreDNS. Called by server.py for every name that is not ours.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from sampan.dns.exchange import exchange
from sampan.dns.resolvconf import Upstream, Upstreams
from sampan.dns.wire import (
    NXDOMAIN,
    SERVFAIL,
    MessageError,
    aged,
    failure,
    lifetime,
    parse_question,
    rcode,
)
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

_TIMEOUT = 2.0  # seconds for one resolver's answer
_ROUNDS = 2
_PATIENCE = 4.0  # seconds after which no further resolver is asked: clients give up after five
_LONGEST_KEPT = 30  # seconds, however long the TTL
_LARGEST_KEPT = 4096  # bytes
_CAPACITY = 10_000
_MOST_AT_ONCE = 1_000
_LOOP_DOMAIN = b"\x04loop\x06sampan\x07invalid\x00"


class _Kept(NamedTuple):
    answer: bytes
    since: float
    until: float


class Forwarder:
    """Asks resolvers. `group` gets the tasks that look for loops."""

    def __init__(self, upstreams: Upstreams, clock: Clock, group: asyncio.TaskGroup) -> None:
        self._upstreams = upstreams
        self._clock = clock
        self._group = group
        self._kept: dict[bytes, _Kept] = {}
        self._asking = 0
        self._probes: dict[str, Upstream] = {}  # name that only we ask for -> whom we asked
        self._probed: set[Upstream] = set()
        self._looping: set[Upstream] = set()

    async def resolve(self, query: bytes) -> bytes:
        """The answer to a query, with its id and question; SERVFAIL where nobody answers. Raises MessageError."""
        question = parse_question(query)
        key = query[2:12] + query[12 : question.end - 4].lower()
        key += query[question.end - 4 :]  # type and class are no letters
        if (kept := self._recall(key)) is None:
            answer = await self._ask(query)
            if answer is None:
                return failure(query, SERVFAIL)
            self._keep(key, answer)
        else:
            answer = kept
        # 0x20 encoding: clients want their own letters back
        return query[:2] + answer[2:12] + query[12 : question.end] + answer[question.end :]

    def is_own_probe(self, name: str) -> bool:
        """Whether a query that came in is one that we sent out: its resolver leads back to us and is asked no more."""
        upstream = self._probes.pop(name, None)
        if upstream is None:
            return False
        log.error("resolver %s forwards to this server; it is left out", upstream.host)
        self._looping.add(upstream)
        return True

    def _recall(self, key: bytes) -> bytes | None:
        kept = self._kept.get(key)
        now = self._clock.monotonic()
        if kept is None or now >= kept.until:
            return None
        return aged(kept.answer, int(now - kept.since))

    def _keep(self, key: bytes, answer: bytes) -> None:
        if rcode(answer) not in (0, NXDOMAIN) or len(answer) > _LARGEST_KEPT:
            return
        seconds = min(lifetime(answer), _LONGEST_KEPT)
        if seconds:
            if len(self._kept) >= _CAPACITY:
                self._kept.clear()
            now = self._clock.monotonic()
            self._kept[key] = _Kept(answer, now, now + seconds)

    async def _ask(self, query: bytes) -> bytes | None:
        """The first resolver's answer that is one; None if there is none, or too many wait already."""
        if self._asking >= _MOST_AT_ONCE:
            return None
        self._asking += 1
        try:
            refused = None
            until = self._clock.monotonic() + _PATIENCE
            for upstream in self._usable() * _ROUNDS:
                if upstream in self._looping:  # found out meanwhile
                    continue
                if self._clock.monotonic() >= until:
                    break
                answer = await self._try(query, upstream)
                if answer is not None and rcode(answer) != SERVFAIL:
                    return answer
                refused = answer or refused
            return refused
        finally:
            self._asking -= 1

    async def _try(self, query: bytes, upstream: Upstream) -> bytes | None:
        try:
            answer = await exchange(query, upstream, _TIMEOUT)
            lifetime(answer)  # whole, or it is not an answer
            return answer
        except (OSError, MessageError) as error:  # TimeoutError is an OSError
            log.debug("resolver %s: %r", upstream.host, error)
            return None

    def _usable(self) -> list[Upstream]:
        upstreams = [upstream for upstream in self._upstreams.current() if upstream not in self._looping]
        self._probe([upstream for upstream in upstreams if upstream not in self._probed])
        return upstreams

    def _probe(self, upstreams: Sequence[Upstream]) -> None:
        """Ask each resolver, once, for a name that nobody else asks for; it comes back if there is a loop."""
        for upstream in upstreams:
            self._probed.add(upstream)
            label = secrets.token_hex(8).encode()
            self._probes[f"{label.decode()}.loop.sampan.invalid"] = upstream
            name = bytes([len(label)]) + label + _LOOP_DOMAIN
            query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0" + name + b"\0\x0d\0\x01"  # HINFO, as CoreDNS's loop asks
            self._group.create_task(self._try(query, upstream))
