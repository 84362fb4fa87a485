"""PEM, PKCS#10, kubelets' requests, names of signers, usages: the pure parts below the kinds of certificates.k8s.io."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from sampan.kinds.certificates import kubelet_requests, pem, pkcs10
from sampan.kinds.certificates.signer_names import is_kubernetes, validate_signer_name
from sampan.kinds.certificates.usages import KNOWN_USAGES, extended_key_usage, key_usage
from sampan.machinery.validation import Path
from tests.pkcs10 import host, request, rsa_key, signed

BLOCK = "-----BEGIN X-----\naGk=\n-----END X-----\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (BLOCK, [("X", False, b"hi")]),
        (f"of this\n{BLOCK}and that\n{BLOCK}", [("X", False, b"hi")] * 2),
        (BLOCK.replace("\n", "\r\n"), [("X", False, b"hi")]),
        (BLOCK.rstrip("\n"), [("X", False, b"hi")]),
        ("-----BEGIN X-----\nName: value\n\naGk=\n-----END X-----", [("X", True, b"hi")]),
        ("-----BEGIN X-----\nName: value\n-----END X-----", []),
        ("-----BEGIN X-----\n-----END X-----", [("X", False, b"")]),
        (f"-----BEGIN Y-----\n{BLOCK}", [("X", False, b"hi")]),
        ("-----BEGIN X-----\naGk=\n-----END Y-----\n" + BLOCK, [("X", False, b"hi")]),
        (" " + BLOCK, []),
        ("-----BEGIN X-----\n!\n-----END X-----\n" + BLOCK, [("X", False, b"hi")]),
        ("-----BEGIN X-----\naGk=\n-----END X----- trailing\n", []),
        ("-----BEGIN X-----\naGk=", []),
    ],
)
def test_blocks(text, found):
    assert list(pem.blocks(text.encode())) == found


@given(st.lists(st.tuples(st.sampled_from(["CERTIFICATE", "X Y"]), st.binary(max_size=200))), st.binary(max_size=20))
def test_what_is_encoded_is_read_again(blocks, between):
    between = between.replace(b"-", b"") + b"\n"
    text = between.join(pem.encode(type_, data) for type_, data in blocks)
    assert list(pem.blocks(text)) == [(type_, False, data) for type_, data in blocks]


@given(st.text("-BEGINXD :\n\r =a"))
def test_any_text_has_blocks_or_none(text):
    for block in pem.blocks(text.encode()):
        assert "\n" not in block.type


@pytest.mark.parametrize(
    "text", [b"", b"nothing", pem.encode("CERTIFICATE", b""), pem.encode("NEW CERTIFICATE REQUEST", b"")]
)
def test_a_request_is_in_a_block_of_its_type(text):
    with pytest.raises(ValueError, match=r"^PEM block type must be CERTIFICATE REQUEST$"):
        pkcs10.parse_pem(text)


def test_what_a_request_says():
    names = [host("a.com"), host("10.0.0.1"), x509.RFC822Name("a@b"), x509.UniformResourceIdentifier("spiffe://x")]
    parsed = pkcs10.parse_pem(request("joe", ["a", "b"], names))
    assert (parsed.common_name, parsed.organizations) == ("joe", ("a", "b"))
    assert (parsed.dns_names, parsed.emails, parsed.uris) == (["a.com"], ["a@b"], ["spiffe://x"])
    assert [str(address) for address in parsed.addresses] == ["10.0.0.1"]
    assert pkcs10.signature_error(parsed) == ""


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        (rsa_key(), "crypto/rsa: verification error"),
        (ec.derive_private_key(5, ec.SECP384R1()), "x509: ECDSA verification failure"),
        (ed25519.Ed25519PrivateKey.from_private_bytes(b"7" * 32), "x509: Ed25519 verification failure"),
    ],
)
def test_a_request_proves_that_its_sender_has_the_key(key, wrong):
    data = signed("joe", key=key).public_bytes(Encoding.DER)
    assert pkcs10.signature_error(pkcs10.parse_der(data)) == ""
    forged = data.replace(b"joe", b"eve")
    assert pkcs10.signature_error(pkcs10.parse_der(forged)) == wrong


DER = signed("joe", ["o"], [host("a.com"), host("10.0.0.1")]).public_bytes(Encoding.DER)


@given(st.dictionaries(st.integers(0, len(DER) - 1), st.integers(0, 255), min_size=1, max_size=4))
def test_a_broken_request_is_an_error_and_never_an_accident(changes):
    der = bytearray(DER)
    for at, byte in changes.items():
        der[at] = byte
    try:
        parsed = pkcs10.parse_der(bytes(der))
    except ValueError as error:
        assert str(error).startswith("x509: ")
    else:
        assert isinstance(pkcs10.signature_error(parsed), str)


CLIENT = ["client auth", "digital signature", "key encipherment"]
SERVING = ["digital signature", "key encipherment", "server auth"]
NODE = ("system:node:n1", ["system:nodes"])


@pytest.mark.parametrize(
    ("asked", "usages", "wrong"),
    [
        ((*NODE, []), CLIENT, ""),
        ((*NODE, []), ["digital signature", "client auth"], ""),
        ((*NODE, []), SERVING, "usages did not match [client auth digital signature key encipherment]"),
        (("system:node:n1", ["a"], []), CLIENT, "subject organization is not system:nodes"),
        (("system:node:n1", ["system:nodes", "a"], []), CLIENT, "subject organization is not system:nodes"),
        (("n1", ["system:nodes"], []), CLIENT, "subject common name does not begin with system:node:"),
        ((*NODE, [host("a")]), CLIENT, "DNS subjectAltNames are not allowed"),
        ((*NODE, [host("::1")]), CLIENT, "IP subjectAltNames are not allowed"),
        ((*NODE, [x509.RFC822Name("a@b")]), CLIENT, "Email subjectAltNames are not allowed"),
        ((*NODE, [x509.UniformResourceIdentifier("a://b")]), CLIENT, "URI subjectAltNames are not allowed"),
    ],
)
def test_kubelets_as_clients(asked, usages, wrong):
    assert kubelet_requests.client_error(pkcs10.parse_pem(request(*asked)), usages) == wrong


@pytest.mark.parametrize(
    ("asked", "usages", "wrong"),
    [
        ((*NODE, [host("n1"), host("10.0.0.1")]), SERVING, ""),
        ((*NODE, [host("n1")]), ["server auth", "digital signature"], ""),
        ((*NODE, [host("n1")]), CLIENT, "usages did not match [digital signature key encipherment server auth]"),
        ((*NODE, []), SERVING, "DNS or IP subjectAltName is required"),
        ((*NODE, [host("a"), x509.RFC822Name("a@b")]), SERVING, "Email subjectAltNames are not allowed"),
        ((*NODE, [host("a"), x509.UniformResourceIdentifier("a://b")]), SERVING, "URI subjectAltNames are not allowed"),
        (("n1", ["system:nodes"], [host("a")]), SERVING, "subject common name does not begin with system:node:"),
        (("n1", [], [host("a")]), SERVING, "subject organization is not system:nodes"),
    ],
)
def test_kubelets_as_servers(asked, usages, wrong):
    assert kubelet_requests.serving_error(pkcs10.parse_pem(request(*asked)), usages) == wrong


LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("example.com/signer", []),
        ("example.com/a.b", []),
        ("", ["s: Required value"]),
        (
            "example.com",
            [
                's: Invalid value: "example.com": must be a fully qualified domain and path of the form '
                "'example.com/signer-name'"
            ],
        ),
        ("a/b", ['s: Invalid value: "a": should be a domain with at least two segments separated by dots']),
        ("a_.com/b", [f's: Invalid value: "a_.com": validating label "a_": {LABEL}']),
        (f"{'a.' * 130}b/c", ["s: Too long: may not be more than 253 bytes"]),
    ],
)
def test_names_of_signers(name, wrong):
    assert [str(error) for error in validate_signer_name(name, Path("s"))] == wrong


def test_the_path_of_a_signer_is_made_of_subdomains():
    wrong = [str(error) for error in validate_signer_name("a.com/B.c", Path("s"))]
    assert len(wrong) == 1
    assert wrong[0].startswith('s: Invalid value: "B.c": validating label "B": a lowercase RFC 1123 subdomain')


def test_reserved_signers():
    assert is_kubernetes("kubernetes.io/a")
    assert is_kubernetes("x.kubernetes.io/a")
    assert not is_kubernetes("xkubernetes.io/a")


def test_usages_are_bits_and_purposes():
    bits = key_usage(["signing", "key encipherment", "client auth"])
    assert bits is not None and bits.digital_signature and bits.key_encipherment and not bits.key_cert_sign
    assert key_usage(["client auth"]) is None
    purposes = extended_key_usage(["s/mime", "email protection", "server auth"])
    assert purposes is not None
    assert [oid.dotted_string for oid in purposes] == ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.4"]
    assert extended_key_usage(["signing"]) is None


@given(st.sets(st.sampled_from(sorted(KNOWN_USAGES)), min_size=1))
def test_every_set_of_usages_can_be_said(usages):
    said = key_usage(usages), extended_key_usage(usages)
    assert any(said) or usages <= {"encipher only", "decipher only"}
    for extension in said:
        if extension is not None:
            assert extension.public_bytes()


def test_pem_is_that_of_everybody_else():
    made = signed("joe")
    assert pem.encode(pkcs10.REQUEST_BLOCK, made.public_bytes(Encoding.DER)) == made.public_bytes(Encoding.PEM)
