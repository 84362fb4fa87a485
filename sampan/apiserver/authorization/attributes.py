"""The question that authorization answers, and the sentence for a no.

Attribute names and message forms: k8s.io/apiserver/pkg/authorization/authorizer and
endpoints/handlers/responsewriters (ForbiddenStatusError).
"""

from typing import NamedTuple

from sampan.apiserver.authentication.user import User
from sampan.apiserver.requestinfo import RequestInfo
from sampan.machinery.errors import Forbidden, qualified


class Attributes(NamedTuple):
    """Who wants to do what. For non-resource requests only user, verb and path mean anything."""

    user: User
    verb: str
    is_resource: bool = True
    namespace: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """`pods/log`, as rules name subresources."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Decision(NamedTuple):
    """`reason` says which binding allowed it."""

    allowed: bool
    reason: str = ""


def of_request(user: User, info: RequestInfo) -> Attributes:
    """The attributes of a request."""
    if not info.is_resource:
        return Attributes(user, info.verb, False, path=info.path)
    return Attributes(
        user,
        info.verb,
        True,
        info.namespace,
        info.group,
        info.version,
        info.resource,
        info.subresource,
        info.name,
        info.path,
    )


def forbidden(attributes: Attributes, reason: str = "") -> Forbidden:
    """The error for a denied request."""
    sentence = _sentence(attributes) + (f": {reason}" if reason else "")
    if not attributes.is_resource:
        return Forbidden(f"forbidden: {sentence}", details={})
    shown = qualified(attributes.resource, attributes.group)
    name = f' "{attributes.name}"' if attributes.name else ""
    details = {"name": attributes.name, "group": attributes.group, "kind": attributes.resource}
    return Forbidden(
        f"{shown}{name} is forbidden: {sentence}", details={key: value for key, value in details.items() if value}
    )


def _sentence(attributes: Attributes) -> str:
    user, verb = attributes.user.name, attributes.verb
    if not attributes.is_resource:
        return f'User "{user}" cannot {verb} path "{attributes.path}"'
    where = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
    return (
        f'User "{user}" cannot {verb} resource "{attributes.full_resource}" in API group "{attributes.group}" {where}'
    )
