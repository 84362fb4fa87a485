"""Custom resources between client and store."""

from typing import Any

import pytest

from sampan.kinds.apiextensions.custom_kind import custom_kind
from sampan.machinery.catalogue import Catalogue
from sampan.machinery.codec import DecodeError, StrictDecodeError
from sampan.machinery.errors import BadRequest, Invalid
from sampan.machinery.kind import ObjectCodec
from sampan.machinery.schema import load

STRING = {"type": "string"}


def version(name: str, *, storage: bool, **properties: Any) -> dict[str, Any]:
    tree = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": tree}}


DEFINITION = {
    "metadata": {"name": "shirts.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "versions": [
            version("v1", storage=False, color={**STRING, "default": "red"}, fit={**STRING, "default": "slim"}),
            version("v2", storage=True, color={**STRING, "default": "blue"}, size=STRING),
        ],
    },
    "status": {"acceptedNames": {"plural": "shirts", "kind": "Shirt"}},
}
KIND = custom_kind(DEFINITION, load())
CATALOGUE = Catalogue(()).with_kinds((KIND,))


def codec(name: str) -> ObjectCodec:
    return CATALOGUE.codec(CATALOGUE.by_resource["example.com", name, "shirts"])


def shirt(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v2", "kind": "Shirt", "metadata": {"name": "s"}, "spec": spec}


def test_an_object_gets_the_defaults_of_the_version_that_was_used() -> None:
    body = {**shirt(), "apiVersion": "example.com/v1"}
    read, warnings = codec("v1").decode(body)
    assert (read, warnings) == ({**shirt(color="red", fit="slim"), "apiVersion": "example.com/v1"}, [])


def test_unknown_fields() -> None:
    for validation, told in (("Warn", ['unknown field "spec.collar"']), ("Ignore", [])):
        assert codec("v2").decode(shirt(collar=1), validation) == (shirt(color="blue"), told)
    with pytest.raises(StrictDecodeError) as caught:
        codec("v2").decode(shirt(collar=1))
    assert caught.value.message == (
        'Shirt in version "v2" cannot be handled as a Shirt: strict decoding error: unknown field "spec.collar"'
    )


def test_duplicates_are_told_first() -> None:
    _, told = codec("v2").decode(shirt(collar=1), "Warn", ["spec.color"])
    assert told == ['duplicate field "spec.color"', 'unknown field "spec.collar"']


def test_what_comes_out_of_storage_fits_its_own_version_and_then_the_one_that_is_asked_for() -> None:
    structure = KIND.storage.structure
    assert structure is not None
    resource = structure.resource
    restored = resource.restore(shirt(size="L", gone=1))
    assert restored == shirt(size="L", color="blue")
    assert resource.accept(restored, "v1") == {**shirt(color="blue"), "apiVersion": "example.com/v1"}
    unknown = {**shirt(size="L"), "apiVersion": "example.com/v0"}  # a version that the definition has dropped
    assert resource.restore(unknown) is unknown and resource.storage_version == "example.com/v2"


def test_the_stored_version_is_the_first_and_each_has_its_own_form() -> None:
    assert [found.version for found in KIND.versions] == ["v2", "v1"]
    forms = [CATALOGUE.by_resource["example.com", name, "shirts"] for name in ("v1", "v2")]
    assert [form.kind.storage is form.version for form in forms] == [True, True]


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"kind": "Sock"}, Invalid, 'Shirt.example.com "s" is invalid: kind: Invalid value: "Sock": must be Shirt'),
        (
            {"apiVersion": ""},
            Invalid,
            'Shirt.example.com "s" is invalid: apiVersion: Invalid value: "": must be example.com/v2',
        ),
        (
            {"kind": ""},
            DecodeError,
            "Shirt in version \"v2\" cannot be handled as a Shirt: Object 'Kind' is missing in "
            '\'{"apiVersion":"example.com/v2","kind":"","metadata":{"name":"s"},"spec":{}}\'',
        ),
        (
            {"apiVersion": "example.com/v1"},
            BadRequest,
            "the API version in the data (example.com/v1) does not match the expected API version (example.com/v2)",
        ),
        (
            {"metadata": {"name": 5}},
            DecodeError,
            'Shirt in version "v2" cannot be handled as a Shirt: json: cannot unmarshal number into Go struct field '
            "ObjectMeta.name of type string",
        ),
    ],
)
def test_what_is_refused(changes: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error) as caught:
        codec("v2").decode({**shirt(), **changes})
    assert str(caught.value) == told
