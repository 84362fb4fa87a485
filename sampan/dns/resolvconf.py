"""The machine's resolvers, from resolv.conf (resolv.conf(5)). Pure but for `Upstreams`, which rereads the file."""

import logging
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from sampan.dns.config import DNSConfig
from sampan.reconcile.clock import Clock

log = logging.getLogger(__name__)

_PORT = 53
_CHECK_SECONDS = 5.0


class Upstream(NamedTuple):
    """A resolver to ask."""

    host: str
    port: int


def parse_resolv_conf(text: str) -> list[Upstream]:
    """Its nameservers in order; what is no address is left out, as the C library does."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and _is_address(words[1]):
            found.append(Upstream(words[1], _PORT))
    return found


def parse_upstream(text: str) -> Upstream:
    """`address` or `address:port`; raises ValueError."""
    if _is_address(text):
        return Upstream(text, _PORT)
    host, _, port = text.rpartition(":")
    ip_address(host)
    return Upstream(host, int(port))


class Upstreams:
    """The resolvers of today: laptops change networks. This server itself is never among them."""

    def __init__(self, config: DNSConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._own = {Upstream(*address) for address in config.listen} | {Upstream(config.dns_ip, _PORT)}
        self._checked = -_CHECK_SECONDS
        self._mtime = -1
        self._found: Sequence[Upstream] = self._without_own([parse_upstream(text) for text in config.upstreams])

    def current(self) -> Sequence[Upstream]:
        """The resolvers to ask, in order; empty on a machine without any."""
        now = self._clock.monotonic()
        if not self._config.upstreams and now - self._checked >= _CHECK_SECONDS:
            self._checked = now
            self._reread(self._config.resolv_conf)
        return self._found

    def _reread(self, path: Path) -> None:
        try:
            mtime = path.stat().st_mtime_ns
            if mtime == self._mtime:
                return
            self._found = self._without_own(parse_resolv_conf(path.read_text(errors="replace")))
            self._mtime = mtime
        except OSError as error:  # nobody to ask, until it can be read
            log.debug("no resolvers: %s", error)
            self._found, self._mtime = (), -1

    def _without_own(self, upstreams: Collection[Upstream]) -> Sequence[Upstream]:
        kept = [upstream for upstream in upstreams if upstream not in self._own]
        if len(kept) < len(upstreams):
            log.warning("the machine's resolvers name this server itself; it is left out")
        return kept


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
