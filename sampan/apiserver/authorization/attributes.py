"""The question that authorization answers, the answer, and the sentence for a no.

Attribute names and message forms: k8s.io/apiserver/pkg/authorization/authorizer and
endpoints/handlers/responsewriters (ForbiddenStatusError).
"""

from enum import Enum
from typing import NamedTuple

from sampan.apiserver.authentication.user import User
from sampan.apiserver.authorization.selectors import NO_SELECTORS, Selectors, of_query
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
    selectors: Selectors = NO_SELECTORS

    @property
    def full_resource(self) -> str:
        """`pods/log`, as rules name subresources."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Verdict(Enum):
    """What an authorizer says. Without an opinion it leaves the word to the next; nobody's opinion is a no."""

    ALLOW = "allow"
    DENY = "deny"
    NO_OPINION = "no opinion"


class Decision(NamedTuple):
    """`reason` is for the user, `error` says what kept the authorizer from knowing."""

    verdict: Verdict
    reason: str = ""
    error: str = ""

    @property
    def allowed(self) -> bool:
        """Whether it is a yes."""
        return self.verdict is Verdict.ALLOW


ALLOWED, NO_OPINION = Decision(Verdict.ALLOW), Decision(Verdict.NO_OPINION)


def of_request(user: User, info: RequestInfo) -> Attributes:
    """The attributes of a request."""
    if not info.is_resource:
        return Attributes(user, info.verb, False, path=info.path)
    selectors = NO_SELECTORS
    if info.field_selector or info.label_selector:
        selectors = of_query(info.field_selector, info.label_selector)
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
        selectors,
    )


def forbidden(attributes: Attributes, reason: str = "") -> Forbidden:
    """The error for a denied request."""
    sentence = _harmless(_sentence(attributes)) + (f": {reason}" if reason else "")
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


def _harmless(text: str) -> str:
    """As upstream has it, so that no browser takes a path for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
