"""Bundles of authorities' certificates, as client-go loads them: at least one certificate in PEM, else skipped.

Called for conversion webhooks. Upstream: k8s.io/client-go/transport (rootCertPool), crypto/x509's AppendCertsFromPEM.
"""

import base64
import binascii
import re

from cryptography import x509

_BLOCK = re.compile(rb"-----BEGIN ([^-]+)-----\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----")


def bundle_error(encoded: str) -> str:
    """What is wrong with a bundle in base64, or ""."""
    blocks = _BLOCK.findall(base64.b64decode(encoded))
    if not blocks:
        return "unable to load root certificates: unable to parse bytes as PEM block"
    wrong = [_certificate_error(body) for kind, body in blocks if kind == b"CERTIFICATE"]
    if "" in wrong:
        return ""
    return f"unable to load root certificates: {wrong[0] if wrong else 'unable to parse bytes as PEM block'}"


def _certificate_error(body: bytes) -> str:
    try:
        x509.load_der_x509_certificate(base64.b64decode(body))
    except (ValueError, binascii.Error) as error:
        return f"failed to parse certificate: {error}"
    return ""
