"""Audit-ID: the name of a request, its client's own or a new one, in every answer and in all of its audit events.

Rules: k8s.io/apiserver/pkg/endpoints/filters/audit_init.go.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from uuid import uuid4

from sampan.transport.messages import Reply, Request, Response, Upgrade

HEADER = "audit-id"
_SHOWN = "Audit-Id"
_MOST = 1024  # characters that are taken from a client

_prefix, _numbers = str(uuid4())[:24], count()  # a UUID that nobody has, and that costs a request next to nothing


def audit_id(request: Request) -> str:
    """The name that a request bears, or gets."""
    given = request.headers.get(HEADER)
    return given[:_MOST] if given else "%s%012x" % (_prefix, next(_numbers))  # noqa: UP031 - half of an f-string's time


def named(reply: Reply, name: str, more: Sequence[tuple[str, str]] = ()) -> Reply:
    """The answer with its request's name, unless another server has put it there, and with more headers."""
    if isinstance(reply, Upgrade):
        return reply
    if any(header.lower() == HEADER for header, _ in reply.headers):
        return replace(reply, headers=(*reply.headers, *more)) if more else reply
    return replace(reply, headers=(*reply.headers, (_SHOWN, name), *more))


def name_own(reply: Response, name: str, more: Sequence[tuple[str, str]] = ()) -> None:
    """The same for an answer that was made for this request alone, in place."""
    reply.headers = (*reply.headers, (_SHOWN, name), *more)


def passed_on(request: Request, name: str) -> Request:
    """The request as another server is to know it."""
    return replace(request, headers={**request.headers, HEADER: name})
