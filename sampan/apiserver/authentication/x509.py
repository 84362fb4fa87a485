"""Client certificates: common name is the user, organizations are its groups.

The transport has already verified the chain against the client CA and read the certificate's dates at the handshake;
here they are checked once more per request, because connections outlive certificates.
"""

from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sampan.apiserver.authentication.user import User, authenticated

_CACHED = 4096  # certificates of the most recent clients


class _Identity(NamedTuple):
    user: User | None  # None: the certificate names nobody
    not_before: datetime
    not_after: datetime


class CertificateAuthenticator:
    """Remembers what it has parsed, by the certificate's bytes."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, _Identity] = OrderedDict()

    def authenticate(self, der: bytes, now: datetime) -> User | None:
        """The user that a verified certificate names; None when it is out of date or not for clients."""
        identity = self._known.get(der)
        if identity is None:
            identity = self._known[der] = _identify(der)
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
        return identity.user if identity.not_before <= now <= identity.not_after else None


def _identify(der: bytes) -> _Identity:
    certificate = x509.load_der_x509_certificate(der)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    groups = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    user = None
    if names and _for_clients(certificate):
        fingerprint = certificate.fingerprint(SHA256()).hex()
        extra = {"authentication.kubernetes.io/credential-id": (f"X509SHA256={fingerprint}",)}
        user = authenticated(str(names[0].value), tuple(str(group.value) for group in groups), extra=extra)
    return _Identity(user, certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def _for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage
