"""One watch on the cache: a bounded buffer of events and one waiting reader.

Made by `Cache.watch`, read by the API server's watch handler. Events are shared between all watches; a watch holds
references only. A watch that falls behind its bound is cut off: it delivers what it has and then ends, and the client
resumes from its last revision (upstream closes slow watches in the same way).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from sampan.storage.cached import CacheEvent


class Watch:
    """`async for events in watch` gives batches in revision order; it ends when closed or cut off."""

    def __init__(
        self,
        prefix: str,
        after: int,
        backlog: list[CacheEvent],
        newest: Callable[[], int],
        leave: Callable[["Watch"], None],
    ) -> None:
        self.prefix = prefix
        self.after = after  # may lie ahead: such a watch begins when the log gets there
        self.closed = False
        self.overflowed = False  # closed because the reader was too slow
        self._buffer = backlog
        self._newest = newest
        self._leave = leave
        self._waiter: asyncio.Future[None] | None = None
        self._read = after

    @property
    def revision(self) -> int:
        """Everything up to here has been delivered: what a bookmark says."""
        return self._read if self._buffer or self.closed else max(self._read, self._newest())

    @property
    def pending(self) -> int:
        """How many events wait to be read."""
        return len(self._buffer)

    def offer(self, event: CacheEvent, limit: int) -> None:
        """Called by the cache for every event below the prefix; wakes the reader at most once per turn."""
        if event.revision <= self.after:
            return
        if len(self._buffer) >= limit:
            self.overflowed = True
            self.close()
            return
        self._buffer.append(event)
        self._wake()

    async def next(self, timeout: float | None = None) -> Sequence[CacheEvent]:
        """The events since the last call, waiting for at least one.

        Empty after `timeout` seconds without any (time for a bookmark), or when the watch has ended (`closed`).
        """
        if not self._buffer and not self.closed:
            await self._wait(timeout)
        events, self._buffer = self._buffer, []
        if events:
            self._read = events[-1].revision
        return events

    async def __aiter__(self) -> AsyncIterator[Sequence[CacheEvent]]:
        while events := await self.next():
            yield events

    def close(self) -> None:
        """End the watch; a waiting reader returns. May be called twice."""
        if not self.closed:
            self.closed = True
            self._leave(self)
            self._wake()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, timeout: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(timeout, self._wake) if timeout is not None else None
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer:
                timer.cancel()
