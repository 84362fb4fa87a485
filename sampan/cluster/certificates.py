"""Making certificates: an authority, and what it signs. Which ones a cluster has, and when they are made, is pki.py's.

ECDSA P-256 throughout: a whole set takes a few milliseconds.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEAR = timedelta(days=365)
AUTHORITY_LIFETIME = 10 * YEAR
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey  # those that others make may be of RSA
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, directory: Path, name: str) -> None:
        """Write <name>.crt and <name>.key; the key is readable by its owner only."""
        write_private(directory / f"{name}.key", self.key)
        write_private(directory / f"{name}.crt", self.certificate, mode=0o644)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that can sign."""

    pair: Pair

    @classmethod
    def create(cls, common_name: str, now: datetime) -> "Authority":
        """A new self-signed CA, valid for ten years."""
        return cls.renew(ec.generate_private_key(ec.SECP256R1()), cls.subject(common_name), now)

    @staticmethod
    def subject(common_name: str) -> x509.Name:
        """What a CA of this name calls itself."""
        return _name(common_name, ())

    @classmethod
    def renew(cls, key: PrivateKey, name: x509.Name, now: datetime) -> "Authority":
        """The CA of a key, valid for ten years from now. Whoever has an older certificate of it verifies what this one
        signs, and the other way round: they have the key and the name in common (RFC 5280, 6.1)."""
        builder = (
            _builder(name, name, key.public_key(), now, AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        certificate = builder.sign(key, hashes.SHA256())
        return cls(Pair(certificate.public_bytes(serialization.Encoding.PEM), private_pem(key)))

    def issue(
        self, common_name: str, now: datetime, *, organizations: Sequence[str] = (), hosts: Sequence[str] = ()
    ) -> Pair:
        """For a year, a client certificate; a server certificate too where hosts (names or addresses) are given."""
        ca = x509.load_pem_x509_certificate(self.pair.certificate)
        ca_key = serialization.load_pem_private_key(self.pair.key, None)
        assert isinstance(ca_key, PrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])
        builder = (
            _builder(_name(common_name, organizations), ca.subject, key.public_key(), now, YEAR)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([general_name(h) for h in hosts]), critical=False
            )
        certificate = builder.sign(ca_key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), private_pem(key))


def private_pem(key: PrivateKey) -> bytes:
    """A private key as unencrypted PEM (SEC 1 or PKCS #1)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that nobody else could read at any moment, and that is whole or absent after a crash."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)


def _name(common_name: str, organizations: Sequence[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization) for organization in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def general_name(host: str) -> x509.GeneralName:
    """A subject's alternative name: an address where it is one, else a name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # other machines' clocks may be behind
        .not_valid_after(now + lifetime)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
