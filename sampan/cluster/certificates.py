"""The cluster's own certificate authority and what it signs.

ECDSA P-256 throughout: a whole set takes a few milliseconds. Written once to <state>/pki, renewed for a changed set of
addresses. The layout of names and organisations is that of kubeadm's "PKI certificates and requirements".
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEAR = timedelta(days=365)


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
    def create(cls, common_name: str) -> "Authority":
        """A new self-signed CA, valid for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(common_name, ())
        builder = (
            _builder(name, name, key.public_key(), 10 * YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        certificate = builder.sign(key, hashes.SHA256())
        return cls(Pair(certificate.public_bytes(serialization.Encoding.PEM), private_pem(key)))

    def issue(
        self, common_name: str, *, organizations: Sequence[str] = (), hosts: Sequence[str] = (), years: int = 1
    ) -> Pair:
        """A client certificate, which is a server certificate too where hosts (names or addresses) are given."""
        ca = x509.load_pem_x509_certificate(self.pair.certificate)
        ca_key = serialization.load_pem_private_key(self.pair.key, None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])
        builder = (
            _builder(_name(common_name, organizations), ca.subject, key.public_key(), years * YEAR)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_san(h) for h in hosts]), critical=False)
        certificate = builder.sign(ca_key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), private_pem(key))


def ensure_pki(directory: Path, *, server_hosts: Sequence[str], node_name: str, node_hosts: Sequence[str]) -> None:
    """Make what is missing below `directory`, and whatever serves other hosts than asked for. Idempotent."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _authority(directory, "ca", "kubernetes")
    for file, common_name, organizations, hosts in (
        ("apiserver", "kube-apiserver", (), server_hosts),
        ("kubelet", f"system:node:{node_name}", ("system:nodes",), node_hosts),
        ("apiserver-kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",), ()),
        ("admin", "kubernetes-admin", ("system:masters",), ()),
    ):
        if not _serves(directory / f"{file}.crt", hosts):
            authority.issue(common_name, organizations=organizations, hosts=hosts).write(directory, file)
    if not _serves(directory / "front-proxy-client.crt", ()):
        proxies = _authority(directory, "front-proxy-ca", "front-proxy-ca")
        proxies.issue("front-proxy-client").write(directory, "front-proxy-client")
    if not (directory / "sa.key").exists():
        write_private(directory / "sa.key", private_pem(ec.generate_private_key(ec.SECP256R1())))


def _authority(directory: Path, file: str, common_name: str) -> Authority:
    certificate, key = directory / f"{file}.crt", directory / f"{file}.key"
    if not certificate.exists():
        Authority.create(common_name).pair.write(directory, file)
    return Authority(Pair(certificate.read_bytes(), key.read_bytes()))


def _serves(path: Path, hosts: Sequence[str]) -> bool:
    """Whether a certificate exists, names all the hosts and is good for another month."""
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    if certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(days=30):
        return False
    if not hosts:
        return True
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {_san(host) for host in hosts} <= set(names)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as unencrypted PEM (SEC 1)."""
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


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
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
