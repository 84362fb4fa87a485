"""Keys, requests and certificates for tests."""

import base64
import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

KEY = ec.derive_private_key(7, ec.SECP256R1())  # quick, and the same in every run


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, made once."""
    return rsa.generate_private_key(65537, bits)


def request(
    common_name: str = "joe",
    organizations: Sequence[str] = (),
    names: Sequence[x509.GeneralName] = (),
    key: Any = KEY,
) -> bytes:
    """A request as PEM."""
    return signed(common_name, organizations, names, key).public_bytes(Encoding.PEM)


def signed(
    common_name: str = "", organizations: Sequence[str] = (), names: Sequence[x509.GeneralName] = (), key: Any = KEY
) -> x509.CertificateSigningRequest:
    """A request."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in organizations]
    parts += [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def host(name: str) -> x509.GeneralName:
    """A subjectAltName of a host or address."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def certificate(
    name: str = "ca",
    *,
    ca: bool = True,
    key: Any = KEY,
    begin: datetime | None = None,
    life: timedelta = timedelta(days=365),
    names: Sequence[x509.GeneralName] = (),
) -> bytes:
    """A self-signed certificate as PEM."""
    begin = begin or datetime.now(UTC).replace(microsecond=0)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(begin + life)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def private_pem(key: Any) -> bytes:
    """A private key as PEM."""
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def text(data: bytes) -> str:
    """Bytes as a JSON object has them."""
    return base64.b64encode(data).decode()
