"""CustomResourceDefinition: which schemas and rules are refused, in upstream's words."""

from typing import Any

import pytest

from tests.kinds.definitions import (
    SHIRT,
    STRING,
    VALIDATION,
    property_errors,
    schema_errors,
)


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({}, ["type: Required value: must not be empty for specified object fields"]),
        ({"type": "array"}, ["items: Required value: must be specified"]),
        (
            {"type": "strin"},
            [
                'type: Unsupported value: "strin": supported values: "array", "boolean", "integer", "number", '
                '"object", "string"'
            ],
        ),
        ({"type": "string", "$ref": "#/x"}, ["$ref: Forbidden: $ref is not supported"]),
        (
            {"type": "array", "items": STRING, "uniqueItems": True},
            [
                "uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes "
                "quadratic"
            ],
        ),
        (
            {"type": "object", "properties": {"a": STRING}, "additionalProperties": STRING},
            ["additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
        ),
        (
            {"type": "object", "x-kubernetes-preserve-unknown-fields": False},
            [
                "x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined",
            ],
        ),
        (
            {"type": "string", "pattern": "(a"},
            [
                'pattern: Invalid value: "(a": must be a valid regular expression, but isn\'t: '
                "error parsing regexp: missing closing ): `(a`"
            ],
        ),
        (
            {"type": "string", "anyOf": [{"type": "string"}]},
            ["anyOf[0].type: Forbidden: must be empty to be structural"],
        ),
        ({"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}, []),
        ({"x-kubernetes-int-or-string": True, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}]}, []),
        (
            {"x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
            ["type: Required value: must be object if x-kubernetes-embedded-resource is true"],
        ),
        (
            {"type": "object", "x-kubernetes-embedded-resource": True},
            [
                "properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without "
                "x-kubernetes-preserve-unknown-fields"
            ],
        ),
        (
            {"type": "object", "default": {"a": 1}},
            ['default: Invalid value: {"a":1}: must not have unknown fields'],
        ),
        (
            {"type": "string", "default": 5},
            ['default: Invalid value: "integer":  in body must be of type string: "integer"'],
        ),
        (
            {"type": "string", "x-kubernetes-list-type": "set"},
            ['type: Invalid value: "string": must be array if x-kubernetes-list-type is specified'],
        ),
        (
            {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"},
            [
                "items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with "
                "x-kubernetes-list-type=set"
            ],
        ),
        (
            {"type": "array", "items": STRING, "x-kubernetes-list-type": "bag"},
            ['x-kubernetes-list-type: Unsupported value: "bag": supported values: "atomic", "set", "map"'],
        ),
        (
            {
                "type": "array",
                "items": {"type": "object", "properties": {"k": {**STRING, "nullable": True}}},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["k"],
            },
            [
                "items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it "
                "must have a default or be a required property",
                "items.properties[k].nullable: Forbidden: this property is in x-kubernetes-list-map-keys, so it cannot "
                "be nullable",
            ],
        ),
        (
            {
                "type": "object",
                "properties": {"a": STRING},
                "x-kubernetes-validations": [{"rule": " "}, {"rule": "a\nb", "reason": "Why", "fieldPath": ".b"}],
            },
            [
                "x-kubernetes-validations[0].rule: Required value: rule is not specified",
                "x-kubernetes-validations[1].message: Required value: message must be specified if rule contains line "
                "breaks",
                'x-kubernetes-validations[1].reason: Unsupported value: "Why": supported values: '
                '"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"',
                'x-kubernetes-validations[1].fieldPath: Invalid value: ".b": must be a valid path',
            ],
        ),
    ],
)
def test_schemas(schema: dict[str, Any], told: list[str]) -> None:
    assert property_errors(schema) == told


def test_junctors_speak_only_of_what_is_specified() -> None:
    told = schema_errors({"type": "object", "anyOf": [{"properties": {"a": {"minLength": 1}}}]})
    assert told == [
        f"{VALIDATION}.properties[a]: Required value: because it is defined in {VALIDATION}.anyOf[0].properties[a]"
    ]


def test_metadata_may_restrict_names_only() -> None:
    def with_metadata(metadata: dict[str, Any]) -> list[str]:
        return schema_errors({"type": "object", "properties": {"metadata": metadata}})

    assert with_metadata({"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}}) == []
    assert with_metadata({"type": "object", "properties": {"labels": {"type": "object"}}}) == [
        f"{VALIDATION}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, "
        "but metadata is implicitly specified"
    ]


def test_defaults_in_the_metadata_of_embedded_objects_make_valid_metadata() -> None:
    metadata = {"type": "object", "properties": {"name": {"type": "string", "default": "a/b"}}}
    node = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"metadata": metadata}}
    (told,) = property_errors(node)
    assert told.startswith('properties[metadata].properties[name].default: Invalid value: "a/b": must result in valid')


def test_the_root_holds_nothing_for_status() -> None:
    told = schema_errors({**SHIRT, "anyOf": [{}]}, subresources={"status": {}})
    assert len(told) == 1
    assert told[0].endswith("fields are allowed at the root of the schema if the status subresource is enabled")
    assert schema_errors({**SHIRT, "anyOf": [{}]}) == []


def ruled(rule: str, **more: Any) -> dict[str, Any]:
    node = {"type": "object", "properties": {"size": {"type": "integer"}, **more}}
    node["x-kubernetes-validations"] = [{"rule": rule}]
    return {"type": "object", "properties": {"spec": node}}


def test_rules_compile() -> None:
    assert schema_errors(ruled("self.size > 1")) == []
    (told,) = schema_errors(ruled("self.length > 1"))
    assert told.startswith(f"{VALIDATION}.properties[spec].x-kubernetes-validations[0].rule: Invalid value: ")
    assert "undefined field 'length'" in told


def test_rules_of_what_is_not_sound_are_passed_over() -> None:
    told = schema_errors(ruled("self.length > 1", bad={"type": "strin"}))
    assert [error.partition(":")[0] for error in told] == [f"{VALIDATION}.properties[spec].properties[bad].type"]


def test_a_rule_may_not_cost_too_much() -> None:
    costly = ruled("self.l.all(x, self.l.all(y, x == y))", l={"type": "array", "items": STRING})
    told = schema_errors(costly)
    assert any("estimated rule cost exceeds budget by factor of more than 100x" in error for error in told)
    bounded = {"type": "array", "maxItems": 3, "items": {**STRING, "maxLength": 3}}
    assert schema_errors(ruled("self.l.all(x, self.l.all(y, x == y))", l=bounded)) == []


def test_a_rule_is_run_on_defaults() -> None:
    node = {**STRING, "default": "a", "x-kubernetes-validations": [{"rule": "self != 'a'", "message": "not a"}]}
    assert property_errors(node) == ['default: Invalid value: "a": not a']
