"""Whether a certificate that a client has offered was issued by an authority that is trusted, and until when.

For what the handshake has taken unseen (tls.asking_context). The rules and the words are those of Go's crypto/x509,
which decide elsewhere who is let in: extended key usage is nested, a certificate without any serves all purposes, and
one of version 1 may be a leaf or a root. Not here: names in SubjectAltName of authorities that are constrained; such
an authority is not trusted for a leaf that has any. Called by apiserver/authentication/x509.py.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

MAX_CHECKS = 16  # of signatures, of all chains that might be: some keys take a millisecond each
_KNOWN = frozenset(
    {
        ExtensionOID.KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
_UNKNOWN_AUTHORITY = "x509: certificate signed by unknown authority"
_INCOMPATIBLE = "x509: certificate specifies an incompatible key usage"
_NOT_FOR_THIS_NAME = "x509: a root or intermediate certificate is not authorized to sign for this name"

E = TypeVar("E", bound=x509.ExtensionType)


class InvalidChain(Exception):
    """Nobody who is trusted vouches for a certificate, or not now; the text says why."""


class Lifetime(NamedTuple):
    """When every certificate of a chain is valid."""

    begin: datetime
    end: datetime


class Authorities:
    """The authorities that are trusted; `pem` may be empty: nobody is."""

    def __init__(self, pem: bytes = b"") -> None:
        self.roots = x509.load_pem_x509_certificates(pem) if pem.strip() else []

    def verify(self, leaf: x509.Certificate, others: Sequence[x509.Certificate], now: datetime) -> Lifetime:
        """How long a client may use its certificate; `others` came along with it. Raises InvalidChain."""
        search = _Search(self.roots, others, now)
        search.check(leaf, [])
        chains = [[leaf]] if leaf in self.roots else list(search.chains([leaf]))
        if not chains:
            raise InvalidChain(search.complaint())
        free = [chain for chain in chains if not _is_constrained(chain)]
        for chain in free:
            if all(map(_serves_clients, chain)):
                begin = max(certificate.not_valid_before_utc for certificate in chain)
                return Lifetime(begin, min(certificate.not_valid_after_utc for certificate in chain))
        raise InvalidChain(_INCOMPATIBLE if free else _NOT_FOR_THIS_NAME)


class _Search:
    """Building chains, with a bound on the work and the first thing that was wrong with a candidate."""

    def __init__(self, roots: Sequence[x509.Certificate], others: Sequence[x509.Certificate], now: datetime) -> None:
        self._roots, self._others, self._now = roots, others[:MAX_CHECKS], now
        self._checks = 0
        self._hint = ""

    def chains(self, chain: list[x509.Certificate]) -> Iterator[list[x509.Certificate]]:
        """All chains from the last certificate to a root."""
        for root in self._roots:
            if self._fits(root, chain, is_root=True):
                yield [*chain, root]
        for other in self._others:
            if other not in chain and self._fits(other, chain, is_root=False):
                yield from self.chains([*chain, other])

    def complaint(self) -> str:
        """Why there is none."""
        return _UNKNOWN_AUTHORITY + self._hint

    def check(self, certificate: x509.Certificate, below: Sequence[x509.Certificate], is_root: bool = False) -> None:
        """Whether a certificate is good by itself, above those `below`; raises InvalidChain."""
        _check_extensions(certificate)
        _check_time(certificate, self._now)
        if not below:
            return
        basic = _find(certificate, x509.BasicConstraints)
        if not (is_root or (basic and basic.ca)):
            raise InvalidChain("x509: certificate is not authorized to sign other certificates")
        if basic and basic.path_length is not None and len(below) - 1 > basic.path_length:
            raise InvalidChain("x509: too many intermediates for path length constraint")

    def _fits(self, parent: x509.Certificate, chain: Sequence[x509.Certificate], *, is_root: bool) -> bool:
        if chain[-1].issuer != parent.subject:
            return False
        self._checks += 1
        if self._checks > MAX_CHECKS:
            raise InvalidChain("x509: signature check attempts limit reached while verifying certificate chain")
        try:
            _check_signature(chain[-1], parent)
            self.check(parent, chain, is_root)
        except InvalidChain as error:
            name = parent.subject.rfc4514_string()
            possibly = (
                f' (possibly because of "{error}" while trying to verify candidate authority certificate "{name}")'
            )
            self._hint = self._hint or possibly
            return False
        return True


def _check_signature(child: x509.Certificate, parent: x509.Certificate) -> None:
    basic, usage = _find(parent, x509.BasicConstraints), _find(parent, x509.KeyUsage)
    may_sign = basic.ca if basic else parent.version is x509.Version.v1
    if not may_sign or (usage and not usage.key_cert_sign):
        raise InvalidChain("x509: invalid signature: parent certificate cannot sign this kind of certificate")
    try:
        if isinstance(child.signature_hash_algorithm, (hashes.SHA1, hashes.MD5)):
            raise InvalidChain(
                f"x509: cannot verify signature: insecure algorithm {child.signature_algorithm_oid._name}"
            )
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):  # another kind of key, or another key
        raise InvalidChain("x509: certificate signature does not verify") from None


def _check_time(certificate: x509.Certificate, now: datetime) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begin <= now <= end:
        return
    side, limit = ("before", begin) if now < begin else ("after", end)
    said = f"current time {_rfc3339(now)} is {side} {_rfc3339(limit)}"
    raise InvalidChain(f"x509: certificate has expired or is not yet valid: {said}")


def _check_extensions(certificate: x509.Certificate) -> None:
    if any(extension.critical and extension.oid not in _KNOWN for extension in _extensions(certificate)):
        raise InvalidChain("x509: unhandled critical extension")


def _serves_clients(certificate: x509.Certificate) -> bool:
    usage = _find(certificate, x509.ExtendedKeyUsage)
    allowed = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return usage is None or any(purpose in usage for purpose in allowed)


def _is_constrained(chain: Sequence[x509.Certificate]) -> bool:
    return _find(chain[0], x509.SubjectAlternativeName) is not None and any(
        _find(parent, x509.NameConstraints) is not None for parent in chain[1:]
    )


def _find(certificate: x509.Certificate, kind: Callable[..., E]) -> E | None:
    found = (extension.value for extension in _extensions(certificate) if isinstance(extension.value, kind))  # type: ignore[arg-type]
    return next(found, None)


def _extensions(certificate: x509.Certificate) -> x509.Extensions:
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise InvalidChain(f"x509: malformed certificate: {error}") from None


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
