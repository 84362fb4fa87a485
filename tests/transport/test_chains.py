"""Which chains of certificates are believed, by table: what Go's crypto/x509 does with the same."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from sampan.transport.chains import MAX_CHECKS, Authorities, InvalidChain

NOW = datetime(2026, 6, 1, tzinfo=UTC)
UNKNOWN = "x509: certificate signed by unknown authority"
CA = x509.BasicConstraints(ca=True, path_length=None)
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


class Made:
    """A certificate with its key; without an issuer it signs itself."""

    def __init__(
        self,
        name: str,
        issuer: "Made | None" = None,
        *extensions: x509.ExtensionType,
        begin: datetime = NOW - timedelta(days=1),
        end: datetime = NOW + timedelta(days=1),
        critical: bool = True,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer or self
        serial = x509.random_serial_number()
        builder = x509.CertificateBuilder(signer.name, self.name, self.key.public_key(), serial, begin, end)
        for extension in extensions:
            builder = builder.add_extension(extension, critical)
        self.certificate = builder.sign(signer.key, hashes.SHA256())


ROOT = Made("root", None, CA)
MIDDLE = Made("middle", ROOT, CA)
LEAF = Made("jane", MIDDLE, CLIENT)


def verify(leaf: Made, *others: Made, roots: Sequence[Made] = (ROOT,), now: datetime = NOW) -> Any:
    pem = b"".join(root.certificate.public_bytes(Encoding.PEM) for root in roots)
    return Authorities(pem).verify(leaf.certificate, [other.certificate for other in others], now)


def test_a_chain_is_good_while_all_of_it_is() -> None:
    short = Made("short", ROOT, CA, end=NOW + timedelta(hours=1))
    lifetime = verify(Made("jane", short, CLIENT), short)
    assert lifetime.begin == NOW - timedelta(days=1)
    assert lifetime.end == NOW + timedelta(hours=1)


def test_what_is_believed() -> None:
    verify(Made("jane", ROOT, CLIENT))
    verify(Made("any purpose", ROOT))
    verify(Made("any", ROOT, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])))
    verify(LEAF, MIDDLE)
    verify(LEAF, Made("of no use", None, CA), MIDDLE)
    verify(LEAF, roots=[MIDDLE])
    verify(LEAF, roots=[LEAF])
    verify(Made("jane", ROOT, CLIENT), roots=[Made("root", None, CA), ROOT])  # another key under the same name


@pytest.mark.parametrize(
    ("leaf", "others", "roots", "text"),
    [
        (LEAF, (), (ROOT,), UNKNOWN),
        (LEAF, (MIDDLE,), (), UNKNOWN),
        (LEAF, (MIDDLE,), (Made("root", None, CA),), UNKNOWN + " (possibly because of"),
        (Made("jane", ROOT, SERVER), (), (ROOT,), "x509: certificate specifies an incompatible key usage"),
        (Made("jane", LEAF, CLIENT), (LEAF, MIDDLE), (ROOT,), UNKNOWN),
        (
            Made("jane", ROOT, CLIENT, end=NOW - timedelta(hours=1)),
            (),
            (ROOT,),
            "x509: certificate has expired or is not yet valid: current time 2026-06-01T00:00:00Z is after "
            "2026-05-31T23:00:00Z",
        ),
        (
            Made("jane", ROOT, CLIENT, begin=NOW + timedelta(hours=1)),
            (),
            (ROOT,),
            "x509: certificate has expired or is not yet valid: current time 2026-06-01T00:00:00Z is before "
            "2026-06-01T01:00:00Z",
        ),
        (
            Made("jane", ROOT, x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")),
            (),
            (ROOT,),
            "x509: unhandled critical extension",
        ),
    ],
)
def test_what_is_not(leaf: Made, others: Sequence[Made], roots: Sequence[Made], text: str) -> None:
    with pytest.raises(InvalidChain) as caught:
        verify(leaf, *others, roots=roots)
    assert str(caught.value).startswith(text)


def test_authorities_are_bound() -> None:
    narrow = Made("narrow", None, x509.BasicConstraints(ca=True, path_length=0))
    middle = Made("middle", narrow, CA)
    verify(Made("jane", narrow, CLIENT), roots=[narrow])
    with pytest.raises(InvalidChain, match="too many intermediates"):
        verify(Made("jane", middle, CLIENT), middle, roots=[narrow])
    servers = Made("servers", ROOT, CA, SERVER)
    with pytest.raises(InvalidChain, match="incompatible key usage"):
        verify(Made("jane", servers, CLIENT), servers)
    expired = Made("expired", ROOT, CA, end=NOW - timedelta(hours=1))
    with pytest.raises(InvalidChain, match=r"unknown authority \(possibly because of .* has expired"):
        verify(Made("jane", expired, CLIENT), expired)
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    unable = Made("unable", None, CA, x509.KeyUsage(**usage))
    with pytest.raises(InvalidChain, match="cannot sign this kind of certificate"):
        verify(Made("jane", unable, CLIENT), roots=[unable])


def test_constrained_authorities_vouch_for_no_names() -> None:
    constraint = x509.NameConstraints([x509.DNSName("example.com")], None)
    narrow = Made("narrow", None, CA, constraint)
    verify(Made("jane", narrow, CLIENT), roots=[narrow])
    named = x509.SubjectAlternativeName([x509.DNSName("example.org")])
    with pytest.raises(InvalidChain, match="not authorized to sign for this name"):
        verify(Made("jane", narrow, CLIENT, named), roots=[narrow])


def test_work_is_bounded() -> None:
    look_alikes = [Made("middle", ROOT, CA) for _ in range(MAX_CHECKS + 1)]
    with pytest.raises(InvalidChain):
        verify(LEAF, *look_alikes)
    with pytest.raises(InvalidChain, match="signature check attempts limit"):
        verify(LEAF, roots=[*look_alikes, MIDDLE])
