"""ServiceAccount tokens: bound JSON Web Tokens (KEP-1205), issued by serviceaccounts/token and verified here.

A token names its ServiceAccount by uid and may be bound to a Pod, Secret or Node: it dies with them (bound_claims.py).
Those that Secrets hold are legacy_token.py's. Called by tokens.py and by the token subresource. Rules:
k8s.io/kubernetes/pkg/serviceaccount.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from sampan.apiserver.authentication import bound_claims
from sampan.apiserver.authentication.attempt import Attempt, Refused, Verified, common
from sampan.apiserver.authentication.keys import KeyRing
from sampan.apiserver.authentication.legacy_token import Claims, LegacyTokens
from sampan.apiserver.authentication.lookup import Lookup
from sampan.apiserver.authentication.signed import SignedTokens
from sampan.apiserver.authentication.token_metrics import LEGACY, STALE, ServiceAccountTokenMetrics
from sampan.apiserver.authentication.user import service_account_name
from sampan.kinds.core.service_account_token import ISSUER as LEGACY_ISSUER
from sampan.machinery.meta import Object

WARN_AFTER = 3607  # seconds: what the injected token of a pod asks for, and no other
EXTENDED = 365 * 24 * 3600  # seconds for which that token is good in fact


class Bound(NamedTuple):
    """An object to whose life a token is bound."""

    kind: str  # pod, secret or node
    name: str
    uid: str


class Issued(NamedTuple):
    """A new token, and by which id the audit log knows it."""

    token: str
    credential_id: str


class Expirations(NamedTuple):
    """How long tokens live, whatever they ask for."""

    extend: bool = True  # those of pods live a year, and are told by their age
    longest: float = 0.0  # seconds; 0: any time


EXPIRATIONS = Expirations()


class ServiceAccountTokens:
    """Issues and verifies tokens; signatures of recent tokens are remembered, the objects behind them are not."""

    def __init__(
        self,
        keys: KeyRing,
        issuers: Sequence[str],
        audiences: Sequence[str],
        lookup: Lookup,
        legacy: LegacyTokens,
        metrics: ServiceAccountTokenMetrics,
        expirations: Expirations = EXPIRATIONS,
    ) -> None:
        self.keys = keys
        self.issuers = issuers  # the first issues, all are believed
        self.audiences = tuple(audiences)  # those of this API server
        self.expirations = expirations
        self._lookup = lookup
        self._legacy = legacy
        self._metrics = metrics
        self._signed = SignedTokens(keys, {*issuers, LEGACY_ISSUER})

    def issue(
        self,
        account: Object,
        audiences: Sequence[str],
        lifetime: timedelta,
        now: datetime,
        bound: Sequence[Bound] = (),
        warn_after: timedelta | None = None,
    ) -> Issued:
        """A signed token for a ServiceAccount."""
        meta = account["metadata"]
        private: dict[str, Any] = {"namespace": meta["namespace"]}
        private["serviceaccount"] = {"name": meta["name"], "uid": meta["uid"]}
        private |= {ref.kind: {"name": ref.name} | ({"uid": ref.uid} if ref.uid else {}) for ref in bound}
        if warn_after is not None:
            private["warnafter"] = int((now + warn_after).timestamp())
        claims = {
            "aud": list(audiences),
            "exp": int((now + lifetime).timestamp()),
            "iat": int(now.timestamp()),
            "iss": self.issuers[0],
            "jti": str(uuid4()),
            "kubernetes.io": private,
            "nbf": int(now.timestamp()),
            "sub": service_account_name(meta["namespace"], meta["name"]),
        }
        return Issued(self.keys.sign(claims), f"JTI={claims['jti']}")

    def authenticate(self, token: str, attempt: Attempt) -> Verified | None:
        """The user of a token; None where another has issued it. Raises Refused."""
        claims = self._signed.claims(token)
        if claims is None:
            return None
        own = Attempt(attempt.now, attempt.audiences, attempt.warnings)  # notes count even where nobody audits
        try:
            verified = self._verified(token, claims, own)
        finally:
            self._metrics.used(own.annotations)
            attempt.annotations.update(own.annotations)
        if (claims.get("kubernetes.io") or {}).get("warnafter") and STALE not in own.annotations:
            self._metrics.valid()
        return verified

    def _verified(self, token: str, claims: Claims, attempt: Attempt) -> Verified:
        meant = _as_list(claims.get("aud"))
        if not meant:
            attempt.annotations[LEGACY] = claims.get("sub") or ""
            meant = self.audiences
        audiences = common(meant, attempt.audiences)
        if not audiences:
            asked = _go_list(attempt.audiences)
            raise Refused(f"token audiences {_go_list(meant)} is invalid for the target audiences {asked}")
        if claims["iss"] == LEGACY_ISSUER:
            return Verified(self._legacy.user(token, claims, attempt), audiences)
        return Verified(bound_claims.user(claims, self._lookup, attempt), audiences)


def _as_list(audience: Any) -> Sequence[str]:
    if not audience:
        return ()
    return [audience] if isinstance(audience, str) else list(audience)


def _go_list(values: Sequence[str]) -> str:
    return "[" + " ".join(f'"{value}"' for value in values) + "]"


def expiry(now: datetime, lifetime: timedelta) -> datetime:
    """When a token issued now ends, in whole seconds as its claims say it."""
    return datetime.fromtimestamp(int((now + lifetime).timestamp()), UTC)
