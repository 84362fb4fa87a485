"""What has to hold for an ID token besides its signature: issuer, audience and time. Pure.

Rules and texts: github.com/coreos/go-oidc v2 (IDTokenVerifier.Verify), and upstream's own check of several audiences.
Called by authenticator.py and distributed.py.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import orjson

from sampan.apiserver.authentication.attempt import Refused

_GOOGLE = "accounts.google.com"  # which leaves the scheme out of what it claims
_LEEWAY = timedelta(minutes=1)  # of our clock being slow
_LATEST = 253402300799  # 9999-12-31: what a datetime can hold

Claims = dict[str, Any]


def issuer_of(payload: Mapping[str, Any] | None) -> str:
    """The issuer that a token claims, which nobody vouches for; "" where there is none."""
    issuer = (payload or {}).get("iss")
    if not isinstance(issuer, str):
        return ""
    return f"https://{issuer}" if issuer == _GOOGLE else issuer


def algorithm_of(token: str, supported: Sequence[str]) -> str:
    """The algorithm that a token says it is signed with. Raises Refused where that is none of those supported."""
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
    except jwt.PyJWTError as error:
        raise Refused(f"oidc: malformed jwt: {error}") from None
    if algorithm not in supported:
        raise Refused(
            f'oidc: id token signed with unsupported algorithm, expected {_quoted(supported)} got "{algorithm}"'
        )
    return str(algorithm)


def claims_of(payload: bytes, issuer: str, audiences: Collection[str], now: datetime) -> Claims:
    """The claims of a token whose signature is good. Raises Refused."""
    try:
        claims = orjson.loads(payload)
    except ValueError as error:
        raise Refused(f"oidc: failed to unmarshal claims: {error}") from None
    if not isinstance(claims, dict):
        raise Refused("oidc: failed to unmarshal claims: no object")
    _check_sources(claims)
    if issuer_of(claims) != issuer:
        raise Refused(
            f'oidc: id token issued by a different provider, expected "{issuer}" got "{claims.get("iss") or ""}"'
        )
    _check_audience(claims.get("aud"), audiences)
    _check_time(claims, now)
    return claims


def _check_sources(claims: Claims) -> None:
    names, sources = claims.get("_claim_names") or {}, claims.get("_claim_sources") or {}
    if not isinstance(names, dict) or not isinstance(sources, dict):
        raise Refused("oidc: failed to unmarshal claims: distributed claims are no objects")
    for source in names.values():
        if not source:
            raise Refused("oidc: failed to obtain source from claim name")
        if source not in sources:
            raise Refused("oidc: source does not exist")


def _check_audience(audience: Any, wanted: Collection[str]) -> None:
    named = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    if not any(one in wanted for one in named):
        expected = _quoted(sorted(wanted)) if len(wanted) > 1 else f'"{next(iter(wanted), "")}"'
        within = "in " if len(wanted) > 1 else ""
        raise Refused(f"oidc: expected audience {within}{expected} got {_quoted(named)}")


def _check_time(claims: Claims, now: datetime) -> None:
    expiry, begin = _moment(claims.get("exp")), _moment(claims.get("nbf"))
    if expiry is None or expiry < now:
        shown = f"{expiry:%Y-%m-%d %H:%M:%S}" if expiry else "0001-01-01 00:00:00"
        raise Refused(f"oidc: token is expired (Token Expiry: {shown} +0000 UTC)")
    if begin is not None and now + _LEEWAY < begin:
        raise Refused(f"oidc: current time {now} before the nbf (not before) time: {begin}")


def _moment(seconds: Any) -> datetime | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise Refused("oidc: failed to unmarshal claims: a time is no number")
    return datetime.fromtimestamp(min(max(int(seconds), 0), _LATEST), UTC)


def _quoted(values: Sequence[Any]) -> str:
    return "[" + " ".join(f'"{value}"' for value in values) + "]"
