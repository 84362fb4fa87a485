"""API Priority and Fairness on the path of a request: it is served at once, or in its turn, or told to come again.

    flow = fairness.flow_of(user, info)        # None for what runs long: exec, logs, proxies
    reply = fairness.serve(flow, user, info, query, go)

Called by app.py once it is known who asks, before anybody asks whether they may. In-process clients come in below it.
Rules: KEP-1040; k8s.io/apiserver/pkg/server/filters (priority-and-fairness.go).
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from sampan.apiserver import keys
from sampan.apiserver.audit.ending import Ending
from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.follow import Put
from sampan.apiserver.fairness.answer import Answer, Seats
from sampan.apiserver.fairness.configuration import configure
from sampan.apiserver.fairness.dangling import run_dangling
from sampan.apiserver.fairness.levels import Flow, Levels
from sampan.apiserver.fairness.load import Load
from sampan.apiserver.fairness.queue import Ticket
from sampan.apiserver.fairness.queue_set import TIME_OUT
from sampan.apiserver.fairness.shuffle_sharding import flow_hash
from sampan.apiserver.fairness.work import ONE, Work, work_of
from sampan.apiserver.render.status import PlainError
from sampan.apiserver.requestinfo import RequestInfo
from sampan.client.api import Client
from sampan.kinds.flowcontrol.flow_schema import KIND as FLOW_SCHEMA
from sampan.kinds.flowcontrol.priority_level_configuration import KIND as PRIORITY_LEVEL
from sampan.machinery.meta import Key, Object
from sampan.reconcile.clock import Clock
from sampan.transport.messages import Reply, Response, StreamResponse

SEATS = 600  # upstream's --max-requests-inflight and --max-mutating-requests-inflight together
_KINDS = (PRIORITY_LEVEL, FLOW_SCHEMA)
_PATIENCE = 15.0  # seconds in a queue: a quarter of a request's time
_LENT_EVERY = 10.0  # seconds
_LONG_RUNNING = frozenset({"attach", "exec", "log", "portforward", "proxy"})
_READS, _WIDE = frozenset({"get", "proxy"}), frozenset({"list", "watch"})


class About(NamedTuple):
    """What the debug pages tell of a request."""

    user: str
    info: RequestInfo
    distinguisher: str
    came: datetime


class TooManyRequests(PlainError):
    """429, as upstream's filter says it."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(429, "Too many requests, please try again later.", retry_after)


class Fairness:
    """One for each server."""

    def __init__(self, clock: Clock, load: Load, seats: int = SEATS) -> None:
        self.clock = clock
        self.levels = Levels(seats, clock.monotonic, _later)
        self._load = load
        self._objects: dict[str, dict[Key, Object]] = {kind.plural: {} for kind in _KINDS}
        self._stale = True

    def listeners(self) -> dict[str, Put]:
        """Who is to be told of levels and schemas, by where they lie in the store."""
        return {keys.collection(kind.group, kind.plural): partial(self._put, kind.plural) for kind in _KINDS}

    def _put(self, plural: str, key: Key, obj: Object | None) -> None:
        if obj is None:
            self._objects[plural].pop(key, None)
        else:
            self._objects[plural][key] = obj
        self._stale = True

    async def run(self, client: Client) -> None:
        """Lend seats where they are needed, and tell of schemas whether they have a level, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lend(), name="lending of seats")
            group.create_task(run_dangling(client, self.clock), name="conditions of FlowSchemas")

    async def _lend(self) -> None:
        while True:
            await self.clock.sleep(_LENT_EVERY)
            self._refresh(again=self.levels.drained())
            self.levels.lend()

    def flow_of(self, user: User, info: RequestInfo) -> Flow | None:
        """Where a request belongs."""
        if info.subresource in _LONG_RUNNING or info.verb == "proxy":
            return None
        if self._stale:
            self._refresh()
        return self.levels.flow_of(user, info)

    def current(self) -> Levels:
        """The levels as they are now, for those who show them."""
        self._refresh()
        for state in self.levels.states.values():
            state.queues.advance()
        return self.levels

    def serve(
        self,
        flow: Flow,
        user: User,
        info: RequestInfo,
        query: Mapping[str, str],
        go: Callable[[], Reply | Awaitable[Reply]],
    ) -> Reply | Awaitable[Reply]:
        """The answer that `go` gives, when its turn has come. Raises TooManyRequests, or what it returns does."""
        work = self._work(flow, info, query)
        queues = flow.level.queues
        if not (queues.open if work is ONE else queues.free(work.most)):
            return self._queued(flow, user, info, work, go)
        started = perf_counter()
        try:
            reply = go()
        except Exception:
            flow.answered(perf_counter() - started, info)
            raise
        if type(reply) is not Response and inspect.isawaitable(reply):
            ticket = self._ticket(flow, user, info, work)
            if queues.enter(ticket, self._entropy(flow, user, info)):  # others came in between; it has begun
                return reply
            return Answer(ticket, self._served(ticket, reply))
        flow.answered(perf_counter() - started, info)
        return reply

    def _queued(
        self, flow: Flow, user: User, info: RequestInfo, work: Work, go: Callable[[], Reply | Awaitable[Reply]]
    ) -> Awaitable[Reply]:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ticket = self._ticket(flow, user, info, work, lambda: None if turn.done() else turn.set_result(None))
        if why := flow.level.queues.enter(ticket, self._entropy(flow, user, info)):
            if flow.level.level.queuing is None:
                flow.counts.waited_in_vain.observe(0)
            raise self._refused(flow, why)
        return Answer(ticket, self._wait(ticket, turn, go))

    async def _wait(
        self, ticket: Ticket, turn: "asyncio.Future[None]", go: Callable[[], Reply | Awaitable[Reply]]
    ) -> Reply:
        flow, queues = ticket.flow, ticket.flow.level.queues
        try:
            async with asyncio.timeout(None if turn.done() else _PATIENCE):
                await turn
        except TimeoutError:
            if queues.leave(ticket):
                flow.counts.waited_in_vain.observe(self.clock.monotonic() - ticket.arrived)
                raise self._refused(flow, TIME_OUT) from None
        except asyncio.CancelledError:
            Seats(ticket).free()
            raise
        flow.counts.waited.observe(ticket.started - ticket.arrived)
        return await self._served(ticket, go)

    async def _served(self, ticket: Ticket, reply: Awaitable[Reply] | Callable[[], Reply | Awaitable[Reply]]) -> Reply:
        """A long answer has its seats until it has been sent."""
        started, seats = perf_counter(), Seats(ticket)
        try:
            answer = reply() if callable(reply) else reply
            found = await answer if inspect.isawaitable(answer) else answer
        except BaseException:
            seats.free()
            raise
        finally:
            ticket.flow.counts.served(
                perf_counter() - started, ticket.work.most, watch=ticket.about.info.verb == "watch"
            )
        if isinstance(found, StreamResponse) and found.is_finite:
            return replace(found, stream=Ending(found.stream, seats.free))
        seats.free()
        return found

    def _work(self, flow: Flow, info: RequestInfo, query: Mapping[str, str]) -> Work:
        if info.verb in _READS or not info.is_resource:
            return ONE
        watches = 0
        if info.verb not in _WIDE:
            watches = self._load.watches(info)
            flow.counts.watches.observe(watches)
        return work_of(info, query, flow.level.most_seats, self._load.stored, watches)

    def _ticket(
        self, flow: Flow, user: User, info: RequestInfo, work: Work, turn: Callable[[], Any] = lambda: None
    ) -> Ticket:
        about = About(user.name, info, flow.distinguisher(user, info), self.clock.now())
        return Ticket(flow, work, about, turn)

    def _entropy(self, flow: Flow, user: User, info: RequestInfo) -> int:
        return flow_hash(flow.schema.name, flow.distinguisher(user, info)) if flow.level.level.queuing else 0

    def _refused(self, flow: Flow, why: str) -> TooManyRequests:
        flow.counts.rejected[why] += 1
        dropped = flow.level.dropped
        dropped.note(int(self.clock.now().timestamp()))
        return TooManyRequests(dropped.retry_after)

    def _refresh(self, *, again: bool = False) -> None:
        if self._stale or again:
            self._stale = False
            levels, schemas = (self._objects[kind.plural].values() for kind in _KINDS)
            self.levels.configure(configure(levels, schemas))


def _later(seconds: float, release: Callable[[], None]) -> Any:
    return asyncio.get_running_loop().call_later(seconds, release)
