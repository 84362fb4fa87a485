"""Custom resources in OpenAPI."""

from typing import Any

import pytest

from sampan.machinery.descriptions import Descriptions
from sampan.machinery.schema import load
from sampan.machinery.structural.publishing import Publisher, Texts

GVK = {"group": "example.com", "version": "v1", "kind": "Shirt"}
PREFIX = {2: "#/definitions/", 3: "#/components/schemas/"}
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
TEXTS = Texts("of apiVersion", "of kind", "of metadata", "of list metadata")
STRING = {"type": "string"}
PRESERVE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def publisher(version: int) -> Publisher:
    return Publisher(version, lambda name: {"$ref": PREFIX[version] + name}, TEXTS)


def field(version: int, schema: dict[str, Any]) -> Any:
    """A field as it is published."""
    made = publisher(version).of_kind({"type": "object", "properties": {"x": schema}}, GVK)
    return made["properties"]["x"]


@pytest.mark.parametrize(
    ("version", "metadata"),
    [
        (2, {"$ref": f"#/definitions/{META}", "description": "of metadata"}),
        (3, {"description": "of metadata", "allOf": [{"$ref": f"#/components/schemas/{META}"}]}),
    ],
)
def test_every_object_has_a_type_and_metadata(version: int, metadata: dict[str, Any]) -> None:
    own = {"type": "object", "properties": {"metadata": {"type": "object"}}, "description": "A shirt."}
    assert publisher(version).of_kind(own, GVK) == {
        "type": "object",
        "description": "A shirt.",
        "properties": {
            "apiVersion": {"type": "string", "description": "of apiVersion"},
            "kind": {"type": "string", "description": "of kind"},
            "metadata": metadata,
        },
        "x-kubernetes-group-version-kind": [GVK],
    }


@pytest.mark.parametrize(
    "schema", [None, {"type": "object", "anyOf": [{"type": "object"}]}, {"$ref": "#/x"}, {"type": "strin"}]
)
def test_of_what_is_not_structural_nothing_is_said(schema: Any) -> None:
    for version in (2, 3):
        made = publisher(version).of_kind(schema, GVK)
        assert made == {"type": "object", "x-kubernetes-group-version-kind": [GVK]}


LONG = {"type": "object", "properties": {"a": {**STRING, "nullable": True}, "b": STRING}, "required": ["a", "b"]}


@pytest.mark.parametrize(
    ("schema", "in_2", "in_3"),
    [
        ({**STRING, "nullable": True, "maxLength": 3}, {"maxLength": 3}, {**STRING, "nullable": True, "maxLength": 3}),
        ({**STRING, "not": {"pattern": "a"}}, STRING, {**STRING, "not": {"pattern": "a"}}),
        (
            {**PRESERVE, "properties": {"a": STRING}},
            {"x-kubernetes-preserve-unknown-fields": True},
            {**PRESERVE, "properties": {"a": STRING}},
        ),
        (
            {"x-kubernetes-int-or-string": True},
            {"x-kubernetes-int-or-string": True},
            {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, STRING]},
        ),
        (
            {"x-kubernetes-int-or-string": True, "anyOf": [{"minimum": 1}]},
            {"x-kubernetes-int-or-string": True},
            {
                "x-kubernetes-int-or-string": True,
                "anyOf": [{"minimum": 1}],
                "allOf": [{"anyOf": [{"type": "integer"}, STRING]}],
            },
        ),
        (
            {"type": "array", "x-kubernetes-preserve-unknown-fields": True, "items": STRING},
            {"x-kubernetes-preserve-unknown-fields": True},
            {"type": "array", "x-kubernetes-preserve-unknown-fields": True, "items": STRING},
        ),
        (LONG, {"type": "object", "properties": {"a": {}, "b": STRING}, "required": ["b"]}, LONG),
        (
            {"type": "array", "items": {**STRING, "oneOf": [{"minLength": 1}]}},
            {"type": "array", "items": STRING},
            {"type": "array", "items": {**STRING, "oneOf": [{"minLength": 1}]}},
        ),
    ],
)
def test_version_2_leaves_out_what_old_clients_cannot_bear(schema: Any, in_2: Any, in_3: Any) -> None:
    assert field(2, schema) == in_2
    assert field(3, schema) == in_3


def test_unknown_fields_at_the_root_leave_version_2_nothing_to_say() -> None:
    schema = {**PRESERVE, "properties": {"spec": STRING}}
    assert publisher(2).of_kind(schema, GVK) == {"type": "object", "x-kubernetes-group-version-kind": [GVK]}
    assert "spec" in publisher(3).of_kind(schema, GVK)["properties"]
    old = publisher(2).of_kind({"type": "object"}, GVK, preserve_unknown=True)
    assert "properties" not in old


def test_embedded_objects_are_objects_too() -> None:
    node = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": STRING}}
    made = field(3, node)
    assert list(made["properties"]) == ["spec", "apiVersion", "kind", "metadata"]
    assert made["required"] == ["kind", "apiVersion"]
    free = {**PRESERVE, "x-kubernetes-embedded-resource": True}
    assert "properties" not in field(2, free)
    assert "metadata" in field(3, free)["properties"]


def test_what_is_zero_or_forbidden_is_told() -> None:
    assert field(3, {"type": "boolean", "default": False}) == {"type": "boolean", "default": False}
    assert field(3, {**STRING, "minLength": 0}) == {**STRING, "minLength": 0}
    assert field(2, {"type": "object", "additionalProperties": False})["additionalProperties"] is False


def test_selectable_fields_are_told_of_objects_and_lists() -> None:
    made = publisher(3).of_kind({"type": "object"}, GVK, selectable=[".spec.size"])
    assert made["x-kubernetes-selectable-fields"] == [{"fieldPath": "spec.size"}]
    listed = publisher(3).of_list("com.example.v1.Shirt", GVK, "ShirtList", "shirts", [".spec.size"])
    assert listed["x-kubernetes-selectable-fields"] == [{"fieldPath": "spec.size"}]


def test_lists() -> None:
    made = publisher(3).of_list("com.example.v1.Shirt", GVK, "ShirtList", "shirts")
    assert made["description"] == "ShirtList is a list of Shirt"
    assert made["properties"]["items"]["items"] == {"$ref": "#/components/schemas/com.example.v1.Shirt"}
    assert made["x-kubernetes-group-version-kind"] == [{**GVK, "kind": "ShirtList"}]


def test_the_schema_stays_as_it_is() -> None:
    node = {"type": "object", "properties": {"x": {**LONG, "x-kubernetes-embedded-resource": True}}}
    before = repr(node)
    publisher(2).of_kind(node, GVK)
    publisher(3).of_kind(node, GVK)
    assert repr(node) == before


def test_texts_are_those_of_built_in_kinds() -> None:
    texts = Texts.of(Descriptions(load()))
    assert texts.metadata.startswith("Standard object's metadata.")
    assert texts.list_metadata.startswith("Standard list metadata.")
    assert texts.api_version.startswith("APIVersion defines")
