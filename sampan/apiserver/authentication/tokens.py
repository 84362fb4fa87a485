"""Bearer tokens: each authenticator is asked in its turn, those that answer from memory before those that wait.

    verified = tokens.authenticate(token, attempt)       # Verified, None, or a coroutine of either; raises Refused

The first yes counts. A no is kept, and told when nobody says yes: k8s.io/apiserver/pkg/authentication/token/union.
Called by authenticate.py and for TokenReview.
"""

from collections.abc import Coroutine, Mapping, Sequence
from hmac import compare_digest
from typing import Any

from sampan.apiserver.authentication.attempt import (
    Attempt,
    Opinion,
    Refused,
    TokenAuthenticator,
    Verified,
    common,
)
from sampan.apiserver.authentication.user import User


class Tokens:
    """The union of token authenticators."""

    def __init__(self, authenticators: Sequence[TokenAuthenticator]) -> None:
        self._authenticators = authenticators

    def authenticate(self, token: str, attempt: Attempt, place: int = 0, said: Sequence[str] = ()) -> Opinion:
        """What they make of a token, from the one at a place on, after what others have said. Raises Refused; so may
        the coroutine."""
        errors = list(said)
        for at, authenticator in enumerate(self._authenticators[place:], place):
            try:
                opinion = authenticator.authenticate(token, attempt)
            except Refused as error:
                errors += error.errors
                continue
            if isinstance(opinion, Verified):
                return opinion
            if opinion is not None:
                return self._after(opinion, at, token, attempt, errors)
        if errors:
            raise Refused(*errors)
        return None

    async def _after(
        self,
        waiting: Coroutine[Any, Any, Verified | None],
        at: int,
        token: str,
        attempt: Attempt,
        errors: list[str],
    ) -> Verified | None:
        try:
            verified = await waiting
        except Refused as error:
            errors += error.errors
            verified = None
        if verified is not None:
            return verified
        rest = self.authenticate(token, attempt, at + 1, errors)
        return rest if rest is None or isinstance(rest, Verified) else await rest


class StaticTokens:
    """Tokens that are known from the start: --token-auth-file, and those of tests. Good for the server itself only."""

    def __init__(self, users: Mapping[str, User], audiences: Sequence[str]) -> None:
        self._users = {token.encode(): user for token, user in users.items()}
        self._audiences = audiences

    def authenticate(self, token: str, attempt: Attempt) -> Verified | None:
        """Every known token is compared in full: how long it takes tells nothing."""
        offered = token.encode(errors="surrogatepass")
        audiences = common(self._audiences, attempt.audiences)
        for known, user in self._users.items():
            if compare_digest(known, offered):
                return Verified(user, audiences) if audiences else None
        return None
