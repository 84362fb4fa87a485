"""JSON Web Key Sets (RFC 7517), and signatures by their keys (RFC 7518: RS*, PS* and ES*). Pure.

Keys of other kinds are left out: a provider may publish what we have no use for. Called by issuer.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

_MOST = 100  # keys of a set

_BY_TYPE: Mapping[str, tuple[Any, str]] = {"RSA": (RSAAlgorithm, "RP"), "EC": (ECAlgorithm, "E")}


class NoKeySet(ValueError):
    """A document is no key set."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its id, and the first letters of the algorithms that it is good for."""

    id: str
    public: Any
    families: str


def parse(document: bytes) -> Sequence[Key]:
    """The keys of a set that signatures are verified by. Raises NoKeySet."""
    try:
        tree = orjson.loads(document)
        listed = tree.get("keys") or []
        found = [_key(one) for one in listed[:_MOST]]
    except (ValueError, AttributeError, TypeError) as error:
        raise NoKeySet(str(error)) from None
    return [key for key in found if key is not None]


def _key(tree: Mapping[str, Any]) -> Key | None:
    kind = _BY_TYPE.get(str(tree.get("kty")))
    if kind is None:
        return None
    algorithm, families = kind
    try:
        public = algorithm.from_jwk({name: value for name, value in tree.items() if name != "d"})
    except (jwt.PyJWTError, ValueError, KeyError):
        return None
    return Key(str(tree.get("kid") or ""), public, families)


def verified(token: str, keys: Sequence[Key], algorithms: Collection[str]) -> bytes | None:
    """The payload of a token that one of the keys has signed; None where none has."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        return None
    key_id, algorithm = header.get("kid") or "", str(header.get("alg"))
    if algorithm not in algorithms:
        return None
    for key in keys:
        if key_id in ("", key.id) and algorithm[0] in key.families and (payload := _signed(token, key, algorithm)):
            return payload
    return None


def _signed(token: str, key: Key, algorithm: str) -> bytes | None:
    try:
        payload: bytes = jwt.api_jws.decode_complete(token, key.public, algorithms=[algorithm])["payload"]
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return payload
