"""What takes audit events: the protocol, several as one, and one whose failures keep nobody.

Rules: k8s.io/apiserver/pkg/audit (types.go, union.go).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from sampan.apiserver.audit.event import Event


class Backend(Protocol):
    """Takes events in the order of their calls."""

    async def start(self) -> None:
        """Open what has to be open. Raises OSError."""

    def process(self, events: Sequence[Event]) -> "asyncio.Future[bool] | None":
        """Take events; where the caller is to wait for that, whether it went well. It goes on also where nobody waits,
        and never raises."""

    async def close(self) -> None:
        """Bring away what was taken."""


class Union:
    """Several backends; all get everything."""

    def __init__(self, backends: Sequence[Backend]) -> None:
        self._backends = backends

    async def start(self) -> None:
        for backend in self._backends:
            await backend.start()

    def process(self, events: Sequence[Event]) -> "asyncio.Future[bool] | None":
        return together([backend.process(events) for backend in self._backends])

    async def close(self) -> None:
        await asyncio.gather(*(backend.close() for backend in self._backends))


def together(waits: "Iterable[asyncio.Future[bool] | None]") -> "asyncio.Future[bool] | None":
    """Whether all went well, as far as that is to be waited for."""
    found = [waiting for waiting in waits if waiting is not None]
    if len(found) < 2:
        return found[0] if found else None
    return _mapped(asyncio.gather(*found), all)


def _mapped(source: "asyncio.Future[Any]", result: Callable[[Any], bool]) -> "asyncio.Future[bool]":
    target: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def settle(done: "asyncio.Future[Any]") -> None:
        if not target.done():
            target.set_result(not done.cancelled() and result(done.result()))

    source.add_done_callback(settle)
    return target


class IgnoreErrors:
    """Callers wait, and go on whatever came of it: the mode `blocking`."""

    def __init__(self, delegate: Backend) -> None:
        self._delegate = delegate

    async def start(self) -> None:
        await self._delegate.start()

    def process(self, events: Sequence[Event]) -> "asyncio.Future[bool] | None":
        waiting = self._delegate.process(events)
        return None if waiting is None else _mapped(waiting, lambda _: True)

    async def close(self) -> None:
        await self._delegate.close()
