"""Client certificates: common name is the user, organizations are its groups.

The transport has already verified the chain and read the certificate's dates at the handshake; here they are checked
once more per request, because connections outlive certificates. It trusts the CA of front proxies as well as that of
clients, so where there is one, who has signed is asked here: a front proxy's certificate makes no user.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sampan.apiserver.authentication.request_header import NO_FRONT_PROXIES, FrontProxies
from sampan.apiserver.authentication.user import User, authenticated

_CACHED = 4096  # certificates of the most recent clients


class Identity(NamedTuple):
    """What a certificate is good for."""

    user: User | None  # None: the certificate names nobody
    front_proxy: bool  # whether headers may name somebody
    not_before: datetime
    not_after: datetime


class CertificateAuthenticator:
    """Remembers what it has parsed, by the certificate's bytes. `client_ca` matters where there are front proxies."""

    def __init__(self, client_ca: bytes = b"", front_proxies: FrontProxies = NO_FRONT_PROXIES) -> None:
        self._known: OrderedDict[bytes, Identity] = OrderedDict()
        self._front_proxies = front_proxies
        self._proxy_issuers = x509.load_pem_x509_certificates(front_proxies.ca) if front_proxies.ca else []
        self._issuers = x509.load_pem_x509_certificates(client_ca) if front_proxies.ca and client_ca else []

    def identify(self, der: bytes, now: datetime) -> Identity | None:
        """What a verified certificate is good for; None when it is out of date."""
        identity = self._known.get(der)
        if identity is None:
            identity = self._known[der] = self._identify(der)
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
        return identity if identity.not_before <= now <= identity.not_after else None

    def _identify(self, der: bytes) -> Identity:
        identity, certificate = _identify(der), x509.load_der_x509_certificate(der)
        if not self._proxy_issuers:
            return identity
        name = identity.user.name if identity.user else ""
        proxy = _issued(certificate, self._proxy_issuers) and self._front_proxies.allows(name)
        user = identity.user if _issued(certificate, self._issuers) else None
        return identity._replace(user=user, front_proxy=bool(proxy and name))


def _issued(certificate: x509.Certificate, issuers: Sequence[x509.Certificate]) -> bool:
    return any(_signed(certificate, issuer) for issuer in issuers)


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):  # another name, another kind of key, another key
        return False
    return True


def _identify(der: bytes) -> Identity:
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    groups = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    user = None
    if names and _for_clients(certificate):
        fingerprint = certificate.fingerprint(SHA256()).hex()
        extra = {"authentication.kubernetes.io/credential-id": (f"X509SHA256={fingerprint}",)}
        user = authenticated(str(names[0].value), tuple(str(group.value) for group in groups), extra=extra)
    return Identity(user, False, certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def _for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage
