"""Which test runs when, and on which cluster: several at once, then one by one those that must be alone.

A cluster that a test spoiled is replaced; tests that failed beside the one that did it get one more chance. It knows
neither e2e.test nor `sampan`: both are given. Called by __main__.py.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Generic, Protocol, TypeVar

from tests.conformance.names import split
from tests.conformance.outcome import FAILED, Outcome


class Sound(Protocol):
    """What the runner asks of a cluster."""

    async def fault(self) -> str:
        """Why no further test should run here; "" if all is well."""


C = TypeVar("C", bound=Sound)
NewCluster = Callable[[], AbstractAsyncContextManager[C]]
Execute = Callable[[C, str], Awaitable[Outcome]]
Record = Callable[[str, Outcome], None]


async def run(
    names: Iterable[str], workers: int, new_cluster: NewCluster[C], execute: Execute[C], record: Record
) -> None:
    """Run tests; each outcome is recorded as soon as it is known."""
    together, alone = split(names)
    for at_once, tests in ((workers, together), (1, alone)):
        queue, repeated = deque(tests), set[str]()
        while queue:
            async with new_cluster() as cluster:
                fleet = Fleet(cluster, queue, execute, record)
                again = [name for name in await fleet.drain(at_once) if name not in repeated]
            repeated.update(again)
            queue.extendleft(again)


class Fleet(Generic[C]):
    """Workers that empty a queue on one cluster, until it is spoiled."""

    def __init__(self, cluster: C, queue: deque[str], execute: Execute[C], record: Record) -> None:
        self._cluster, self._queue, self._execute, self._record = cluster, queue, execute, record
        self._spoiled_by = ""
        self._doubtful: list[str] = []

    async def drain(self, workers: int) -> list[str]:
        """Run tests until the queue is empty or the cluster spoiled; the tests that failed because of another."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())
        return self._doubtful

    async def _work(self) -> None:
        while self._queue and not self._spoiled_by:
            name = self._queue.popleft()
            outcome = await self._execute(self._cluster, name)
            if outcome.state == FAILED:
                outcome = await self._judge(name, outcome)
            self._record(name, outcome)

    async def _judge(self, name: str, outcome: Outcome) -> Outcome:
        """What a failure says of the cluster."""
        if self._spoiled_by:
            self._doubtful.append(name)
        elif fault := await self._cluster.fault():
            self._spoiled_by = name
            return Outcome(FAILED, f"{outcome.why} (afterwards {fault})")
        return outcome
