"""The authorization step of the request path: impersonation, RBAC, and what nodes may read."""

from collections.abc import Iterator, Mapping
from functools import partial
from urllib.parse import unquote

from sampan.apiserver.authentication.user import (
    ANONYMOUS_USER,
    GROUP_AUTHENTICATED,
    GROUP_UNAUTHENTICATED,
    User,
    service_account_groups,
    split_service_account,
)
from sampan.apiserver.authorization import node
from sampan.apiserver.authorization.attributes import Attributes, forbidden, of_request
from sampan.apiserver.authorization.rbac import RBAC
from sampan.apiserver.requestinfo import RequestInfo
from sampan.apiserver.services import Services
from sampan.kinds.core.pod import KIND as POD
from sampan.machinery.errors import BadRequest
from sampan.transport.messages import Request

_USER, _GROUP, _UID, _EXTRA = (
    "impersonate-user",
    "impersonate-group",
    "impersonate-uid",
    "impersonate-extra-",
)


def authorize(services: Services, user: User, info: RequestInfo) -> None:
    """Raises Forbidden unless RBAC allows the request and, for a node, its pods are concerned."""
    attributes = of_request(user, info)
    if not services.rbac.authorize(attributes).allowed:
        raise forbidden(attributes)
    if why := node.refusal(attributes, partial(services.all, POD)):
        raise forbidden(attributes, why)


def impersonate(rbac: RBAC, user: User, request: Request) -> User:
    """The user to act as: the one that the Impersonate headers ask for, each part authorized, or `user`.

    Each line of Impersonate-Group is one group, commas included. Rules: documentation, "User impersonation". Raises
    Forbidden, BadRequest.
    """
    if not any(name.startswith("impersonate-") for name in request.headers):
        return user
    name, uid = _first(request, _USER), _first(request, _UID)
    groups, extra = tuple(request.lines(_GROUP)), dict(_extra(request))
    if not name:
        raise BadRequest(
            f"requested [{_join(groups)}] without impersonating a user"
            if groups
            else "a user to impersonate is missing"
        )
    for attributes in _questions(user, name, groups, uid, extra):
        if not rbac.authorize(attributes).allowed:
            raise forbidden(attributes)
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
