"""Certificate requests (PKCS#10, RFC 2986): what one asks for, and whether who asks has the key.

Reading and verifying is cryptography's work; here its many exceptions become one, and its views the plain values that
signers, approvers and validation compare. Texts: k8s.io/kubernetes/pkg/apis/certificates (ParseCSR), crypto/x509.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import MD5
from cryptography.x509.oid import NameOID

from sampan.kinds.certificates.pem import blocks

REQUEST_BLOCK = "CERTIFICATE REQUEST"
_UNKNOWN = "x509: cannot verify signature: algorithm unimplemented"
_UNREADABLE = (
    *(ValueError, TypeError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request that could be read. Names in the order in which they stand there."""

    parsed: x509.CertificateSigningRequest
    common_name: str  # the last one, as Go has it
    organizations: tuple[str, ...]
    names: tuple[x509.GeneralName, ...] = field(default=())  # all subjectAltNames

    @property
    def dns_names(self) -> list[str]:
        """The names of hosts."""
        return [name.value for name in self.names if isinstance(name, x509.DNSName)]

    @property
    def addresses(self) -> list[Any]:
        """The IP addresses."""
        return [name.value for name in self.names if isinstance(name, x509.IPAddress)]

    @property
    def emails(self) -> list[str]:
        """The mail addresses."""
        return [name.value for name in self.names if isinstance(name, x509.RFC822Name)]

    @property
    def uris(self) -> list[str]:
        """The URIs."""
        return [name.value for name in self.names if isinstance(name, x509.UniformResourceIdentifier)]

    @property
    def public_key(self) -> Any:
        """The key to be certified; None where it is of a kind that nobody here knows."""
        try:
            return self.parsed.public_key()
        except UnsupportedAlgorithm:
            return None


def parse_pem(text: bytes) -> CertificateRequest:
    """The request in the first block of a PEM text; raises ValueError."""
    block = next(blocks(text), None)
    if block is None or block.type != REQUEST_BLOCK:
        raise ValueError(f"PEM block type must be {REQUEST_BLOCK}")
    return parse_der(block.data)


def parse_der(data: bytes) -> CertificateRequest:
    """The request in DER; raises ValueError."""
    try:
        parsed = x509.load_der_x509_csr(data)
        common = _values(parsed.subject, NameOID.COMMON_NAME)
        request = CertificateRequest(
            parsed,
            common[-1] if common else "",
            tuple(_values(parsed.subject, NameOID.ORGANIZATION_NAME)),
            tuple(_alternatives(parsed)),
        )
        request.public_key  # noqa: B018 - a known kind of key that is broken is an error of the request
    except _UNREADABLE as error:
        raise ValueError(f"x509: malformed certificate request: {error}") from None
    return request


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]


def _alternatives(parsed: x509.CertificateSigningRequest) -> Iterator[x509.GeneralName]:
    try:
        found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in found:
        if isinstance(name, x509.IPAddress) and not isinstance(name.value, IPv4Address | IPv6Address):
            raise ValueError("an IP address of a wrong length")
        yield name


def signature_error(request: CertificateRequest) -> str:
    """What is wrong with the signature by which a request proves that its sender has the key; "" if nothing is."""
    key = request.public_key
    try:
        if isinstance(request.parsed.signature_hash_algorithm, MD5):
            return "x509: cannot verify signature: insecure algorithm MD5-RSA"
        if request.parsed.is_signature_valid:
            return ""
    except _UNREADABLE:
        return _UNKNOWN
    for type_, text in _FAILURES:
        if isinstance(key, type_):
            return text
    return _UNKNOWN


_FAILURES: tuple[tuple[type, str], ...] = (
    (rsa.RSAPublicKey, "crypto/rsa: verification error"),
    (ec.EllipticCurvePublicKey, "x509: ECDSA verification failure"),
    (ed25519.Ed25519PublicKey, "x509: Ed25519 verification failure"),
)
