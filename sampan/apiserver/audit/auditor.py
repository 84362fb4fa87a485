"""Auditing as the request path sees it: begun when the user is known, ended with the answer.

    record = auditor.begin(...)             # None: the policy does not want to hear of it
    auditor.received(record)                # perhaps to be waited for; False: it could not be told, and has to be
    reply = auditor.finish(record, reply)   # perhaps to be waited for

Stages and rules: k8s.io/apiserver/pkg/endpoints/filters/audit.go, authn_audit.go. Called by app.py.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from sampan.apiserver.accept import MediaTypeOptions
from sampan.apiserver.audit.annotations import Annotations
from sampan.apiserver.audit.answers import tell_error, tell_result
from sampan.apiserver.audit.backends.backend import Backend
from sampan.apiserver.audit.ending import Ending
from sampan.apiserver.audit.level import Level, Stage
from sampan.apiserver.audit.metrics import AuditMetrics
from sampan.apiserver.audit.policy import Policy
from sampan.apiserver.audit.record import Record
from sampan.apiserver.authentication.user import User
from sampan.apiserver.call import Call, Result, Watching
from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.errors import APIError
from sampan.transport.messages import Connection, Reply, Request, Response, StreamResponse, Upgrade

Dispatched = tuple[Call | None, Result | Awaitable[Result]]
_CLOSED_EARLY = {"status": "Success", "message": "Connection closed early"}


class Auditor:
    """One for a server."""

    def __init__(self, policy: Policy, backend: Backend, metrics: AuditMetrics, now: Callable[[], datetime]) -> None:
        self._policy = policy
        self._backend = backend
        self._metrics = metrics
        self._now = now

    async def start(self) -> None:
        """Open files and begin to send. Raises OSError."""
        await self._backend.start()

    async def close(self) -> None:
        """Write what there is."""
        await self._backend.close()

    def begin(
        self, request: Request, info: RequestInfo, user: User | None, audit_id: str, annotations: Annotations
    ) -> Record | None:
        """What is to be told of a request that has just come; None where the policy wants nothing told."""
        config = self._policy.evaluate(user, info)
        self._metrics.evaluated(config.level)
        annotations.level = config.level
        if config.level is Level.NONE:
            return None
        annotations.latencies = {}
        return Record(config, audit_id, request, info, user, self._now(), annotations)

    def received(self, record: Record) -> Awaitable[bool] | None:
        """Tell that the request has come; where that is to be waited for, whether it may go on."""
        waiting = self._send(record, Stage.REQUEST_RECEIVED)
        return None if waiting is None else self._received(waiting)

    async def _received(self, waiting: Awaitable[bool]) -> bool:
        went_well = await waiting
        if not went_well:
            self._metrics.rejected()
        return went_well

    def unauthenticated(self, request: Request, info: RequestInfo, audit_id: str, annotations: Annotations) -> None:
        """Tell of a request whose credentials are no good: one event, whatever comes of it."""
        if record := self.begin(request, info, None, audit_id, annotations):
            record.ended(401, message=_attempted(request))
            self._send(record, Stage.RESPONSE_STARTED)

    def finish(self, record: Record, reply: Reply, seconds: float) -> Reply | Awaitable[Reply]:
        """Tell of the answer; of one that goes on for a while, again at its end."""
        if record.is_over:
            return reply
        record.ended(getattr(reply, "status", 101))
        waits = [self._send(record, Stage.RESPONSE_STARTED)] if record.long_running else []
        if isinstance(reply, StreamResponse):
            reply = replace(reply, stream=Ending(reply.stream, lambda: self.complete(record)))
        elif isinstance(reply, Upgrade):
            reply = replace(reply, handler=self._upgraded(record, reply.handler))
        else:
            waits.append(self.complete(record, seconds))
        return _after([waiting for waiting in waits if waiting is not None], reply)

    async def dispatched(self, record: Record, answer: Awaitable[Dispatched]) -> tuple[Call | None, Result]:
        """The same for a client in this process: `answer` raises APIError."""
        try:
            call, result = await answer
            found = await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError:
            self.abandoned(record)
            raise
        except Exception as error:
            self.failed(record, error)
            record.ended(error.status_code if isinstance(error, APIError) else 500)
            await _wait(self.complete(record))
            raise
        if call is not None:
            await tell_result(record, call, found, MediaTypeOptions())
        if isinstance(found, Watching):
            record.ended(200)
            await _wait(self._send(record, Stage.RESPONSE_STARTED))
            return call, replace(found, changes=Ending(found.changes, lambda: self.complete(record)))
        if isinstance(found, Response | StreamResponse | Upgrade):
            finished = self.finish(record, found, 0.0)
            return call, await finished if inspect.isawaitable(finished) else finished
        record.ended(getattr(found, "status", 200))
        await _wait(self.complete(record))
        return call, found

    def failed(self, record: Record, error: Exception) -> None:
        """Take note of an error, that is answered next; of one that is the server's own it is the end."""
        if isinstance(error, APIError):
            tell_error(record, error)
        else:
            self.panicked(record, error)

    def complete(self, record: Record, seconds: float = 0.0) -> "asyncio.Future[bool] | None":
        """Tell that all is sent."""
        if record.is_over:
            return None
        record.is_over = True
        record.annotations.update(record.late)
        record.annotations.note_latencies(seconds)
        return self._send(record, Stage.RESPONSE_COMPLETE)

    def abandoned(self, record: Record) -> None:
        """Tell of a request whose client has gone before there was an answer."""
        record.ended(200, **_CLOSED_EARLY)
        if record.long_running:
            self._send(record, Stage.RESPONSE_STARTED)
        self.complete(record)

    def panicked(self, record: Record, error: Exception) -> None:
        """Tell of a request that the server has failed at."""
        record.is_over = True
        why = {"status": "Failure", "reason": "InternalError", "message": f"APIServer panic'd: {error!r}"}
        record.ended(500, **why)
        self._send(record, Stage.PANIC)

    def _send(self, record: Record, stage: Stage) -> "asyncio.Future[bool] | None":
        if stage in record.config.omit_stages:
            return None
        self._metrics.generated()
        return self._backend.process((record.event(stage, self._now()),))

    def _upgraded(
        self, record: Record, handler: Callable[[Connection], Awaitable[None]]
    ) -> Callable[[Connection], Awaitable[None]]:
        async def handle(connection: Connection) -> None:
            try:
                await handler(connection)
            finally:
                self.complete(record)

        return handle


async def _wait(told: Awaitable[bool] | None) -> None:
    if told is not None:
        await told


def _after(waits: Sequence[Awaitable[bool]], reply: Reply) -> Reply | Awaitable[Reply]:
    async def told() -> Reply:
        for waiting in waits:
            await waiting
        return reply

    return told() if waits else reply


def _attempted(request: Request) -> str:
    """By which credentials somebody has tried."""
    scheme, _, rest = request.headers.get("authorization", "").strip().partition(" ")
    tried = []
    if scheme.lower() == "basic" and rest:
        tried.append("basic")
    if scheme.lower() == "bearer" and rest:
        tried.append("bearer")
    if request.peer_certificate is not None:
        tried.append("x509")
    if tried:
        return f"Authentication failed, attempted: {', '.join(tried)}"
    return "Authentication failed, no credentials provided"
