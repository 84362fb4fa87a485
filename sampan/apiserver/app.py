"""The request path, top to bottom.

    guard (panics, time)                          App.handle
    -> what is asked for       requestinfo.py     App._serve
    -> who asks                authentication/
    -> is it to be told        audit/
    -> on whose behalf         impersonation/
    -> is it their turn        fairness/
    -> may they                authorization/
    -> is it another server's  aggregation/
    -> its body                body_budget.py     nothing of it is kept before
    -> where it goes           routes.py
    -> what happens            verbs/, subresources/, nonresource/
    -> the answer              render/

Reads from the cache pass through without a task: a handler that answers at once is answered at once. In-process clients
(local.py) enter at `dispatch`, below everything that is HTTP.
"""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from sampan.apiserver.accept import MediaTypeOptions
from sampan.apiserver.aggregation.follow import Backends
from sampan.apiserver.aggregation.local import encoded
from sampan.apiserver.aggregation.proxy import Proxy
from sampan.apiserver.audit.annotations import NOWHERE, Annotations
from sampan.apiserver.audit.answers import deprecated, render_told, tell_document
from sampan.apiserver.audit.ids import audit_id, name_own, named, passed_on
from sampan.apiserver.audit.record import Record
from sampan.apiserver.authentication.attempt import Attempt
from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import of_request
from sampan.apiserver.authorization.guard import authorize
from sampan.apiserver.beside import on_behalf_of
from sampan.apiserver.body_budget import BodyBudget
from sampan.apiserver.call import Call, One, Payload, Result
from sampan.apiserver.fairness.fairness import Fairness
from sampan.apiserver.fairness.levels import Flow
from sampan.apiserver.impersonation.headers import wanted as wanted_user
from sampan.apiserver.impersonation.impersonator import Acting
from sampan.apiserver.metrics import Metrics
from sampan.apiserver.nonresource.paths import NonResource
from sampan.apiserver.query import parse_query
from sampan.apiserver.render.form import STREAMS, wanted_form
from sampan.apiserver.render.pretty import pretty
from sampan.apiserver.render.reply import render
from sampan.apiserver.render.status import PlainError, error_reply
from sampan.apiserver.requestinfo import RequestInfo, parse_request
from sampan.apiserver.routes import Routes
from sampan.apiserver.services import Services, Verb
from sampan.apiserver.warnings import deprecation
from sampan.apiserver.warnings import headers as warning_headers
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.errors import APIError, BadRequest, InternalError, RequestEntityTooLarge, Timeout, Unauthorized
from sampan.transport.incoming import BodyTooLarge, IncomingBody
from sampan.transport.messages import Reply, Request, Response

if TYPE_CHECKING:
    from sampan.apiserver.audit.auditor import Auditor

log = logging.getLogger(__name__)

_TIMEOUT = 60.0  # seconds for everything but watches and streams
_TOO_LATE = "Timeout: request did not complete within requested timeout - context deadline exceeded"
_UNKNOWN = RequestInfo(False, "", "")

T = TypeVar("T")


class Trace:
    """What is known of a request so far, for metrics and the log."""

    __slots__ = (
        "audit",
        "flow",
        "info",
        "name",
        "now",
        "passed_on",
        "record",
        "request",
        "started",
        "user",
        "warnings",
    )

    def __init__(self, request: Request, now: datetime) -> None:
        self.request = request
        self.now = now  # when it came
        self.started = perf_counter()
        self.info = _UNKNOWN
        self.passed_on = False  # to another server, whose answer is left as it is
        self.warnings: list[str] = []  # an error carries them as well
        self.name = audit_id(request)
        self.user: User | None = None  # who asks, where that is audited
        self.audit = NOWHERE
        self.flow: Flow | None = None  # where it belongs, of priority and fairness
        self.record: Record | None = None  # what the audit log is told; None: nothing


class App:
    """The handler that server.py gives to the transport."""

    def __init__(
        self,
        services: Services,
        routes: Routes,
        nonresource: NonResource,
        metrics: Metrics,
        backends: Backends,
        proxy: Proxy,
        fairness: Fairness,
    ) -> None:
        self.services = services
        self._backends, self._proxy, self._fairness = backends, proxy, fairness
        self.routes = routes
        self._nonresource = nonresource
        self._budget = BodyBudget()
        self._metrics = metrics
        self.auditor: Auditor | None = None

    def install(self, catalogue: Catalogue, routes: Routes, nonresource: NonResource) -> None:
        """Serve another catalogue, and what was made of it, from the next request on."""
        self.services.catalogue, self.routes, self._nonresource = catalogue, routes, nonresource

    def streamed(self, request: Request) -> bool:
        """Whether a request's body is passed on as it comes, to another server."""
        try:
            info = parse_request(request.method, request.path, {})
        except APIError:
            return False
        proxied = info.subresource == "proxy" and not info.group and self.routes.knows(info)
        return proxied or self._backends.of(info) is not None

    def handle(self, request: Request) -> Reply | Awaitable[Reply]:
        """One request; never raises."""
        trace = Trace(request, self.services.now())
        if self.auditor is not None:
            trace.audit = Annotations()
        try:
            reply = self._serve(request, trace)
        except Exception as error:  # noqa: BLE001 - the one place that turns every error into an answer
            return self._finish(trace, self._answer_to(error, trace))
        if not isinstance(reply, Response) and inspect.isawaitable(reply):
            return self._await(reply, trace)
        return self._finish(trace, reply)

    async def _await(self, reply: Awaitable[Reply], trace: Trace) -> Reply:
        try:
            async with asyncio.timeout(None if trace.info.subresource in STREAMS else _TIMEOUT):
                answer = await reply
        except TimeoutError:
            answer = self._answer_to(Timeout(_TOO_LATE), trace)
        except asyncio.CancelledError:
            if self.auditor is not None and trace.record is not None:
                self.auditor.abandoned(trace.record)
            raise
        except Exception as error:  # noqa: BLE001 - as above
            answer = self._answer_to(error, trace)
        finished = self._finish(trace, answer)
        return await finished if inspect.isawaitable(finished) else finished

    def _finish(self, trace: Trace, reply: Reply) -> Reply | Awaitable[Reply]:
        seconds = perf_counter() - trace.started
        self._metrics.observe(trace.info, getattr(reply, "status", 101), seconds)
        headers = () if trace.flow is None else trace.flow.headers
        if trace.info.is_resource and not trace.passed_on and type(reply) is Response:
            name_own(reply, trace.name, headers)
        else:
            reply = named(reply, trace.name, headers)
        if not trace.passed_on:
            reply = pretty(trace.request, reply)
        if self.auditor is None or trace.record is None:
            return reply
        return self.auditor.finish(trace.record, reply, seconds)

    def _answer_to(self, error: Exception, trace: Trace) -> Reply:
        if self.auditor is not None:
            self._tell_error(self.auditor, error, trace)
        if not isinstance(error, APIError):
            log.error("request failed: %s %s", trace.request.method, trace.request.path, exc_info=error)
            error = InternalError("Internal error occurred: see the server's log")
        return error_reply(error, trace.warnings, trace.request.headers.get("accept", ""))

    def _tell_error(self, auditor: "Auditor", error: Exception, trace: Trace) -> None:
        if isinstance(error, Unauthorized) and trace.user is None:
            auditor.unauthenticated(trace.request, trace.info, trace.name, trace.audit)
        elif trace.record is not None:
            auditor.failed(trace.record, error)

    def _serve(self, request: Request, trace: Trace) -> Reply | Awaitable[Reply]:
        query = parse_query(request.raw_query)
        trace.info = parse_request(request.method, request.path, query)
        authenticator = self.services.authenticator
        attempt = Attempt(trace.now, authenticator.audiences, trace.warnings, trace.audit)
        user = authenticator.authenticate(request, attempt)
        serve = self._serve_caller if self.auditor is None else self._serve_audited
        if isinstance(user, User):
            return serve(request, trace, query, user)
        return _after(user, lambda user: serve(request, trace, query, user))

    def _serve_audited(
        self, request: Request, trace: Trace, query: Mapping[str, str], user: User
    ) -> Reply | Awaitable[Reply]:
        assert self.auditor is not None
        trace.user = user
        if (waiting := self._begin_audit(self.auditor, trace, user)) is not None:
            return _after(waiting, lambda _: self._serve_caller(request, trace, query, user))
        return self._serve_caller(request, trace, query, user)

    def _begin_audit(self, auditor: "Auditor", trace: Trace, user: User) -> Awaitable[None] | None:
        """Tell that the request has come; raises, or what it returns does, PlainError where that fails and may not."""
        trace.record = auditor.begin(trace.request, trace.info, user, trace.name, trace.audit)
        trace.audit.took("authentication", perf_counter() - trace.started)
        waiting = auditor.received(trace.record) if trace.record is not None else None
        return None if waiting is None else _received(waiting, trace)

    def _serve_caller(
        self, request: Request, trace: Trace, query: Mapping[str, str], user: User
    ) -> Reply | Awaitable[Reply]:
        if (wanted := wanted_user(request)) is not None:
            acting = trace.audit.timed(
                "impersonation", self.services.impersonator.act(wanted, of_request(user, trace.info))
            )
            return _after(acting, lambda acting: self._serve_acting(request, trace, query, acting))
        return self._serve_user(request, trace, query, user)

    def _serve_acting(
        self, request: Request, trace: Trace, query: Mapping[str, str], acting: Acting
    ) -> Reply | Awaitable[Reply]:
        if trace.record is not None:
            trace.record.impersonated(acting.user, acting.constraint)
        return self._serve_user(request, trace, query, acting.user)

    def _serve_user(
        self, request: Request, trace: Trace, query: Mapping[str, str], user: User
    ) -> Reply | Awaitable[Reply]:
        trace.flow = flow = self._fairness.flow_of(user, trace.info)
        if flow is None:
            return self._serve_now(request, trace, query, user)
        return self._fairness.serve(flow, user, trace.info, query, lambda: self._serve_now(request, trace, query, user))

    def _serve_now(
        self, request: Request, trace: Trace, query: Mapping[str, str], user: User
    ) -> Reply | Awaitable[Reply]:
        notes = trace.audit if trace.record is not None else None
        if (waiting := authorize(self.services.authorizers, user, trace.info, request, notes)) is not None:
            waiting = trace.audit.timed("authorization", waiting)
            return _after(waiting, lambda _: self._serve_allowed(request, trace, query, user))
        return self._serve_allowed(request, trace, query, user)

    def _serve_allowed(
        self, request: Request, trace: Trace, query: Mapping[str, str], user: User
    ) -> Reply | Awaitable[Reply]:
        info = trace.info
        if (backend := self._backends.of(info)) is not None:
            trace.passed_on = True
            return self._proxy.serve(backend, passed_on(request, trace.name), user)
        if not info.is_resource:
            return self._serve_document(request, trace, user)
        body = request.stream
        if body is None or body.limit is None:  # there is none, or it is passed on
            return self._serve_resource(request, trace, query, user)
        if body.complete:
            request.body = body.whole()
            return self._serve_resource(request, trace, query, user)
        self.routes.find(info)  # raises what needs no body to be said
        return self._serve_read(request, body, trace, query, user)

    async def _serve_read(
        self, request: Request, body: IncomingBody, trace: Trace, query: Mapping[str, str], user: User
    ) -> Reply:
        """What has a body that is still to come, once there is room for it."""
        on_behalf_of.set(user.name)
        async with self._budget.room(user.name, body.length or body.limit or 0):
            try:
                request.body = await body.read()
            except BodyTooLarge as error:
                raise RequestEntityTooLarge(str(error)) from None
            except ConnectionError:
                raise BadRequest("unexpected EOF") from None
            reply = self._serve_resource(request, trace, query, user)
            return await reply if inspect.isawaitable(reply) else reply

    def _serve_resource(
        self, request: Request, trace: Trace, query: Mapping[str, str], user: User
    ) -> Reply | Awaitable[Reply]:
        info = trace.info
        payload = Payload(request.body, request.headers.get("content-type", ""))
        call, verb = self._route(request, user, info, query, payload, trace)
        wanted = wanted_form(call)
        result = verb(self.services, call)
        if call.record is not None:
            return render_told(call.record, call, result, wanted)
        if not isinstance(result, One) and inspect.isawaitable(result):
            return _render_later(call, result, wanted)
        return render(call, result, wanted)

    def _serve_document(self, request: Request, trace: Trace, user: User) -> Response | Awaitable[Response]:
        """What is no resource."""
        reply = self._nonresource.serve(request, user, trace.info)
        if trace.record is not None and isinstance(reply, Response):
            tell_document(trace.record, reply)
        return _warned(reply, trace.warnings)

    async def dispatch(
        self, request: Request, user: User, payload: Payload
    ) -> tuple[Call | None, Result | Awaitable[Result]]:
        """For in-process clients: authorize and run. Raises APIError; so may the awaitable."""
        trace = Trace(request, self.services.now())
        trace.info = parse_request(request.method, request.path, parse_query(request.raw_query))
        if self.auditor is None:
            return await self._dispatch(trace, user, payload)
        trace.audit = Annotations()
        if (waiting := self._begin_audit(self.auditor, trace, user)) is not None:
            await waiting
        if trace.record is None:
            return await self._dispatch(trace, user, payload)
        return await self.auditor.dispatched(trace.record, self._dispatch(trace, user, payload))

    async def _dispatch(
        self, trace: Trace, user: User, payload: Payload
    ) -> tuple[Call | None, Result | Awaitable[Result]]:
        request, info, notes = trace.request, trace.info, trace.audit if trace.record is not None else None
        if (waiting := authorize(self.services.authorizers, user, info, request, notes)) is not None:
            await waiting
        if (backend := self._backends.of(info)) is not None:
            request = passed_on(encoded(request, payload), trace.name)
            return None, _in_time(self._proxy.serve(backend, request, user))
        if not info.is_resource:
            return None, self._nonresource.serve(request, user, info)
        call, verb = self._route(request, user, info, parse_query(request.raw_query), payload, trace)
        return call, verb(self.services, call)

    def _route(
        self,
        request: Request,
        user: User,
        info: RequestInfo,
        query: Mapping[str, str],
        payload: Payload,
        trace: Trace,
    ) -> tuple[Call, Verb]:
        """The request as a call of the verb that it is for."""
        endpoint, verb = self.routes.find(info)
        served, catalogue, now = endpoint.served, self.services.catalogue, trace.now
        if text := deprecation(served):
            trace.warnings.append(text)
        audit, record = trace.audit, trace.record
        if record is not None and served.version.deprecated:
            record.late |= deprecated(served)
        return Call(request, info, user, query, served, catalogue, payload, now, trace.warnings, audit, record), verb


def _warned(reply: Response | Awaitable[Response], warnings: Sequence[str]) -> Response | Awaitable[Response]:
    """What is no resource says with its answer what authentication had to say."""
    if not warnings:
        return reply
    if isinstance(reply, Response):
        return replace(reply, headers=[*reply.headers, *warning_headers(warnings)])
    return _warned_later(reply, warnings)


async def _warned_later(reply: Awaitable[Response], warnings: Sequence[str]) -> Response:
    answer = await reply
    return replace(answer, headers=[*answer.headers, *warning_headers(warnings)])


async def _after(step: Awaitable[T], go_on: Callable[[T], Reply | Awaitable[Reply]]) -> Reply:
    """For a step of the path that can't be done at once."""
    reply = go_on(await step)
    return await reply if inspect.isawaitable(reply) else reply


async def _received(waiting: Awaitable[bool], trace: Trace) -> None:
    if not await waiting:
        trace.record = None
        uri = f"{trace.request.raw_path}?{trace.request.raw_query}".rstrip("?")
        raise PlainError(500, f'Internal Server Error: "{uri}": failed to store audit event')


async def _in_time(reply: Awaitable[Reply]) -> Reply:
    """For those who wait without a limit of their own; of a watch or a log, the beginning counts."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await reply
    except TimeoutError:
        raise Timeout(_TOO_LATE) from None


async def _render_later(call: Call, result: Awaitable[Result], wanted: MediaTypeOptions) -> Reply:
    reply = render(call, await result, wanted)
    return await reply if inspect.isawaitable(reply) else reply
