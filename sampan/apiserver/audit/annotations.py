"""Annotations of an audit event: what authentication, authorization and admission note on the way of a request.

The first word on a key stands (k8s.io/apiserver/pkg/audit, AddAuditAnnotation). A plain dict for those who write, so
that they need not know whether anybody reads.
"""

import logging
from collections.abc import Coroutine, Iterable, Mapping
from time import perf_counter
from typing import Any, TypeVar

from sampan.apiserver.audit.level import Level

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONG = 0.5  # seconds
_AT_ONCE = frozenset({"validating-webhook", "authorization"})


class Annotations(dict[str, str]):
    """Made with each request of a server that audits; all others share NOWHERE."""

    level = Level.METADATA  # of the request's event, once the policy has spoken
    latencies: dict[str, float] | None = None  # seconds by tracker, where the request is audited

    def __setitem__(self, key: str, text: str) -> None:
        if (before := self.setdefault(key, text)) != text:
            log.warning('failed to set annotations["%s"] to "%s", it has already been set to "%s"', key, text, before)

    def update(self, more: Mapping[str, str] | Iterable[tuple[str, str]] = (), /, **none: str) -> None:  # type: ignore[override]
        """As several assignments."""
        for key, text in more.items() if isinstance(more, Mapping) else more:
            self[key] = text

    def note(self, key: str, text: str, level: Level) -> None:
        """An annotation that only closer levels have."""
        if self.level >= level:
            self[key] = text

    def took(self, tracker: str, seconds: float) -> None:
        """Time that a part of the server has had, of several times the sum or, of what is done at once, the longest."""
        if self.latencies is None:
            return
        before = self.latencies.get(tracker, 0.0)
        self.latencies[tracker] = max(before, seconds) if tracker in _AT_ONCE else before + seconds

    def timed(self, tracker: str, step: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """A step, of which the time is taken where it matters."""
        return step if self.latencies is None else self._timed(tracker, step)

    async def _timed(self, tracker: str, step: Coroutine[Any, Any, T]) -> T:
        start = perf_counter()
        try:
            return await step
        finally:
            self.took(tracker, perf_counter() - start)

    def note_latencies(self, total: float) -> None:
        """What is told of a request that has taken long (k8s.io/apiserver/pkg/endpoints/filters, audit.go)."""
        if total > _LONG and self.latencies:
            for tracker, seconds in {**self.latencies, "total": total}.items():
                self[f"apiserver.latency.k8s.io/{tracker}"] = go_duration(seconds)


class _Unheard(Annotations):
    """Takes notes and forgets them."""

    level = Level.NONE

    def __setitem__(self, key: str, text: str) -> None:
        """Nobody reads."""


NOWHERE: Annotations = _Unheard()


def go_duration(seconds: float) -> str:
    """As Go prints a time.Duration: 1m2.5s, 500ms, 12.345µs."""
    nanos = round(seconds * 1e9)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if nanos < 1000 * size:
            return f"{_decimal(nanos, size)}{unit}" if nanos else "0s"
    minutes, rest = divmod(nanos, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, 1_000_000_000)}s"
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}" if minutes else text


def _decimal(nanos: int, size: int) -> str:
    whole, part = divmod(nanos, size)
    digits = f"{part:0{len(str(size)) - 1}}".rstrip("0") if size > 1 else ""
    return f"{whole}.{digits}" if digits else str(whole)
