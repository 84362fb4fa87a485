"""Events and batches no larger than so much: an event that is loses its objects first, and then itself.

Rules: k8s.io/apiserver/plugin/pkg/audit/truncate. An event is encoded to know its size; only with
--audit-*-truncate-enabled.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sampan.apiserver.audit.backends.backend import Backend, together
from sampan.apiserver.audit.event import Event, encoded
from sampan.apiserver.audit.level import Level
from sampan.apiserver.audit.metrics import AuditMetrics
from sampan.apiserver.beside import LARGE

_PLUGIN, _TOO_LARGE = "truncate", "event is too large even after truncating"


class Limits(NamedTuple):
    """Bytes."""

    event: int = 100 * 1024
    batch: int = 10 * 1024 * 1024


class Truncated:
    """In front of another backend."""

    def __init__(self, delegate: Backend, limits: Limits, metrics: AuditMetrics) -> None:
        self._delegate = delegate
        self._limits = limits
        self._metrics = metrics

    async def start(self) -> None:
        await self._delegate.start()

    def process(self, events: Sequence[Event]) -> "asyncio.Future[bool] | None":
        if any(_takes_long(event) for event in events):
            return asyncio.ensure_future(self._process_beside(events))
        return self._pass_on(self._sized(events))

    async def _process_beside(self, events: Sequence[Event]) -> bool:
        waiting = self._pass_on(await asyncio.to_thread(self._sized, events))
        return waiting is None or await waiting

    def _pass_on(self, sized: Sequence[tuple[Event, int]]) -> "asyncio.Future[bool] | None":
        return together(self._delegate.process(batch) for batch in batches(sized, self._limits.batch))

    def _sized(self, events: Sequence[Event]) -> list[tuple[Event, int]]:
        return [sized for event in events for sized in self._fitting(event)]

    async def close(self) -> None:
        await self._delegate.close()

    def _fitting(self, event: Event) -> Iterator[tuple[Event, int]]:
        size = _size(event, self._limits.event)
        if size > self._limits.event and event.level >= Level.REQUEST:
            event = event.truncated()
            size = _size(event, self._limits.event)
        if size > self._limits.event:
            self._metrics.lost(_PLUGIN, _TOO_LARGE, [event])
        else:
            yield event, size


def _size(event: Event, limit: int) -> int:
    """Of the encoded event; what is larger by its objects alone is not encoded."""
    return event.size if event.size > limit and not _may_shrink(event) else len(encoded(event)) + 1


def _takes_long(event: Event) -> bool:
    """Whether its size is to be found out beside the event loop."""
    return event.size > LARGE and _may_shrink(event)


def _may_shrink(event: Event) -> bool:
    return any(body.omit_managed_fields for body in (event.request, event.response) if body)


def batches(sized: Sequence[tuple[Event, int]], limit: int) -> Iterator[list[Event]]:
    """Events by the batch, none larger than the limit."""
    batch: list[Event] = []
    total = 0
    for event, size in sized:
        if batch and total + size > limit:
            yield batch
            batch, total = [], 0
        batch.append(event)
        total += size
    if batch:
        yield batch
