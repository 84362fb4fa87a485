"""ClusterTrustBundle: names, contents, versions."""

from typing import Any

import pytest

from sampan.kinds.certificates import pem
from tests.kinds.write import cells, create_errors, encoded, served, stored, update_errors
from tests.pkcs10 import certificate

Object = dict[str, Any]
CA, OTHER, LEAF = (certificate(name, ca=name != "leaf").decode() for name in ("ca", "other", "leaf"))


def bundle(content: str = CA, *, signer: str = "", name: str = "", version: str = "v1", **meta: Any) -> Object:
    spec = {"trustBundle": content} | ({"signerName": signer} if signer else {})
    meta |= {"name": name or (signer.replace("/", ":") + ":b" if signer else "b")}
    return {
        "apiVersion": f"certificates.k8s.io/{version}",
        "kind": "ClusterTrustBundle",
        "metadata": meta,
        "spec": spec,
    }


BAD = 'spec.trustBundle: Invalid value: "<value omitted>": '


@pytest.mark.parametrize(
    ("content", "errors"),
    [
        (CA, []),
        (f"two\n{CA}and\n{OTHER}", []),
        ("", [BAD + "at least one trust anchor must be provided"]),
        (CA + OTHER + CA + CA, [BAD + "duplicate trust anchor (indices [0 2 3])"]),
        (CA + LEAF, [BAD + "entry 1 does not have the CA bit set"]),
        (CA + pem.encode("X", b"a").decode() + CA, [BAD + "entry 1 has bad block type: X"]),
        (pem.encode("CERTIFICATE", b"a").decode(), [BAD + "entry 0 does not parse as X.509"]),
        (CA.replace("-----\n", "-----\nA: b\n\n", 1), [BAD + "entry 0 has PEM block headers"]),
        ("x" * ((1 << 20) + 1), ["spec.trustBundle: Too long: may not be more than 1048576 bytes"]),
    ],
)
def test_contents(content, errors):
    assert create_errors(bundle(content)) == errors


@pytest.mark.parametrize(
    ("obj", "errors"),
    [
        (bundle(signer="a.com/s"), []),
        (bundle(name="a.b"), []),
        (
            bundle(name="a:b"),
            [
                'metadata.name: Invalid value: "a:b": ClusterTrustBundle without signer name must not have ":" in its '
                "name"
            ],
        ),
        (
            bundle(signer="a.com/s", name="b"),
            [
                'metadata.name: Invalid value: "b": ClusterTrustBundle for signerName a.com/s must be named with '
                "prefix a.com:s:"
            ],
        ),
        (
            bundle(signer="a/s"),
            ['spec.signerName: Invalid value: "a": should be a domain with at least two segments separated by dots'],
        ),
        (bundle(signer="a.com/s", generateName="a.com:s:b-"), []),
    ],
)
def test_names(obj, errors):
    assert create_errors(obj) == errors


def test_a_bundle_is_looked_at_when_it_changes():
    old = stored(bundle())
    old["spec"]["trustBundle"] = "of another day"
    assert update_errors(old, bundle("of another day", labels={"a": "b"})) == []
    assert update_errors(old, bundle("bad")) == [BAD + "at least one trust anchor must be provided"]


def test_the_signer_stays():
    old = stored(bundle(signer="a.com/s"))
    assert update_errors(old, bundle(signer="b.com/s", name="b.com:s:b")) == [
        'metadata.name: Invalid value: "b.com:s:b": field is immutable',
        'spec.signerName: Invalid value: "b.com/s": field is immutable',
    ]


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_older_versions_are_identical(version):
    old = bundle(version=version)
    assert create_errors(old) == []
    assert encoded(f"certificates.k8s.io/{version}", stored(bundle()))["spec"] == old["spec"]


def test_columns_and_selectors():
    assert cells(bundle()) == ["<none>"]
    assert cells(bundle(signer="a.com/s")) == ["a.com/s"]
    select = served(bundle()).kind.selectable_fields["spec.signerName"]
    assert (select(bundle()), select(bundle(signer="a.com/s"))) == ("", "a.com/s")
