"""Throw-away certificates for tests: one CA, a server and clients by name and groups."""

from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

_UID = ObjectIdentifier("1.3.6.1.4.1.57683.2")  # of a user, in a subject


class Pair(NamedTuple):
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes


def new_key() -> ec.EllipticCurvePrivateKey:
    """A P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Authority:
    """A CA that signs leaf certificates."""

    def __init__(self, name: str = "test-ca") -> None:
        self._key = new_key()
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key.public_key(), timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self.key = key_pem(self._key)

    def issue(
        self,
        name: str,
        groups: tuple[str, ...] = (),
        *,
        server: bool = False,
        hosts: tuple[str, ...] = (),  # besides this machine
        lifetime: timedelta = timedelta(hours=1),
        begin: timedelta = timedelta(hours=-1),
        uids: tuple[str, ...] = (),
    ) -> Pair:
        """A client (or server) certificate."""
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject += [x509.NameAttribute(_UID, uid) for uid in uids]
        subject += [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
        key = new_key()
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        names += map(x509.DNSName, hosts)
        certificate = (
            _builder(x509.Name(subject), self._name, key.public_key(), lifetime, begin)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), key_pem(key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    lifetime: timedelta,
    begin: timedelta = timedelta(hours=-1),
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin)
        .not_valid_after(now + lifetime)
    )


@cache
def authority() -> Authority:
    """One for the whole run: keys are slow to make."""
    return Authority()


@cache
def signing_key() -> bytes:
    """A ServiceAccount signing key."""
    return key_pem(new_key())
