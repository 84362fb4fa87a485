"""Client certificates: common name is the user, organizations are its groups.

The transport takes any certificate; whether an authority that is trusted has signed it, and when it is valid, is
decided here, per request, because connections outlive certificates. Two authorities count: that of clients, and that of
front proxies, whose certificates make no user but let headers name one. Rules:
k8s.io/apiserver/pkg/authentication/request/x509.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate
from cryptography.x509.oid import NameOID, ObjectIdentifier

from sampan.apiserver.authentication.request_header import NO_FRONT_PROXIES, FrontProxies
from sampan.apiserver.authentication.user import CREDENTIAL_ID, User, authenticated
from sampan.transport.chains import Authorities, InvalidChain, Lifetime

_CACHED = 4096  # chains of the most recent clients
_CACHED_REFUSED = 64
_LONGEST = 16384  # bytes of a chain that is remembered
_REFUSED = timedelta(seconds=10)  # for which a chain that is no good is not looked at again
_UID = ObjectIdentifier("1.3.6.1.4.1.57683.2")  # of a subject (KEP-4828)

Chain = tuple[bytes, ...]  # DER, the client's own certificate first


class Identity(NamedTuple):
    """What a certificate is good for."""

    lifetime: Lifetime  # while this holds
    user: User | None = None  # None: it names nobody
    is_front_proxy: bool = False  # whether headers may name somebody
    errors: tuple[str, ...] = ()  # why it is not good for one or the other
    end: datetime | None = None  # of the certificate; None where clients' are not asked for

    def within(self, lifetime: Lifetime) -> Lifetime:
        """While both hold, what is known already and what is found now."""
        if not self.is_front_proxy:
            return lifetime
        return Lifetime(max(self.lifetime.begin, lifetime.begin), min(self.lifetime.end, lifetime.end))

    def refused(self, why: str) -> "Identity":
        """The same, with one more reason why not."""
        return self._replace(errors=(*self.errors, why))


class CertificateAuthenticator:
    """Remembers what it has found out, by the bytes of the chain."""

    def __init__(self, client_ca: bytes = b"", front_proxies: FrontProxies = NO_FRONT_PROXIES) -> None:
        self._known: OrderedDict[Chain, Identity] = OrderedDict()
        self._refused: OrderedDict[Chain, Identity] = OrderedDict()
        self.trust(client_ca, front_proxies)

    def trust(self, client_ca: bytes, front_proxies: FrontProxies) -> None:
        """Believe these authorities, and no others, from now on."""
        self._clients = Authorities(client_ca)
        self._proxies = Authorities(front_proxies.ca)
        self._front_proxies = front_proxies
        self._known.clear()
        self._refused.clear()

    def identify(self, chain: Chain, now: datetime) -> Identity:
        """What a client's chain is good for at this moment."""
        identity = self._known.get(chain) or self._refused.get(chain)
        if identity is None or not identity.lifetime.begin <= now <= identity.lifetime.end:
            identity = self._identify(chain, now)
            self._remember(chain, identity)
        return identity

    def _remember(self, chain: Chain, identity: Identity) -> None:
        good = identity.user is not None or identity.is_front_proxy
        known, most = (self._known, _CACHED) if good else (self._refused, _CACHED_REFUSED)
        if sum(map(len, chain)) <= _LONGEST:
            known[chain] = identity
        if len(known) > most:
            known.popitem(last=False)

    def _identify(self, chain: Chain, now: datetime) -> Identity:
        """Both authorities are asked: one may sign for clients and for front proxies."""
        known = Identity(Lifetime(now, now + _REFUSED))
        try:
            leaf, *others = map(x509.load_der_x509_certificate, chain)
            asked = (self._as_proxy, self._proxies), (self._as_client, self._clients)
            for ask, authorities in asked:
                if authorities.roots:
                    known = ask(known, leaf, others, now)
        except ValueError as error:
            return known._replace(errors=(f"x509: malformed certificate: {error}",))
        return known

    def _as_proxy(self, known: Identity, leaf: Certificate, others: Sequence[Certificate], now: datetime) -> Identity:
        name = _last(leaf.subject, NameOID.COMMON_NAME)
        try:
            lifetime = self._proxies.verify(leaf, others, now)
        except InvalidChain as error:
            return known.refused(str(error))
        if not self._front_proxies.allows(name):
            return known.refused(f"x509: subject with cn={name} is not in the allowed list")
        return known._replace(lifetime=lifetime, is_front_proxy=True)

    def _as_client(self, known: Identity, leaf: Certificate, others: Sequence[Certificate], now: datetime) -> Identity:
        known = known._replace(end=leaf.not_valid_after_utc)
        try:
            lifetime = self._clients.verify(leaf, others, now)
        except InvalidChain as error:
            return known.refused(f"verifying certificate {_identifier(leaf)} failed: {error}")
        try:
            return known._replace(lifetime=known.within(lifetime), user=_user(leaf))
        except ValueError as error:
            return known.refused(str(error))


def _user(certificate: Certificate) -> User | None:
    """Whom a certificate names; raises ValueError."""
    name = _last(certificate.subject, NameOID.COMMON_NAME)
    if not name:
        return None
    groups = tuple(_values(certificate.subject, NameOID.ORGANIZATION_NAME))
    fingerprint = certificate.fingerprint(SHA256()).hex()
    return authenticated(name, groups, _uid(certificate.subject), {CREDENTIAL_ID: (f"X509SHA256={fingerprint}",)})


def _uid(subject: x509.Name) -> str:
    uids = _values(subject, _UID)
    if len(uids) > 1:
        raise ValueError(f"expected 1 UID, but found multiple: [{' '.join(uids)}]")
    if uids == [""]:
        raise ValueError("UID cannot be an empty string")
    return uids[0] if uids else ""


def _values(subject: x509.Name, kind: ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in subject.get_attributes_for_oid(kind)]


def _last(subject: x509.Name, kind: ObjectIdentifier) -> str:
    """Of several common names the last counts, as it does to Go."""
    return (_values(subject, kind) or [""])[-1]


def _identifier(certificate: Certificate) -> str:
    """How the log names a certificate."""
    subject, authority = b"", b""
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectKeyIdentifier):
            subject = extension.value.digest
        elif isinstance(extension.value, x509.AuthorityKeyIdentifier):
            authority = extension.value.key_identifier or b""
    return f"SN={certificate.serial_number}, SKID={_hex(subject)}, AKID={_hex(authority)}"


def _hex(value: bytes) -> str:
    return value.hex(":").upper()
