"""ServiceAccount tokens: bound JSON Web Tokens (KEP-1205), issued by serviceaccounts/token and verified here.

A token names its ServiceAccount by uid and may be bound to a Pod, Secret or Node: it dies with them. Legacy Secret
tokens are not issued. Called by authenticate.py, by the token subresource and by TokenReview.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import jwt

from sampan.apiserver.authentication.keys import KeyRing
from sampan.apiserver.authentication.user import User, service_account, service_account_name
from sampan.machinery.meta import Object, parse_time

# (plural, namespace, name) -> the object of the core group, or None
Lookup = Callable[[str, str, str], Object | None]

_BOUND_KINDS = {"pod": "pods", "secret": "secrets", "node": "nodes"}
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_NODE_NAME = "authentication.kubernetes.io/node-name"
_NODE_UID = "authentication.kubernetes.io/node-uid"
_CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
_LEEWAY = 60.0  # seconds after deletionTimestamp during which a bound token still works, as upstream
_CACHED = 4096


class TokenInvalid(Exception):
    """A bearer token that is not, or no longer, good; the text is for TokenReview and the log."""


class Verified(NamedTuple):
    """A good token: who it is, and for which of the asked audiences."""

    user: User
    audiences: tuple[str, ...]


class Bound(NamedTuple):
    """An object to whose life a token is bound."""

    kind: str  # pod, secret or node
    name: str
    uid: str


class ServiceAccountTokens:
    """Issues and verifies tokens; signatures of recent tokens are remembered, the objects behind them are not."""

    def __init__(self, keys: KeyRing, issuer: str, audiences: Sequence[str], lookup: Lookup) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audiences = tuple(audiences)  # those of this API server
        self._lookup = lookup
        self._claims: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def issue(
        self,
        account: Object,
        audiences: Sequence[str],
        lifetime: timedelta,
        now: datetime,
        bound: Sequence[Bound] = (),
    ) -> str:
        """A signed token for a ServiceAccount."""
        meta = account["metadata"]
        private: dict[str, Any] = {"namespace": meta["namespace"]}
        private["serviceaccount"] = {"name": meta["name"], "uid": meta["uid"]}
        private |= {ref.kind: {"name": ref.name, "uid": ref.uid} for ref in bound}
        claims = {
            "aud": list(audiences),
            "exp": int((now + lifetime).timestamp()),
            "iat": int(now.timestamp()),
            "iss": self.issuer,
            "jti": str(uuid4()),
            "kubernetes.io": private,
            "nbf": int(now.timestamp()),
            "sub": service_account_name(meta["namespace"], meta["name"]),
        }
        key = self.keys.verifiers[0]
        return jwt.encode(claims, self.keys.signer, algorithm=key.algorithm, headers={"kid": key.id})

    def verify(self, token: str, now: datetime, audiences: Sequence[str] = ()) -> Verified:
        """The user of a token; raises TokenInvalid. `audiences` defaults to those of this API server."""
        claims = self._signed_claims(token)
        moment = now.timestamp()
        if moment >= claims["exp"]:
            raise TokenInvalid("service account token has expired")
        if moment < claims.get("nbf", 0):
            raise TokenInvalid("service account token is not valid yet")
        wanted = tuple(audiences) or self.audiences
        matching = tuple(audience for audience in wanted if audience in _as_list(claims.get("aud")))
        if not matching:
            raise TokenInvalid(
                f"token audiences {_go_list(_as_list(claims.get('aud')))} is invalid for the target audiences "
                f"{_go_list(wanted)}"
            )
        return Verified(self._user(claims, now), matching)

    def _signed_claims(self, token: str) -> dict[str, Any]:
        claims = self._claims.get(token)
        if claims is not None:
            return claims
        claims = self._decode(token)
        self._claims[token] = claims
        if len(self._claims) > _CACHED:
            self._claims.popitem(last=False)
        return claims

    def _decode(self, token: str) -> dict[str, Any]:
        try:
            key = self.keys.find(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                raise TokenInvalid("invalid signature: unknown key")
            return jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                issuer=self.issuer,
                options={
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "require": ["exp", "iss", "sub"],
                },
            )
        except jwt.PyJWTError as error:
            raise TokenInvalid(str(error)) from error

    def _user(self, claims: Mapping[str, Any], now: datetime) -> User:
        private = claims.get("kubernetes.io") or {}
        namespace, account = private.get("namespace", ""), private.get("serviceaccount") or {}
        name, uid = account.get("name", ""), account.get("uid", "")
        if claims["sub"] != service_account_name(namespace, name):
            raise TokenInvalid("the token's subject does not match its service account")
        self._check_alive("serviceaccounts", namespace, name, uid, "service account", now)
        for kind, plural in _BOUND_KINDS.items():
            if kind == "node" and "pod" in private:
                continue  # says where the pod was; the token lives as long as the pod
            if ref := private.get(kind):
                home = "" if kind == "node" else namespace
                self._check_alive(plural, home, ref.get("name", ""), ref.get("uid", ""), kind, now)
        return service_account(namespace, name, uid, _extra(claims, private))

    def _check_alive(self, plural: str, namespace: str, name: str, uid: str, word: str, now: datetime) -> None:
        found = self._lookup(plural, namespace, name)
        if found is None:
            raise TokenInvalid(f"{word} {namespace}/{name} has been deleted" if namespace else f"{word} {name} is gone")
        if found["metadata"]["uid"] != uid:
            raise TokenInvalid(f"{word} UID ({found['metadata']['uid']}) does not match claim ({uid})")
        deleted = found["metadata"].get("deletionTimestamp")
        if deleted and (now - parse_time(deleted)).total_seconds() > _LEEWAY:
            raise TokenInvalid(f"{word} {namespace}/{name} has been deleted")


def _extra(claims: Mapping[str, Any], private: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = {}
    if claims.get("jti"):
        extra[_CREDENTIAL_ID] = (f"JTI={claims['jti']}",)
    for kind, name_key, uid_key in (("pod", _POD_NAME, _POD_UID), ("node", _NODE_NAME, _NODE_UID)):
        if ref := private.get(kind):
            extra[name_key], extra[uid_key] = (ref["name"],), (ref["uid"],)
    return extra


def _as_list(audience: Any) -> list[str]:
    if audience is None:
        return []
    return [audience] if isinstance(audience, str) else list(audience)


def _go_list(values: Sequence[str]) -> str:
    return "[" + " ".join(f'"{value}"' for value in values) + "]"


def expiry(now: datetime, lifetime: timedelta) -> datetime:
    """When a token issued now ends, in whole seconds as its claims say it."""
    return datetime.fromtimestamp(int((now + lifetime).timestamp()), UTC)
