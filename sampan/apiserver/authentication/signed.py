"""Tokens that this cluster has signed: their claims, once the signature is found good.

Whether these claims still hold is asked elsewhere, each time. Called by service_account.py.
"""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import jwt
import orjson

from sampan.apiserver.authentication.attempt import Refused
from sampan.apiserver.authentication.keys import KeyRing

_CACHED = 4096
_LONGEST = 16384  # characters of a token that is remembered
_BAD_SIGNATURE = "go-jose/go-jose: error in cryptographic primitive"  # upstream's words, which clients know
_ONLY_SIGNATURE = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}


class SignedTokens:
    """Remembers the most recent ones."""

    def __init__(self, keys: KeyRing, issuers: Collection[str]) -> None:
        self._keys = keys
        self._issuers = issuers
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def claims(self, token: str) -> Mapping[str, Any] | None:
        """None where it is no JSON Web Token of these issuers. Raises Refused where the signature is not ours."""
        known = self._known.get(token)
        if known is not None or (unverified_payload(token) or {}).get("iss") not in self._issuers:
            return known
        claims = self._verified(token)
        if len(token) <= _LONGEST:
            self._known[token] = claims
        if len(self._known) > _CACHED:
            self._known.popitem(last=False)
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid") or ""
        except jwt.PyJWTError:
            raise Refused(_BAD_SIGNATURE) from None
        keys = self._keys.named(key_id)
        if not keys:
            raise Refused("invalid signature, no keys found")
        for key in keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key.public,
                    algorithms=[key.algorithm],
                    options=_ONLY_SIGNATURE,  # type: ignore[arg-type]
                )
                return claims
            except jwt.PyJWTError:
                continue
        raise Refused(_BAD_SIGNATURE)


def unverified_payload(token: str) -> dict[str, Any] | None:
    """What a JSON Web Token in compact form claims, which nobody vouches for; None where it is something else."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    return payload if isinstance(payload, dict) else None
