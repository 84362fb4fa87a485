"""Authentication: from the evidence on a request to a user.

A front proxy's word wins, then a client certificate; then a bearer token (static, then ServiceAccount); nothing at all
is system:anonymous. A credential that is offered and bad is an error, never anonymous.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from hmac import compare_digest

from sampan.apiserver.authentication.request_header import named_user
from sampan.apiserver.authentication.service_account import ServiceAccountTokens, TokenInvalid, Verified
from sampan.apiserver.authentication.user import ANONYMOUS, User
from sampan.apiserver.authentication.x509 import CertificateAuthenticator
from sampan.machinery.errors import Unauthorized
from sampan.transport.messages import Request

# Browsers cannot set headers on a WebSocket: the token then comes as a subprotocol.
TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io."


class Authenticator:
    """The union of all ways in. `static` maps tokens to users (bootstrap and admin tokens)."""

    def __init__(
        self,
        static: Mapping[str, User],
        service_accounts: ServiceAccountTokens,
        certificates: CertificateAuthenticator,
    ) -> None:
        self._certificates = certificates
        self._static = dict(static)
        self.service_accounts = service_accounts

    def authenticate(self, request: Request, now: datetime) -> User:
        """The caller; raises Unauthorized for a bad credential."""
        if request.peer_certificate is not None:
            user = self._by_certificate(request, request.peer_certificate, now)
            if user is not None:
                return user
        token = _bearer_token(request.headers)
        if token is not None:
            return self._by_token(token, now)
        if request.peer_certificate is not None:
            raise Unauthorized
        return ANONYMOUS

    def _by_certificate(self, request: Request, certificate: bytes, now: datetime) -> User | None:
        identity = self._certificates.identify(certificate, now)
        if identity is None:
            return None
        return (named_user(request) if identity.front_proxy else None) or identity.user

    def review(self, token: str, now: datetime, audiences: Sequence[str]) -> Verified:
        """TokenReview's question; raises TokenInvalid."""
        user = self._by_static_token(token)
        if user is not None:
            return Verified(user, tuple(audiences) or self.service_accounts.audiences)
        return self.service_accounts.verify(token, now, audiences)

    def _by_token(self, token: str, now: datetime) -> User:
        user = self._by_static_token(token)
        if user is not None:
            return user
        try:
            return self.service_accounts.verify(token, now).user
        except TokenInvalid as error:
            raise Unauthorized from error

    def _by_static_token(self, token: str) -> User | None:
        offered = token.encode()
        for known, user in self._static.items():
            if compare_digest(known.encode(), offered):
                return user
        return None


def _bearer_token(headers: Mapping[str, str]) -> str | None:
    header = headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(TOKEN_PROTOCOL):
            return _decode_protocol(protocol.strip()[len(TOKEN_PROTOCOL) :])
    return None


def _decode_protocol(encoded: str) -> str:
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthorized from error
