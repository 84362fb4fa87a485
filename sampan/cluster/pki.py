"""Which certificates a cluster has, in <state>/pki: made when they are missing, judged at each start, renewed in time.

The layout of names and organisations is that of kubeadm's "PKI certificates and requirements". What is damaged is made
anew where nobody can tell the difference: all that an authority has signed, and an authority's own certificate, for
clients trust its key. An authority's lost key is another matter, and for people to decide: PKIError says how.

Called by components.py at a start and by renewal.py while the server runs; certificates.py makes what is wanted here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sampan.cluster.certificates import YEAR, Authority, Pair, PrivateKey, general_name, private_pem, write_private

RENEW_BEFORE = timedelta(days=30)
RENEW_AUTHORITY_BEFORE = 2 * YEAR  # nothing that it signs outlives it, and all have time to learn its new certificate


class PKIError(Exception):
    """Key material that can't be made anew without anybody's notice; the message names file, cause and command."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that the cluster needs, and of whom."""

    file: str  # without suffix
    common_name: str
    organizations: Sequence[str] = ()
    hosts: Sequence[str] = ()
    authority: str = "ca"


AUTHORITIES = {"ca": "kubernetes", "front-proxy-ca": "front-proxy-ca"}  # file -> common name


@dataclass(frozen=True, slots=True, kw_only=True)
class PKI:
    """The key material below a directory."""

    directory: Path
    server_hosts: Sequence[str]
    node_name: str
    node_hosts: Sequence[str]
    further: Sequence[Wanted] = ()  # of further nodes
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def ensure(self) -> frozenset[str]:
        """Make what is missing, unfit or near its end; returns the names of the pairs that are new. Idempotent. Raises
        PKIError, OSError."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = set()
        for name, common_name in AUTHORITIES.items():
            authority, is_new = self._authority(name, common_name)
            if is_new:
                new.add(name)
            for wanted in self._wanted():
                if wanted.authority == name and not self._is_good(wanted, authority):
                    hosts, organizations = wanted.hosts, wanted.organizations
                    pair = authority.issue(wanted.common_name, self.now(), organizations=organizations, hosts=hosts)
                    pair.write(self.directory, wanted.file)
                    new.add(wanted.file)
        self._ensure_token_key()
        return frozenset(new)

    def read(self, name: str) -> bytes:
        """A file's contents."""
        return (self.directory / name).read_bytes()

    def pair(self, name: str) -> Pair:
        """A certificate with its key."""
        return Pair(self.read(f"{name}.crt"), self.read(f"{name}.key"))

    def next_renewal(self) -> datetime:
        """When a certificate comes so near to its end that `ensure` makes another."""
        ends = [self._certificate(wanted.file) for wanted in self._wanted()]
        authorities = [self._certificate(name) for name in AUTHORITIES]
        return min(
            *(found.not_valid_after_utc - RENEW_BEFORE for found in ends if found),
            *(found.not_valid_after_utc - RENEW_AUTHORITY_BEFORE for found in authorities if found and _is_own(found)),
        )

    def _wanted(self) -> Iterator[Wanted]:
        yield Wanted("apiserver", "kube-apiserver", hosts=self.server_hosts)
        yield Wanted("kubelet", f"system:node:{self.node_name}", ("system:nodes",), self.node_hosts)
        yield Wanted("apiserver-kubelet-client", "kube-apiserver-kubelet-client", ("system:masters",))
        yield Wanted("admin", "kubernetes-admin", ("system:masters",))
        yield Wanted("front-proxy-client", "front-proxy-client", authority="front-proxy-ca")
        yield from self.further

    def _authority(self, name: str, common_name: str) -> tuple[Authority, bool]:
        """The authority, and whether its certificate is new."""
        key, certificate = self._authority_key(name), self._certificate(name)
        if key is None:
            authority = Authority.create(common_name, self.now())
            authority.pair.write(self.directory, name)
            return authority, True
        if certificate is not None and _public(certificate.public_key()) != _public(key.public_key()):
            raise self._lost(name, f"{self.directory}/{name}.crt does not belong to {name}.key")
        if certificate is not None and not self._is_ending(certificate, RENEW_AUTHORITY_BEFORE):
            return Authority(self.pair(name)), False
        if certificate is not None and not _is_own(certificate):  # somebody else's to renew
            if certificate.not_valid_after_utc <= self.now():
                raise self._lost(name, f"{self.directory}/{name}.crt ended at {certificate.not_valid_after_utc}")
            return Authority(self.pair(name)), False
        subject = certificate.subject if certificate else Authority.subject(common_name)
        authority = Authority.renew(key, subject, self.now())
        authority.pair.write(self.directory, name)
        return authority, True

    def _authority_key(self, name: str) -> PrivateKey | None:
        """None where there has never been one."""
        path = self.directory / f"{name}.key"
        try:
            found = _contents(path)
        except IsADirectoryError:
            raise self._lost(name, f"{path} is a directory") from None
        if found is None:
            if (path.with_suffix(".crt")).exists():
                raise self._lost(name, f"{path} is missing")
            return None
        key = _key(found)
        if key is None:
            raise self._lost(name, f"{path} holds no private key in PEM")
        return key

    def _lost(self, name: str, cause: str) -> PKIError:
        files = f"{self.directory}/{name}.crt {self.directory}/{name}.key"
        return PKIError(
            f"{cause}. Put back a copy of it or, to have a new authority made, which all who have a kubeconfig must be "
            f"told of:\n    rm -rf {files}"
        )

    def _certificate(self, name: str) -> x509.Certificate | None:
        """None where the file is missing or holds something else."""
        found = _contents(self.directory / f"{name}.crt")
        try:
            return x509.load_pem_x509_certificate(found) if found else None
        except ValueError:
            return None

    def _is_good(self, wanted: Wanted, authority: Authority) -> bool:
        """Whether a certificate has its key, is by this authority, names all the hosts and lasts for another month."""
        certificate, key = self._certificate(wanted.file), _key(_contents(self.directory / f"{wanted.file}.key") or b"")
        if certificate is None or key is None or self._is_ending(certificate, RENEW_BEFORE):
            return False
        if _public(certificate.public_key()) != _public(key.public_key()):
            return False
        return _is_by(certificate, authority) and {general_name(host) for host in wanted.hosts} <= _names(certificate)

    def _is_ending(self, certificate: x509.Certificate, before: timedelta) -> bool:
        """Or has not begun: it was made when the clock was wrong."""
        now = self.now()
        return certificate.not_valid_after_utc - before < now or certificate.not_valid_before_utc > now

    def _ensure_token_key(self) -> None:
        path = self.directory / "sa.key"
        found = _contents(path)
        if found is None:
            write_private(path, private_pem(ec.generate_private_key(ec.SECP256R1())))
        elif _key(found) is None:
            raise PKIError(
                f"{path} holds no private key in PEM. Put back a copy of it or, to have a new one made, with which the "
                f"tokens that ServiceAccounts have now are good no more:\n    rm {path}"
            )


def _contents(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _key(pem: bytes) -> PrivateKey | None:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        return None
    return key if isinstance(key, PrivateKey) else None


def _public(key: object) -> bytes:
    """A public key as bytes that can be compared."""
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, info))  # type: ignore[attr-defined]


def _is_own(certificate: x509.Certificate) -> bool:
    """Whether an authority signed itself, as ours do, and those that somebody put there may not."""
    return certificate.issuer == certificate.subject


def _is_by(certificate: x509.Certificate, authority: Authority) -> bool:
    issuer = x509.load_pem_x509_certificate(authority.pair.certificate)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> set[x509.GeneralName]:
    try:
        return set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return set()
