"""The authorization step of the request path: on whose behalf, and may they."""

from collections.abc import Awaitable, Iterator, Mapping
from urllib.parse import unquote

from sampan.apiserver.authentication.user import (
    ANONYMOUS_USER,
    GROUP_AUTHENTICATED,
    GROUP_UNAUTHENTICATED,
    User,
    service_account_groups,
    split_service_account,
)
from sampan.apiserver.authorization.attributes import Attributes, Decision, forbidden, of_request
from sampan.apiserver.authorization.authorizer import Authorizers
from sampan.apiserver.call import Call
from sampan.apiserver.render.status import PlainError
from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.errors import BadRequest
from sampan.transport.messages import Request

_USER, _GROUP, _UID, _EXTRA = (
    "impersonate-user",
    "impersonate-group",
    "impersonate-uid",
    "impersonate-extra-",
)


def authorize(
    authorizers: Authorizers, user: User, info: RequestInfo, request: Request, notes: dict[str, str] | None = None
) -> Awaitable[None] | None:
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


def impersonates(request: Request) -> bool:
    """Whether the request asks to be another user's."""
    return any(name.startswith("impersonate-") for name in request.headers)


async def impersonate(authorizers: Authorizers, user: User, request: Request) -> User:
    """The user to act as, whom the Impersonate headers name; each part is authorized.

    Each line of Impersonate-Group is one group, commas included. Rules: documentation, "User impersonation". Raises
    Forbidden, BadRequest.
    """
    name, uid = _first(request, _USER), _first(request, _UID)
    groups, extra = tuple(request.lines(_GROUP)), dict(_extra(request))
    if not name:
        raise BadRequest(
            f"requested [{_join(groups)}] without impersonating a user"
            if groups
            else "a user to impersonate is missing"
        )
    for attributes in _questions(user, name, groups, uid, extra):
        decision = await authorizers.ask(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)
    return User(name, _completed(name, groups), uid, extra)


def _questions(
    user: User, name: str, groups: tuple[str, ...], uid: str, extra: Mapping[str, tuple[str, ...]]
) -> Iterator[Attributes]:
    account = split_service_account(name)
    if account:
        yield Attributes(
            user, "impersonate", namespace=account[0], version="v1", resource="serviceaccounts", name=account[1]
        )
    else:
        yield Attributes(user, "impersonate", version="v1", resource="users", name=name)
    for group in groups:
        yield Attributes(user, "impersonate", version="v1", resource="groups", name=group)
    authentication = Attributes(user, "impersonate", group="authentication.k8s.io", version="v1")
    if uid:
        yield authentication._replace(resource="uids", name=uid)
    for key, values in extra.items():
        for value in values:
            yield authentication._replace(resource="userextras", subresource=key, name=value)


def _completed(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """The groups that the user would have had by logging in."""
    if account := split_service_account(name):
        groups = groups or service_account_groups(account[0])
    if name == ANONYMOUS_USER:
        return groups if GROUP_UNAUTHENTICATED in groups else (*groups, GROUP_UNAUTHENTICATED)
    logged_in = {GROUP_AUTHENTICATED, GROUP_UNAUTHENTICATED}.isdisjoint(groups)
    return (*groups, GROUP_AUTHENTICATED) if logged_in else groups


def _extra(request: Request) -> Iterator[tuple[str, tuple[str, ...]]]:
    for header in request.headers:
        if header.startswith(_EXTRA):
            yield unquote(header[len(_EXTRA) :]), tuple(request.lines(header))


def _first(request: Request, name: str) -> str:
    """Of a header that is meant to come once."""
    lines = request.lines(name)
    return lines[0] if lines else ""


def _join(values: tuple[str, ...]) -> str:
    return " ".join(values)
