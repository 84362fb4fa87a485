"""An object of every kind, for tests that walk all of discovery: objects.yaml, with what takes keys to make put in."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sampan.machinery.kind import Kind
from tests.apiserver.pki import authority
from tests.catalogue import CATALOGUE


@cache
def objects() -> tuple[dict[str, Any], ...]:
    """Objects as a client sends them. Shared: not to be changed."""
    return tuple(_filled(tree) for tree in yaml.safe_load_all((Path(__file__).parent / "objects.yaml").read_text()))


def kept() -> list[Kind]:
    """The kinds whose objects can be made and read again."""
    return [kind for kind in CATALOGUE.kinds if {"create", "get"} <= set(kind.verbs)]


@cache
def _values() -> dict[str, str]:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sample")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return {
        "$REQUEST": base64.b64encode(signed.public_bytes(Encoding.PEM)).decode(),
        "$DER_REQUEST": base64.b64encode(signed.public_bytes(Encoding.DER)).decode(),
        "$CERTIFICATE": authority().certificate.decode(),
    }


def _filled(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _filled(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(value) for value in tree]
    return _values().get(tree, tree) if isinstance(tree, str) else tree
