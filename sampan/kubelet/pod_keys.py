"""Private keys of pods, and the proof that the kubelet has them. Slow for RSA: run in a thread.

Called by pod_certificates.py. Types: core/v1 PodCertificateProjection.keyType.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_MAKERS: Mapping[str, Callable[[], _Key]] = {
    "RSA3072": lambda: rsa.generate_private_key(65537, 3072),
    "RSA4096": lambda: rsa.generate_private_key(65537, 4096),
    "ECDSAP256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ECDSAP384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ECDSAP521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ED25519": ed25519.Ed25519PrivateKey.generate,
}


class Proven(NamedTuple):
    """A key as PEM, and a request that says nothing but that it is ours, DER."""

    key: bytes
    stub: bytes


def make(key_type: str) -> Proven:
    """A new key; raises KeyError for a type that is none."""
    key = _MAKERS[key_type]()
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    stub = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, digest)
    return Proven(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), stub.public_bytes(Encoding.DER))
