"""Custom resources between client and store."""

from typing import Any

import pytest

from sampan.machinery.catalogue import Catalogue
from sampan.machinery.codec import DecodeError, StrictDecodeError
from sampan.machinery.errors import BadRequest, Invalid
from sampan.machinery.kind import Kind, ObjectCodec, ServedVersion
from sampan.machinery.schema import load
from sampan.machinery.structural.codec import CustomStructure
from sampan.machinery.structural.custom import CustomResource
from sampan.machinery.structural.definitions import definition_of
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema

BUILTIN = load()
STRING = {"type": "string"}


def schema(**properties: Any) -> ResourceSchema:
    tree = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
    return ResourceSchema(tree, object_meta_reader(BUILTIN))


RESOURCE = CustomResource(
    "example.com",
    {
        "v2": schema(color={**STRING, "default": "blue"}, size=STRING),
        "v1": schema(color={**STRING, "default": "red"}, fit={**STRING, "default": "slim"}),
    },
    stored="v2",
)


def version(name: str) -> ServedVersion:
    known = RESOURCE.schemas[name]
    definition, _ = definition_of(known.node, f"com.example.{name}.Shirt", BUILTIN)
    return ServedVersion("example.com", name, definition.name, structure=CustomStructure(definition, known, RESOURCE))


KIND = Kind(name="Shirt", plural="shirts", versions=(version("v2"), version("v1")))
CATALOGUE = Catalogue(()).with_kinds((KIND,))


def codec(name: str) -> ObjectCodec:
    return CATALOGUE.codec(CATALOGUE.by_resource["example.com", name, "shirts"])


def shirt(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v2", "kind": "Shirt", "metadata": {"name": "s"}, "spec": spec}


def test_an_object_gets_the_defaults_of_the_version_that_was_used() -> None:
    stored, warnings = codec("v1").decode({**shirt(), "apiVersion": "example.com/v1"})
    assert (stored, warnings) == (shirt(color="red", fit="slim"), [])


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


def test_what_comes_out_of_storage_has_the_defaults_of_today() -> None:
    assert RESOURCE.restore(shirt(size="L", collar=1)) == shirt(size="L", color="blue")


def test_what_is_converted_fits_its_version() -> None:
    assert RESOURCE.accept(shirt(size="L"), "v1") == {**shirt(), "apiVersion": "example.com/v1"}


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
