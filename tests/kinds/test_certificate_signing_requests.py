"""CertificateSigningRequest: its rules, versions, columns, and what its subresources may change."""

from typing import Any

import pytest

from sampan.kinds.certificates.request_rules import validate_change
from tests.kinds.write import cells, changed, create_errors, created, encoded, served, stored, update_errors
from tests.pkcs10 import certificate, host, request, text

Object = dict[str, Any]
PEM = text(request("joe", ["dev"]))
NODES = ["system:nodes"]


def csr(version: str = "v1", *, omit: str = "", **spec: Any) -> Object:
    body = {"request": PEM, "signerName": "example.com/s", "usages": ["client auth"], **spec}
    body = {field: value for field, value in body.items() if field != omit}
    return {
        "apiVersion": f"certificates.k8s.io/{version}",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "joe"},
        "spec": body,
    }


USAGES = (
    '"any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", '
    '"decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", '
    '"ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", '
    '"server auth", "signing", "timestamping"'
)


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({}, []),
        ({"expirationSeconds": 600}, []),
        (
            {"expirationSeconds": 599},
            [
                "spec.expirationSeconds: Invalid value: 599: "
                "may not specify a duration less than 600 seconds (10 minutes)"
            ],
        ),
        ({"request": ""}, ["spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST"]),
        ({"usages": []}, ["spec.usages: Required value"]),
        ({"usages": ["x"]}, [f'spec.usages[0]: Unsupported value: "x": supported values: {USAGES}']),
        ({"usages": ["any", "any"]}, ['spec.usages[1]: Duplicate value: "any"']),
        ({"signerName": ""}, ["spec.signerName: Required value"]),
        (
            {"signerName": "kubernetes.io/legacy-unknown"},
            [
                'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": '
                "the legacy signerName is not allowed via this API version"
            ],
        ),
    ],
)
def test_requests(spec, errors):
    assert create_errors(csr(**spec)) == errors


def test_any_name_will_do_that_is_a_part_of_a_path():
    assert create_errors(changed(csr(), lambda o: o["metadata"].update(name="Joe:1"))) == []
    assert len(create_errors(changed(csr(), lambda o: o["metadata"].update(name="a/b")))) == 1


def test_a_new_request_is_undecided():
    manifest = csr() | {"status": {"conditions": [{"type": "Approved", "status": "True"}], "certificate": "aGk="}}
    assert created(manifest)["status"] == {}


def test_who_asks_is_what_the_server_knows():
    obj = created(csr(username="root", groups=["system:masters"], uid="1", extra={"a": ["b"]}))
    prepare = served(csr()).kind.prepare_requestor
    assert prepare is not None
    prepare(obj, {"username": "joe", "groups": ["dev"]})
    who = {field: value for field, value in obj["spec"].items() if field in ("username", "groups", "uid", "extra")}
    assert who == {"username": "joe", "groups": ["dev"]}


@pytest.mark.parametrize(
    ("asked", "usages", "signer"),
    [
        (request("joe"), None, "kubernetes.io/legacy-unknown"),
        (b"nonsense", None, "kubernetes.io/legacy-unknown"),
        (
            request("system:node:a", NODES),
            ["client auth", "digital signature", "key encipherment"],
            "kubernetes.io/kube-apiserver-client-kubelet",
        ),
        (
            request("system:node:a", NODES, [host("a")]),
            ["server auth", "digital signature", "key encipherment"],
            "kubernetes.io/kubelet-serving",
        ),
    ],
)
def test_v1beta1_guesses_the_signer(asked, usages, signer):
    manifest = csr("v1beta1", omit="signerName", request=text(asked))
    manifest["spec"]["usages"] = usages
    spec = created(manifest)["spec"]
    assert spec["signerName"] == signer
    assert spec["usages"] == (usages or ["digital signature", "key encipherment"])


def test_v1beta1_looks_less_closely():
    lenient = csr("v1beta1", signerName="kubernetes.io/legacy-unknown", usages=["x", "x"])
    assert create_errors(lenient) == []
    assert create_errors(csr("v1beta1", signerName="")) == ["spec.signerName: Required value"]


def test_v1beta1_is_the_same_object():
    old = stored(csr("v1beta1", omit="usages"))
    assert encoded("certificates.k8s.io/v1", old)["spec"]["usages"] == ["digital signature", "key encipherment"]
    assert encoded("certificates.k8s.io/v1beta1", stored(csr()))["apiVersion"] == "certificates.k8s.io/v1beta1"


def test_updates_change_nothing_but_the_metadata():
    old = stored(csr())
    new = changed(csr(usages=["any"]), lambda o: o["metadata"].update(labels={"a": "b"}))
    assert update_errors(old, new) == []
    prepare = served(new).kind.prepare_update
    assert prepare is not None
    prepare(new, old)
    assert new["spec"] == old["spec"]


def condition(type_: str, status: str = "True") -> Object:
    return {"type": type_, "status": status, "lastUpdateTime": None, "lastTransitionTime": None}


def with_status(*conditions: Object, certificate: str = "") -> Object:
    status: Object = {"conditions": list(conditions)} if conditions else {}
    return stored(csr()) | {"status": status | ({"certificate": certificate} if certificate else {})}


CERTIFICATE, OTHER = text(certificate("joe", ca=False)), text(certificate("eve", ca=False))
EXCLUSIVE = 'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'


@pytest.mark.parametrize(
    ("part", "old", "new", "errors"),
    [
        ("approval", with_status(), with_status(condition("Approved")), []),
        ("approval", with_status(), with_status(condition("Denied")), []),
        ("approval", with_status(), with_status(condition("Approved"), condition("Denied")), [EXCLUSIVE]),
        ("approval", with_status(condition("Approved")), with_status(condition("Denied")), [
            'status.conditions: Forbidden: updates may not remove a condition of type "Approved"'
        ]),
        ("approval", with_status(), with_status(condition("Approved", "False")), [
            'status.conditions[0].status: Unsupported value: "False": supported values: "True"'
        ]),
        ("approval", with_status(), with_status(condition("Mine", "Maybe")), [
            'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"'
        ]),
        ("approval", with_status(), with_status(condition("Mine"), condition("Mine")), [
            'status.conditions[1].type: Duplicate value: "Mine"'
        ]),
        ("approval", with_status(), with_status({"type": "", "status": ""}), [
            "status.conditions[0].type: Required value", "status.conditions[0].status: Required value"
        ]),
        ("approval", with_status(), with_status(certificate=CERTIFICATE), [
            "status.certificate: Forbidden: updates may not set certificate content"
        ]),
        ("status", with_status(), with_status(certificate=CERTIFICATE), []),
        ("status", with_status(), with_status(condition("Failed")), []),
        ("status", with_status(), with_status(condition("Approved")), [
            'status.conditions: Forbidden: updates may not add a condition of type "Approved"'
        ]),
        ("status", with_status(condition("Failed")), with_status(), [
            'status.conditions: Forbidden: updates may not remove a condition of type "Failed"'
        ]),
        ("status", with_status(certificate=CERTIFICATE), with_status(certificate=OTHER), [
            "status.certificate: Forbidden: updates may not modify existing certificate content"
        ]),
        ("status", with_status(), with_status(certificate=text(b"hi")), [
            'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block'
        ]),
        ("status", with_status(), with_status(certificate=PEM), [
            'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found '
            '"CERTIFICATE REQUEST"'
        ]),
        ("status", with_status(certificate=text(b"hi")), with_status(condition("A"), certificate=text(b"hi")), []),
    ],
)  # fmt: skip
def test_parts_of_the_status(part, old, new, errors):
    assert [str(error) for error in validate_change(new, old, part)] == errors


def test_v1beta1_may_set_what_v1_may_not():
    old, new = with_status(certificate=CERTIFICATE), with_status(condition("A"), condition("A"), certificate=PEM)
    assert list(validate_change(new, old, "status", lenient=True)) == []


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({}, "Pending"),
        ({"conditions": [condition("Approved")]}, "Approved"),
        ({"conditions": [condition("Approved")], "certificate": "eA=="}, "Approved,Issued"),
        ({"conditions": [condition("Approved"), condition("Failed")]}, "Approved,Failed"),
        ({"conditions": [condition("Denied")]}, "Denied"),
    ],
)
def test_columns(status, shown):
    obj = stored(csr(expirationSeconds=3600)) | {"status": status}
    obj["spec"]["username"] = "joe"
    assert cells(obj)[1:] == ["example.com/s", "joe", "60m", shown]
    assert cells(stored(csr()))[3] == "<none>"
