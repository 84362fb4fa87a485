"""What an authenticator is given and gives: the attempt, a good credential, and a bad one.

Called by all of this room. Rules: k8s.io/apiserver/pkg/authentication/authenticator.
"""

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sampan.apiserver.authentication.user import User
from sampan.machinery.aggregate import aggregated


class Refused(Exception):
    """A credential that is not, or no longer, good; the text is for TokenReview and the log."""

    def __init__(self, *errors: str) -> None:
        super().__init__(aggregated(errors))
        self.errors = errors


class Verified(NamedTuple):
    """A good credential: who it is, and for which of the audiences that were asked for."""

    user: User
    audiences: tuple[str, ...] = ()


@dataclass(slots=True)
class Attempt:
    """One try: for whom the credential has to be meant, when, and what there is to be said beside the answer."""

    now: datetime
    audiences: Sequence[str]
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)  # for the audit log


# None: the credential says nothing to this authenticator. A coroutine: it has to ask somebody else first.
Opinion = Verified | None | Coroutine[Any, Any, Verified | None]


class TokenAuthenticator(Protocol):
    """One way to make a user of a bearer token."""

    def authenticate(self, token: str, attempt: Attempt) -> Opinion:
        """Its opinion of a token. Raises Refused; so may the coroutine."""


def common(ours: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The audiences in both lists, in the order of ours."""
    if asked is ours:  # nearly always: the server's own
        return tuple(ours)
    return tuple(audience for audience in ours if audience in asked)
