"""Events in a file, a line each, through a thread: the event loop never waits for a disk.

What waits while a write is under way is written together by the next one. Rules: k8s.io/apiserver/plugin/pkg/audit/log.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from sampan.apiserver.audit.event import Event, encoded, line
from sampan.apiserver.audit.metrics import AuditMetrics

_PLUGIN = "log"
_GROUP = 1000  # events that are written together


class Output(Protocol):
    """Where lines go; called in the thread. rotation.py has the files."""

    def open(self) -> None:
        """Raises OSError."""

    def write(self, lines: Sequence[bytes]) -> None:
        """Raises OSError, ValueError; then none of the lines may count as written."""

    def close(self) -> None:
        """Close what is open."""


class _Write(NamedTuple):
    events: Sequence[Event]
    done: "asyncio.Future[bool]"


class LogFile:
    """`format` is json or legacy."""

    def __init__(self, output: Output, format: str, metrics: AuditMetrics) -> None:
        self._output = output
        self._encode: Callable[[Event], bytes] = _legacy if format == "legacy" else _json
        self._metrics = metrics
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit log", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Future[None]

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        await asyncio.to_thread(self._output.open)
        self._thread.start()

    def process(self, events: Sequence[Event]) -> "asyncio.Future[bool]":
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.put(_Write(events, done))
        return done

    async def close(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            await self._ended

    def _run(self) -> None:
        """The thread."""
        going = True
        while going:
            group, going = self._next_group()
            written = self._written([event for write in group for event in write.events])
            self._post(_settle, group, written)
        self._output.close()
        self._post(self._end)

    def _next_group(self) -> tuple[list[_Write], bool]:
        """What waits, at least one thing; whether more may come."""
        group: list[_Write] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            try:
                item = self._queue.get_nowait() if len(group) < _GROUP else _ENOUGH
            except Empty:
                item = _ENOUGH
            if item is _ENOUGH:
                return group, True
        return group, False

    def _written(self, events: Sequence[Event]) -> bool:
        if not events:
            return True
        try:
            self._output.write([self._encode(event) for event in events])
        except (OSError, ValueError) as error:
            self._metrics.lost(_PLUGIN, error, events)
            return False
        return True

    def _post(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed; nobody waits
            self._loop.call_soon_threadsafe(call, *arguments)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


def _settle(group: Sequence[_Write], written: bool) -> None:
    for write in group:
        if not write.done.done():
            write.done.set_result(written)


def _json(event: Event) -> bytes:
    return encoded(event) + b"\n"


def _legacy(event: Event) -> bytes:
    return line(event).encode() + b"\n"


_ENOUGH = _Write((), None)  # type: ignore[arg-type]
