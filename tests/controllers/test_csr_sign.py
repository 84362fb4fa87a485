"""What stands in a signed certificate."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from sampan.controllers.csr_sign import Authority, SigningError, refusal, sign
from sampan.kinds.certificates import pkcs10
from sampan.kinds.certificates.usages import KNOWN_USAGES
from tests.pkcs10 import KEY, certificate, host, private_pem, request, rsa_key, signed

NOW = datetime(2026, 1, 2, 12, 0, 0, 7, tzinfo=UTC)
WHOLE = NOW.replace(microsecond=0)
DAY = timedelta(days=1)
CLIENT = ["digital signature", "key encipherment", "client auth"]


def authority(life: timedelta = 3650 * DAY, longest: timedelta = 365 * DAY, key: Any = KEY) -> Authority:
    pem = certificate("kubernetes", key=key, begin=WHOLE - DAY, life=life + DAY)
    return Authority.load(pem, private_pem(key), longest)


def made(pem: bytes, usages: list[str] = CLIENT, seconds: int | None = None, **options: Any) -> x509.Certificate:
    chain = sign(authority(**options), pkcs10.parse_pem(pem), usages, seconds, NOW)
    return x509.load_pem_x509_certificate(chain)


@pytest.mark.parametrize("key", [KEY, rsa_key()])
@pytest.mark.parametrize("own", [KEY, rsa_key(), ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32)])
def test_a_certificate_is_of_the_key_and_the_names_that_were_asked_for(key: Any, own: Any) -> None:
    found = made(request("joe", ["a", "b"], [host("10.0.0.1"), host("x.com")], own), key=key)
    assert found.subject.rfc4514_string() == "CN=joe,O=a+O=b"
    assert found.public_key() == own.public_key()
    found.verify_directly_issued_by(authority(key=key).certificate)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(names.value) == [host("x.com"), host("10.0.0.1")]
    assert not names.critical
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.value.ca, constraints.critical) == (False, True)


def test_names_are_critical_where_there_is_no_subject() -> None:
    found = made(request("", [], [host("x.com")]))
    assert found.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


@pytest.mark.parametrize(
    ("seconds", "options", "end"),
    [
        (None, {}, 365 * DAY - timedelta(minutes=5)),
        (86400, {}, DAY - timedelta(minutes=5)),
        (3600, {}, timedelta(hours=1)),
        (28799, {}, timedelta(seconds=28799)),
        (28800, {}, timedelta(hours=8) - timedelta(minutes=5)),
        (600, {}, timedelta(minutes=10)),
        (1, {}, timedelta(minutes=10)),
        (2**31 - 1, {}, 365 * DAY - timedelta(minutes=5)),
        (7200, {"longest": timedelta(hours=1)}, timedelta(hours=1)),
        (None, {"life": 30 * DAY}, 30 * DAY),
        (600, {"life": timedelta(minutes=2)}, timedelta(minutes=2)),
    ],
)
def test_how_long_a_certificate_is_good_for(seconds: int | None, options: Any, end: timedelta) -> None:
    found = made(request(), seconds=seconds, **options)
    assert found.not_valid_before_utc == WHOLE - timedelta(minutes=5)
    assert found.not_valid_after_utc == WHOLE + end


@given(
    st.integers(-(2**31), 2**31 - 1) | st.none(),
    st.timedeltas(timedelta(minutes=10), 1000 * DAY),
    st.timedeltas(timedelta(seconds=1), 4000 * DAY),
)
def test_nothing_outlives_its_authority_or_the_setting(
    seconds: int | None, longest: timedelta, life: timedelta
) -> None:
    found = made(request(), seconds=seconds, longest=longest, life=life)
    last = authority(life=life).certificate.not_valid_after_utc
    assert found.not_valid_before_utc < found.not_valid_after_utc <= min(last, WHOLE + longest + timedelta(seconds=1))


def test_an_authority_that_is_no_more_signs_nothing() -> None:
    with pytest.raises(SigningError, match="refusing to sign a certificate that expired in the past"):
        made(request(), life=timedelta(0))


@given(st.lists(st.sampled_from(sorted(KNOWN_USAGES)), unique=True))
def test_usages_are_those_that_were_asked_for(usages: list[str]) -> None:
    found = made(request(), usages)
    if "client auth" in usages:
        purposes = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert ExtendedKeyUsageOID.CLIENT_AUTH in purposes
    if "cert sign" in usages:
        assert found.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_unknown_usages_are_not_signed() -> None:
    with pytest.raises(SigningError, match="unrecognized usage values"):
        made(request(), ["x"])


def test_what_a_request_wants_beyond_its_names_is_left_out() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.USER_ID, "u")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    asked = builder.sign(KEY, hashes.SHA256())
    found = made(pkcs10_pem(asked))
    assert found.subject.rfc4514_string() == "CN=a"
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def pkcs10_pem(asked: x509.CertificateSigningRequest) -> bytes:
    return asked.public_bytes(Encoding.PEM)


NODE = signed("system:node:n", ["system:nodes"])


@pytest.mark.parametrize(
    ("signer", "pem", "usages", "wrong"),
    [
        ("kube-apiserver-client", request(), CLIENT, ""),
        ("kube-apiserver-client", request(), ["client auth"], ""),
        (
            "kube-apiserver-client",
            request(),
            [*CLIENT, "server auth"],
            "invalid usage for client certificate: server auth",
        ),
        (
            "kube-apiserver-client",
            request(),
            ["digital signature"],
            "missing required usage for client certificate: client auth",
        ),
        ("kube-apiserver-client-kubelet", pkcs10_pem(NODE), CLIENT, ""),
        ("kube-apiserver-client-kubelet", request(), CLIENT, "subject organization is not system:nodes"),
        ("kubelet-serving", pkcs10_pem(NODE), CLIENT, "DNS or IP subjectAltName is required"),
        ("legacy-unknown", request(), ["any"], ""),
    ],
)
def test_signers_are_particular(signer: str, pem: bytes, usages: list[str], wrong: str) -> None:
    assert refusal(f"kubernetes.io/{signer}", pkcs10.parse_pem(pem), usages) == wrong


def test_a_key_must_be_able_to_sign() -> None:
    other = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(ValueError, match="neither ECDSA nor RSA"):
        Authority.load(certificate(), private_pem(other), DAY)
