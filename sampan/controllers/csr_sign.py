"""Making a certificate of a request, as a signer with the cluster's authority does. Pure.

Who may have which certificate was decided before; here is what stands in it. Rules:
k8s.io/kubernetes/pkg/controller/certificates (signer, authority: PermissiveSigningPolicy).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sampan.kinds.certificates import kubelet_requests, signer_names
from sampan.kinds.certificates.pkcs10 import CertificateRequest, signature_error
from sampan.kinds.certificates.usages import KNOWN_USAGES, extended_key_usage, key_usage

_BACKDATE = timedelta(minutes=5)  # other machines' clocks may be behind
_SHORT = timedelta(hours=8)  # of a shorter life, the five minutes are not taken off
_SHORTEST = timedelta(minutes=10)
_SUBJECT = (  # what is taken over of a subject, in this order
    NameOID.COUNTRY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.STREET_ADDRESS,
    NameOID.POSTAL_CODE,
    NameOID.COMMON_NAME,
    NameOID.SERIAL_NUMBER,
)
_ONLY_ONE = (NameOID.COMMON_NAME, NameOID.SERIAL_NUMBER)
_CLIENT = "client auth"
_OF_CLIENTS = (_CLIENT, "digital signature", "key encipherment")


class SigningError(Exception):
    """No certificate can be made of a request."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs, and for how long at most."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    longest: timedelta

    @classmethod
    def load(cls, certificate: bytes, key: bytes, longest: timedelta) -> "Authority":
        """Of PEM; raises ValueError for a key that cannot sign."""
        private = serialization.load_pem_private_key(key, None)
        if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError("the key of the cluster's authority is neither ECDSA nor RSA")
        return cls(x509.load_pem_x509_certificate(certificate), private, longest)


def refusal(signer: str, request: CertificateRequest, usages: Sequence[str]) -> str:
    """Why one of Kubernetes' signers does not sign a request, or ""."""
    if signer == signer_names.KUBELET_SERVING:
        return kubelet_requests.serving_error(request, usages)
    if signer == signer_names.KUBELET_CLIENT:
        return kubelet_requests.client_error(request, usages)
    if signer == signer_names.API_SERVER_CLIENT:
        return _client_refusal(usages)
    return ""  # the legacy signer signs everything


def _client_refusal(usages: Iterable[str]) -> str:
    for usage in usages:
        if usage not in _OF_CLIENTS:
            return f"invalid usage for client certificate: {usage}"
    return "" if _CLIENT in usages else f"missing required usage for client certificate: {_CLIENT}"


def sign(
    authority: Authority, request: CertificateRequest, usages: Sequence[str], seconds: int | None, now: datetime
) -> bytes:
    """A certificate as PEM, for so many seconds if the authority agrees; raises SigningError."""
    if wrong := signature_error(request):
        raise SigningError(f"unable to verify certificate request signature: {wrong}")
    if unknown := [usage for usage in usages if usage not in KNOWN_USAGES]:
        raise SigningError(f"unrecognized usage values: {unknown}")
    begin, end = _times(authority, seconds, now.replace(microsecond=0))
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(request.parsed.subject))
        .issuer_name(authority.certificate.subject)
        .public_key(request.public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    for extension, critical in _extensions(authority, request, usages):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _times(authority: Authority, seconds: int | None, now: datetime) -> tuple[datetime, datetime]:
    """From when to when; nothing outlives its authority."""
    last = authority.certificate.not_valid_after_utc
    if now >= last:
        raise SigningError(f"refusing to sign a certificate that expired in the past: NotAfter={last}")
    life = authority.longest
    if seconds is not None:
        life = min(max(timedelta(seconds=seconds), _SHORTEST), life)
    end = now + life if life < _SHORT else now + life - _BACKDATE
    return now - _BACKDATE, min(end, last)


def _subject(asked: x509.Name) -> x509.Name:
    """The parts of a subject that upstream takes over: others may mean something to whoever reads the certificate."""
    parts = []
    for oid in _SUBJECT:
        found = asked.get_attributes_for_oid(oid)
        if found:
            kept = found[-1:] if oid in _ONLY_ONE else list(dict.fromkeys(found))
            parts.append(x509.RelativeDistinguishedName(kept))
    return x509.Name(parts)


def _extensions(
    authority: Authority, request: CertificateRequest, usages: Sequence[str]
) -> Iterable[tuple[x509.ExtensionType, bool]]:
    """What is asked for in the request itself counts only where the API has no field for it."""
    yield x509.BasicConstraints(ca=False, path_length=None), True
    yield _authority_identifier(authority), False
    if (bits := key_usage(usages)) is not None:
        yield bits, True
    if (purposes := extended_key_usage(usages)) is not None:
        yield purposes, False
    if request.names:
        yield x509.SubjectAlternativeName(_alternatives(request)), not list(request.parsed.subject)


def _authority_identifier(authority: Authority) -> x509.AuthorityKeyIdentifier:
    try:
        known = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known.value)


def _alternatives(request: CertificateRequest) -> list[x509.GeneralName]:
    kinds = (x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.UniformResourceIdentifier)
    return [name for kind in kinds for name in request.names if isinstance(name, kind)]
