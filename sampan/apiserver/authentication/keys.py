"""The keys that sign ServiceAccount tokens, and their public side as a JSON Web Key Set (RFC 7517).

The first key signs; all of them verify, so that keys can be rotated. Key ids are upstream's: the base64url SHA-256 of
the public key's DER form.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key with its id and JOSE algorithm."""

    id: str
    algorithm: str
    public: PublicKey


@dataclass(frozen=True, slots=True)
class KeyRing:
    """A signing key and everything that verifies."""

    signer: PrivateKey
    verifiers: tuple[VerificationKey, ...]

    @classmethod
    def from_pem(cls, signer: bytes, *others: bytes) -> "KeyRing":
        """From a PEM private key and further PEM keys (private or public); raises ValueError."""
        private = serialization.load_pem_private_key(signer, password=None)
        if not isinstance(private, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise ValueError("a ServiceAccount signing key must be an RSA or ECDSA key")
        return cls(private, tuple(_verification_key(key) for key in (private.public_key(), *map(_public, others))))

    def named(self, key_id: str) -> Sequence[VerificationKey]:
        """The keys of a token's `kid`; all of them where it has none."""
        return [key for key in self.verifiers if key.id == key_id or not key_id]

    def sign(self, claims: dict[str, Any]) -> str:
        """A JSON Web Token with these claims, by the first key."""
        key = self.verifiers[0]
        return jwt.encode(claims, self.signer, algorithm=key.algorithm, headers={"kid": key.id})

    def jwks(self) -> dict[str, Any]:
        """The JSON Web Key Set that /openid/v1/jwks publishes."""
        return {"keys": [_jwk(key) for key in self.verifiers]}


def _public(pem: bytes) -> PublicKey:
    if b"PRIVATE KEY" in pem:
        key: Any = serialization.load_pem_private_key(pem, password=None).public_key()
    else:
        key = serialization.load_pem_public_key(pem)
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise ValueError("a ServiceAccount verification key must be an RSA or ECDSA key")
    return key


def _verification_key(key: PublicKey) -> VerificationKey:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    key_id = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    algorithm = "RS256" if isinstance(key, rsa.RSAPublicKey) else _CURVES[key.curve.name]
    return VerificationKey(key_id, algorithm, key)


def _jwk(key: VerificationKey) -> dict[str, Any]:
    encoder = RSAAlgorithm if isinstance(key.public, rsa.RSAPublicKey) else ECAlgorithm
    numbers = json.loads(encoder.to_jwk(key.public))  # type: ignore[arg-type]
    wanted = {name: value for name, value in numbers.items() if name not in ("key_ops", "use")}
    return {"use": "sig", "kid": key.id, "alg": key.algorithm} | wanted
