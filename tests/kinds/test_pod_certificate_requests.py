"""PodCertificateRequest: what kubelets may ask, and what signers may answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from sampan.kinds.certificates.pod_certificate_status import validate_status_update
from sampan.machinery.meta import format_time
from tests.kinds.write import cells, create_errors, created, stored, update_errors
from tests.pkcs10 import KEY, certificate, host, rsa_key, signed, text

Object = dict[str, Any]
NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
STUB = signed().public_bytes(Encoding.DER)


def asked(**spec: Any) -> Object:
    body = {
        "signerName": "a.com/s",
        **{f"{what}Name": "n" for what in ("pod", "serviceAccount", "node")},
        **{f"{what}UID": "u" for what in ("pod", "serviceAccount", "node")},
        "stubPKCS10Request": text(STUB),
        **spec,
    }
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "PodCertificateRequest",
        "metadata": {"name": "r", "namespace": "default"},
        "spec": body,
    }


def stub(key: Any) -> str:
    return text(signed(key=key).public_bytes(Encoding.DER))


RANGE = "spec.maxExpirationSeconds: Invalid value: {}: must be in the range [3600, {}]"
BAD = "spec.stubPKCS10Request: Invalid value"


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({}, []),
        ({"maxExpirationSeconds": 91 * 86400, "unverifiedUserAnnotations": {"a.com/K": "v"}}, []),
        ({"maxExpirationSeconds": 3599}, [RANGE.format(3599, 91 * 86400)]),
        ({"maxExpirationSeconds": 91 * 86400 + 1}, [RANGE.format(91 * 86400 + 1, 91 * 86400)]),
        ({"signerName": "kubernetes.io/x", "maxExpirationSeconds": 86401}, [RANGE.format(86401, 86400)]),
        (
            {"podUID": "", "nodeUID": "x" * 129},
            [
                'spec.podUID: Invalid value: "": must not be empty',
                "spec.nodeUID: Too long: may not be more than 128 bytes",
            ],
        ),
        (
            {"unverifiedUserAnnotations": {"k": "v"}},
            [
                'spec.unverifiedUserAnnotations: Invalid value: "k": '
                'must be a domain-prefixed key (such as "acme.io/foo")'
            ],
        ),
        (
            {"stubPKCS10Request": ""},
            [
                "spec: Invalid value: exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) "
                "must be set"
            ],
        ),
        ({"stubPKCS10Request": text(b"x")}, [f"{BAD}: must be a valid PKCS#10 CSR"]),
        (
            {"stubPKCS10Request": text(b"x" * 10241)},
            ["spec.stubPKCS10Request: Too long: may not be more than 10240 bytes"],
        ),
        ({"stubPKCS10Request": text(STUB[:-1] + bytes([STUB[-1] ^ 1]))}, [f"{BAD}: invalid signature"]),
        (
            {"stubPKCS10Request": stub(rsa_key())},
            [f'{BAD}: "2048-bit modulus": RSA keys must have modulus size 3072 or 4096'],
        ),
        (
            {"stubPKCS10Request": stub(ec.derive_private_key(5, ec.SECP256K1()))},
            [f'{BAD}: "curve secp256k1": elliptic public keys must use curve P256, P384, or P521'],
        ),
        ({"stubPKCS10Request": stub(ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32))}, []),
    ],
)
def test_requests(spec, errors):
    assert create_errors(asked(**spec)) == errors


def test_a_day_is_what_is_asked_for_by_default():
    obj = created(asked() | {"status": {"certificateChain": "x"}})
    assert obj["spec"]["maxExpirationSeconds"] == 86400
    assert obj["status"] == {}


def test_a_request_stays_as_it_is():
    (error,) = update_errors(stored(asked()), asked(podName="other"))
    assert error.startswith("spec: Invalid value: {") and error.endswith("field is immutable")


BEGIN = NOW - timedelta(minutes=1)
CHAIN = certificate("p", ca=False, begin=BEGIN, life=timedelta(hours=2)).decode()


def condition(type_: str, status: str = "True") -> Object:
    return {"type": type_, "status": status, "reason": "R", "lastTransitionTime": format_time(NOW)}


def issued(**changes: Any) -> Object:
    status = {
        "conditions": [condition("Issued")],
        "certificateChain": CHAIN,
        "notBefore": format_time(BEGIN),
        "notAfter": format_time(BEGIN + timedelta(hours=2)),
        "beginRefreshAt": format_time(BEGIN + timedelta(hours=1)),
        **changes,
    }
    return {field: value for field, value in status.items() if value is not None}


def made(life: timedelta = timedelta(hours=2), **options: Any) -> str:
    return certificate("p", ca=False, begin=BEGIN, life=life, **options).decode()


STATUS, FIRST = "status: Invalid value: ", "status.conditions.[0]"
NANOSECONDS = 1_000_000_000
OF_OTHERS = made(key=ec.derive_private_key(9, ec.SECP256R1()))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (issued(), ""),
        (issued(certificateChain=CHAIN + certificate().decode()), ""),
        ({"conditions": [condition("Denied")]}, ""),
        ({"conditions": [condition("Failed")]}, ""),
        ({}, ""),
        ({"certificateChain": "x"}, STATUS + "status is immutable unless transitioning to"),
        (issued(conditions=[condition("Denied")]), STATUS + "non-condition status fields must be empty"),
        ({"conditions": [condition("Mine")]}, f'{FIRST}.type: Unsupported value: "Mine": supported values: "Issued"'),
        ({"conditions": [condition("Denied", "False")]}, f'{FIRST}.status: Unsupported value: "False": supported'),
        ({"conditions": [condition("Denied"), condition("Failed")]}, "There may be at most one condition with type"),
        (issued(certificateChain=""), "issued certificate chain must contain at least one certificate"),
        (issued(certificateChain="x" * 102401), "status.certificateChain: Too long: may not be more than 102400 bytes"),
        (issued(certificateChain=OF_OTHERS), "leaf certificate was not issued to the requested public key"),
        (issued(certificateChain=CHAIN.replace("CERTIFICATE", "X")), "issued certificate chain must consist"),
        (issued(certificateChain=CHAIN + CHAIN.replace("CERTIFICATE", "X")), "chain must consist entirely of"),
        (issued(certificateChain=made(names=[host("a..b")])), "leaf certificate's DNSName should not contain '..'"),
        (issued(certificateChain=made(names=[host(".a")])), "leaf certificate's DNSName should not start or end"),
        (issued(notBefore=None), "status.notBefore: Required value: must be present and consistent"),
        (issued(notAfter=format_time(NOW)), "must be set to the NotAfter time encoded in the leaf certificate"),
        (issued(notBefore=format_time(NOW)), "must be set to the NotBefore time encoded in the leaf certificate"),
        (issued(beginRefreshAt=format_time(NOW)), "must be at least 10 minutes after status.notBefore"),
        (issued(beginRefreshAt=format_time(BEGIN + timedelta(hours=2))), "10 minutes before status.notAfter"),
        (
            issued(certificateChain=made(timedelta(minutes=30)), notAfter=format_time(BEGIN + timedelta(minutes=30))),
            f"Invalid value: {1800 * NANOSECONDS}: leaf certificate lifetime must be >= 1 hour",
        ),
        (
            issued(certificateChain=made(timedelta(days=2)), notAfter=format_time(BEGIN + timedelta(days=2))),
            "leaf certificate lifetime must be <= spec.maxExpirationSeconds (86400)",
        ),
    ],
)  # fmt: skip
def test_answers(status, error):
    old = stored(asked())
    found = [str(one) for one in validate_status_update(old | {"status": status}, old, NOW)]
    assert len(found) == bool(error), found
    assert not error or error in found[0]


def test_certificates_are_those_of_now():
    old = stored(asked())
    late = [str(one) for one in validate_status_update(old | {"status": issued()}, old, NOW + timedelta(minutes=5))]
    assert late == [
        f'status.notBefore: Invalid value: "{format_time(BEGIN)}": '
        "must be set to within 5 minutes of kube-apiserver's current time"
    ]


def test_an_answer_is_the_last_word():
    old = stored(asked()) | {"status": issued()}
    new = old | {"status": {"conditions": [condition("Denied")]}}
    assert [str(one) for one in validate_status_update(new, old, NOW)] == [
        STATUS + "immutable after PodCertificateRequest is issued, denied, or failed"
    ]


def test_columns():
    obj = stored(asked(unverifiedUserAnnotations={"a.com/b": "c"}))
    assert cells(obj, wide=True) == ["n", "n", "n", "a.com/s", "Pending", "a.com/b=c"]
    assert cells(obj | {"status": issued()})[-1] == "Issued"


def test_the_key_is_the_one_that_was_asked_for():
    assert x509.load_pem_x509_certificate(CHAIN.encode()).public_key() == KEY.public_key()
