"""Authentication: from the evidence on a request to a user.

A front proxy's word wins, then a client certificate; then a bearer token; nothing at all is system:anonymous. The first
yes counts, but a credential that is offered and bad, beside no good one, is an error, never anonymous. Rules:
k8s.io/kubernetes/pkg/kubeapiserver/authenticator (Config.New) and k8s.io/apiserver/pkg/authentication/request/union.
Called by app.py and for TokenReview.
"""

import logging
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from time import perf_counter

from sampan.apiserver.authentication.anonymous import Anonymous
from sampan.apiserver.authentication.attempt import Attempt, Refused, Verified, common
from sampan.apiserver.authentication.bearer import header_token, websocket_token
from sampan.apiserver.authentication.metrics import AuthenticationMetrics
from sampan.apiserver.authentication.request_header import named_user
from sampan.apiserver.authentication.service_account import ServiceAccountTokens
from sampan.apiserver.authentication.tokens import Tokens
from sampan.apiserver.authentication.user import User
from sampan.apiserver.authentication.x509 import CertificateAuthenticator
from sampan.machinery.aggregate import aggregated
from sampan.machinery.errors import InternalError, Unauthorized
from sampan.transport.messages import Request

log = logging.getLogger(__name__)

_NO_TOKEN = "invalid bearer token"


@dataclass(slots=True)
class Authenticator:
    """The union of all ways in."""

    certificates: CertificateAuthenticator
    tokens: Tokens
    anonymous: Anonymous
    service_accounts: ServiceAccountTokens  # which also issues tokens
    audiences: Sequence[str]  # of this API server
    metrics: AuthenticationMetrics

    def authenticate(self, request: Request, attempt: Attempt) -> User | Awaitable[User]:
        """The caller; raises Unauthorized for a bad credential, and so may what is to be waited for."""
        began = perf_counter()
        errors: list[str] = []
        user = None
        if request.peer_certificate is not None:
            user = self._by_certificate(request.peer_certificate, request, attempt, errors)
        if user is None:
            try:
                token = header_token(request.headers, attempt) or websocket_token(request)
                verified = self.tokens.authenticate(token, attempt) if token else None
            except Refused as error:
                errors += error.errors
            else:
                if verified is not None and not isinstance(verified, Verified):
                    return self._later(verified, request, errors, began)
                if verified is not None:
                    user = verified.user
                elif token:
                    errors.append(_NO_TOKEN)
        return self._decided(user, request, errors, began)

    async def _later(
        self, waiting: Awaitable[Verified | None], request: Request, errors: list[str], began: float
    ) -> User:
        user = None
        try:
            verified = await waiting
        except Refused as error:
            errors += error.errors
        else:
            user = verified.user if verified else None
            errors += [] if verified else [_NO_TOKEN]
        return self._decided(user, request, errors, began)

    def _decided(self, user: User | None, request: Request, errors: Sequence[str], began: float) -> User:
        if user is None and not errors:
            user = self.anonymous.user(request.path)
        if user is None:
            self.metrics.failed(bool(errors), perf_counter() - began)
            if errors:
                log.info("unable to authenticate the request: %s", aggregated(errors))
            raise Unauthorized
        self.metrics.succeeded(user, perf_counter() - began)
        return user

    def _by_certificate(self, certificate: bytes, request: Request, attempt: Attempt, errors: list[str]) -> User | None:
        identity = self.certificates.identify((certificate, *request.peer_chain), attempt.now)
        if identity.is_front_proxy and (named := named_user(request)) is not None:
            return named
        if identity.end is not None:
            self.metrics.certificate((identity.end - attempt.now).total_seconds())
        if identity.user is None:
            errors.extend(identity.errors)
        return identity.user

    async def review(self, token: str, attempt: Attempt) -> Verified:
        """TokenReview's question, of a token alone. Raises Refused, InternalError."""
        found = header_token({"authorization": f"Bearer {token}"}, attempt)
        try:
            opinion = self.tokens.authenticate(found, attempt) if found else None
            verified = opinion if opinion is None or isinstance(opinion, Verified) else await opinion
        except Refused as error:
            raise Refused(_NO_TOKEN, *error.errors) from error  # upstream's own token is not it, either
        if found is None and (nobody := self.anonymous.user("")) is not None:
            return Verified(nobody, tuple(attempt.audiences))
        if verified is None:
            raise Refused(_NO_TOKEN)
        if not common(verified.audiences, attempt.audiences):
            raise InternalError("Internal error occurred: error validating audiences")
        return verified
