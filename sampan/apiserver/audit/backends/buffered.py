"""Events by the batch: callers wait for nothing, and where the buffer is full events are dropped and counted.

Rules: k8s.io/apiserver/plugin/pkg/audit/buffered, client-go's token bucket. Beside their number the bytes that waiting
events keep are bounded, and so are the batches that are under way.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sampan.apiserver.audit.backends.backend import Backend
from sampan.apiserver.audit.event import Event
from sampan.apiserver.audit.metrics import AuditMetrics

_PLUGIN = "buffered"
_MOST_BYTES = 128 << 20
_UNDER_WAY = 100  # batches, of a delegate that is not waited for
_LAST = 10.0  # seconds that what is left may take when the server stops


class Batching(NamedTuple):
    """The flags --audit-*-batch-*; seconds."""

    buffer_size: int = 10_000
    max_size: int = 400
    max_wait: float = 30.0
    throttle: bool = True
    qps: float = 10.0
    burst: int = 15
    concurrent: bool = True  # whether a batch may be sent while another one is under way


class Buffered:
    """In front of another backend."""

    def __init__(self, delegate: Backend, batching: Batching, metrics: AuditMetrics) -> None:
        self._delegate = delegate
        self._batching = batching
        self._metrics = metrics
        self._buffer: deque[Event] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self._tokens = float(batching.burst)
        self._refilled = 0.0
        self._sending: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._delegate.start()
        self._refilled = asyncio.get_running_loop().time()
        self._worker = asyncio.create_task(self._run(), name="audit batches")

    def process(self, events: Sequence[Event]) -> None:
        for at, event in enumerate(events):
            if self._closed:
                self._metrics.lost(_PLUGIN, "audit backend shut down", events[at:])
                return
            if len(self._buffer) >= self._batching.buffer_size or self._bytes + event.size > _MOST_BYTES:
                self._metrics.lost(_PLUGIN, "audit buffer queue blocked", events[at:])
                return
            self._buffer.append(event)
            self._bytes += event.size
        self._arrived.set()

    async def close(self) -> None:
        self._closed = True
        self._arrived.set()
        if self._worker is not None:
            try:
                async with asyncio.timeout(_LAST):
                    await self._worker
                    await asyncio.gather(*self._sending)
            except TimeoutError:
                self._metrics.lost(_PLUGIN, "audit backend shut down", list(self._buffer))
                for task in self._sending:
                    task.cancel()
        await self._delegate.close()

    async def _run(self) -> None:
        """Until all is sent after `close`."""
        while batch := await self._collect():
            await self._throttle()
            if not self._batching.concurrent:
                await self._send(batch)
                continue
            if len(self._sending) >= _UNDER_WAY:
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._send(batch))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, batch: Sequence[Event]) -> None:
        waiting = self._delegate.process(batch)
        if waiting is not None:
            await waiting

    async def _collect(self) -> list[Event]:
        """The next batch: full, or as much as has come in the time that it may wait; empty when there is no next."""
        loop, most = asyncio.get_running_loop(), self._batching.max_size
        end = loop.time() + self._batching.max_wait
        while len(self._buffer) < most and not self._closed:
            self._arrived.clear()
            left = end - loop.time()
            if left <= 0 and self._buffer:
                break
            try:
                async with asyncio.timeout(left if self._buffer else None):
                    await self._arrived.wait()
            except TimeoutError:
                break
            if most > 1 and end <= loop.time():
                end = loop.time() + self._batching.max_wait
        batch = [self._buffer.popleft() for _ in range(min(most, len(self._buffer)))]
        self._bytes -= sum(event.size for event in batch)
        return batch

    async def _throttle(self) -> None:
        """Take a token, waiting for one; a server that stops waits no more."""
        if not self._batching.throttle or self._closed:
            return
        now = asyncio.get_running_loop().time()
        burst, qps = self._batching.burst, self._batching.qps
        self._tokens = min(burst, self._tokens + (now - self._refilled) * qps) - 1
        self._refilled = now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / qps)
