"""What a certificate may be used for: the words of the API, and what they are in X.509 (RFC 5280, 4.2.1.3, 4.2.1.12).

Upstream: k8s.io/kubernetes/pkg/controller/certificates/authority. Called by validation and by the signers.
"""

from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Extended

_KEY_USAGES: Mapping[str, str] = {  # bits of the extension, as cryptography calls them
    "signing": "digital_signature",
    "digital signature": "digital_signature",
    "content commitment": "content_commitment",
    "key encipherment": "key_encipherment",
    "key agreement": "key_agreement",
    "data encipherment": "data_encipherment",
    "cert sign": "key_cert_sign",
    "crl sign": "crl_sign",
    "encipher only": "encipher_only",
    "decipher only": "decipher_only",
}
_EXTENDED_USAGES: Mapping[str, x509.ObjectIdentifier] = {  # in the order in which they stand in a certificate
    "any": Extended.ANY_EXTENDED_KEY_USAGE,
    "server auth": Extended.SERVER_AUTH,
    "client auth": Extended.CLIENT_AUTH,
    "code signing": Extended.CODE_SIGNING,
    "email protection": Extended.EMAIL_PROTECTION,
    "s/mime": Extended.EMAIL_PROTECTION,
    "ipsec end system": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec tunnel": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec user": x509.ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": Extended.TIME_STAMPING,
    "ocsp signing": Extended.OCSP_SIGNING,
    "microsoft sgc": x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": x509.ObjectIdentifier("2.16.840.1.113730.4.1"),
}
KNOWN_USAGES = frozenset(_KEY_USAGES) | frozenset(_EXTENDED_USAGES)


def key_usage(usages: Iterable[str]) -> x509.KeyUsage | None:
    """The extension of what the key does; None where nothing is said of that."""
    bits = dict.fromkeys(_KEY_USAGES.values(), False)
    bits |= {_KEY_USAGES[usage]: True for usage in usages if usage in _KEY_USAGES}
    if not bits["key_agreement"]:  # what these two say is which way an agreed key works
        bits["encipher_only"] = bits["decipher_only"] = False
    return x509.KeyUsage(**bits) if any(bits.values()) else None


def extended_key_usage(usages: Iterable[str]) -> x509.ExtendedKeyUsage | None:
    """The extension of what the certificate is for; None where nothing is said of that."""
    asked = set(usages)
    found = dict.fromkeys(oid for usage, oid in _EXTENDED_USAGES.items() if usage in asked)
    return x509.ExtendedKeyUsage(found) if found else None
