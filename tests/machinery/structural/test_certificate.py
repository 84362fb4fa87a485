"""A definition from the field, cert-manager's Certificate, and what is told of an object of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from sampan.machinery.schema import load
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema
from sampan.machinery.tree import deep_copy
from tests.kinds.write import create_errors

GIVEN = json.loads((Path(__file__).parents[3] / "benchmarks" / "certificate.json").read_text())
SCHEMA = ResourceSchema(
    GIVEN["definition"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"], object_meta_reader(load())
)


def certificate(**spec: Any) -> Any:
    obj = deep_copy(GIVEN["object"])
    obj["spec"] |= spec
    return obj


def test_the_definition_is_accepted() -> None:
    assert create_errors(GIVEN["definition"]) == []


def test_a_good_certificate_stays_as_it_is() -> None:
    obj = certificate()
    assert SCHEMA.read(obj) == []
    SCHEMA.default(obj)
    assert SCHEMA.validate(obj) == []
    assert obj == GIVEN["object"]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"privateKey": {"algorithm": "DSA"}},
            'spec.privateKey.algorithm: Unsupported value: "DSA": supported values: "RSA", "ECDSA", "Ed25519"',
        ),
        ({"issuerRef": {"kind": "Issuer"}}, "spec.issuerRef.name: Required value"),
        (
            {"dnsNames": "a"},
            'spec.dnsNames: Invalid value: "string": spec.dnsNames in body must be of type array: "string"',
        ),
        (
            {"revisionHistoryLimit": 2**40},
            '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in '
            "spec.revisionHistoryLimit",
        ),
    ],
)
def test_bad_ones(spec: dict[str, Any], told: str) -> None:
    obj = certificate(**spec)
    SCHEMA.read(obj)
    assert [str(error) for error in SCHEMA.validate(obj)] == [told]


def test_an_update_may_keep_what_was_wrong() -> None:
    old, new = certificate(privateKey={"size": "x"}), certificate(privateKey={"size": "x"}, secretName="other")
    assert SCHEMA.validate_update(new, old) == []
    assert SCHEMA.validate(new) != []
