"""The authorization step of the request path: may they."""

from collections.abc import Awaitable, Coroutine
from typing import Any

from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.attributes import Attributes, Decision, forbidden, of_request
from sampan.apiserver.authorization.authorizer import Authorizers
from sampan.apiserver.call import Call
from sampan.apiserver.render.status import PlainError
from sampan.apiserver.requestinfo import RequestInfo
from sampan.transport.messages import Request


def authorize(
    authorizers: Authorizers, user: User, info: RequestInfo, request: Request, notes: dict[str, str] | None = None
) -> Coroutine[Any, Any, None] | None:
    """Raises Forbidden unless the request is allowed; what is to be waited for where somebody else has to be asked.

    `notes` are for the audit log.
    """
    attributes = of_request(user, info)
    decision = authorizers.decide(attributes)
    if isinstance(decision, Decision):
        _check(decision, attributes, request, notes)
        return None
    return _check_later(decision, attributes, request, notes)


async def authorized(authorizers: Authorizers, call: Call, verb: str) -> None:
    """Raises Forbidden unless the caller may do what was asked for with another verb, too."""
    if (waiting := authorize(authorizers, call.user, call.info._replace(verb=verb), call.request)) is not None:
        await waiting


async def _check_later(
    waiting: Awaitable[Decision], attributes: Attributes, request: Request, notes: dict[str, str] | None
) -> None:
    _check(await waiting, attributes, request, notes)


def _check(decision: Decision, attributes: Attributes, request: Request, notes: dict[str, str] | None) -> None:
    if notes is not None:
        _note(decision, notes)
    if decision.allowed:
        return
    if decision.error:
        uri = f"{request.raw_path}?{request.raw_query}" if request.raw_query else request.raw_path
        raise PlainError(500, f'Internal Server Error: "{uri}": {decision.error}')
    raise forbidden(attributes, decision.reason)


def _note(decision: Decision, notes: dict[str, str]) -> None:
    """For the audit log (k8s.io/apiserver/pkg/endpoints/filters/authorization.go)."""
    if decision.error and not decision.allowed:
        notes["authorization.k8s.io/reason"] = "internal error"
        return
    notes["authorization.k8s.io/decision"] = "allow" if decision.allowed else "forbid"
    notes["authorization.k8s.io/reason"] = decision.reason
