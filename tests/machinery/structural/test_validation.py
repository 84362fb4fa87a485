"""Every keyword, in upstream's words."""

from typing import Any

import pytest

from sampan.machinery.schema import load
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema

METADATA = object_meta_reader(load())


def resource_schema(schema: dict[str, Any] | None, **options: Any) -> ResourceSchema:
    return ResourceSchema(schema, METADATA, **options)


X = "spec.x: Invalid value: "
WHOLE = '<nil>: Invalid value: "": '


def errors(schema: dict[str, Any], value: Any) -> list[str]:
    made = resource_schema({"type": "object", "properties": {"spec": {"type": "object", "properties": {"x": schema}}}})
    return [str(error) for error in made.validate({"spec": {"x": value}})]


GOOD = [
    ({"type": "integer"}, 1.0),
    ({"type": "number"}, 1),
    ({"type": "string", "nullable": True}, None),
    ({"x-kubernetes-int-or-string": True}, 1),
    ({"x-kubernetes-int-or-string": True}, "1"),
    ({"x-kubernetes-preserve-unknown-fields": True}, [1, {"a": None}]),
    ({"type": "string", "maxLength": 1}, "\N{GRINNING FACE}"),
    ({"type": "string", "pattern": "b"}, "abc"),
    ({"type": "string", "format": "nonsense"}, "anything"),
    ({"type": "integer", "enum": [1.0]}, 1),
    ({"type": "integer", "maximum": 3}, 3),
    ({"type": "number", "multipleOf": 0.1}, 0.3),
    ({"type": "array", "items": {"type": "string"}, "maxItems": 1}, ["a"]),
    ({"anyOf": [{"minimum": 5}, {"maximum": 1}]}, 0),
    ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1}),
    ({"not": {"required": ["a"]}}, {"b": 1}),
]


@pytest.mark.parametrize(("schema", "value"), GOOD)
def test_good(schema: dict[str, Any], value: Any) -> None:
    assert errors(schema, value) == []


BAD: list[tuple[dict[str, Any], Any, list[str]]] = [
    ({"type": "integer"}, "a", [X + '"string": spec.x in body must be of type integer: "string"']),
    (
        {"type": "integer"},
        1.5,
        [
            X + '"number": spec.x in body must be of type integer: "number"',
            '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.x',
        ],
    ),
    ({"type": "boolean"}, 1, [X + '"integer": spec.x in body must be of type boolean: "integer"']),
    ({"type": "string"}, None, [X + '"null": spec.x in body must be of type string: "null"']),
    (
        {"x-kubernetes-int-or-string": True},
        True,
        [X + '"boolean": spec.x in body must be of type integer,string: "boolean"'],
    ),
    ({"type": "string", "format": "date"}, 5, [X + '"int64": spec.x in body must be of type date: "int64"']),
    ({"type": "string", "format": "date"}, "5", [X + '"5": spec.x in body must be of type date: "5"']),
    ({"type": "string", "maxLength": 2}, "abc", ["spec.x: Too long: may not be more than 2 bytes"]),
    ({"type": "string", "maxLength": 0}, "abc", ["spec.x: Too long: may not be more than 0 bytes"]),
    ({"type": "string", "minLength": 1}, "", [X + '"": spec.x in body should be at least 1 chars long']),
    ({"type": "string", "pattern": "^a$"}, "b", [X + "\"b\": spec.x in body should match '^a$'"]),
    ({"type": "string", "enum": ["a", "b"]}, "c", ['spec.x: Unsupported value: "c": supported values: "a", "b"']),
    ({"enum": [1, None, {"a": 1}]}, 2, ['spec.x: Unsupported value: 2: supported values: "1", "null", "{\\"a\\":1}"']),
    ({"nullable": True, "enum": [None, "a"]}, None, ['spec.x: Unsupported value: null: supported values: "null", "a"']),
    ({"type": "integer", "maximum": 3}, 4, [X + "4: spec.x in body should be less than or equal to 3"]),
    (
        {"type": "integer", "maximum": 3, "exclusiveMaximum": True},
        3,
        [X + "3: spec.x in body should be less than 3"],
    ),
    ({"type": "number", "minimum": 1.5}, 1.25, [X + "1.25: spec.x in body should be greater than or equal to 1.5"]),
    (
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        0.0,
        [X + "0: spec.x in body should be greater than 0"],
    ),
    ({"type": "integer", "multipleOf": 3}, 4, [X + "4: spec.x in body should be a multiple of 3"]),
    (
        {"type": "integer", "format": "int32"},
        2**31,
        ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.x'],
    ),
    ({"type": "array", "maxItems": 1}, [1, 2], ["spec.x: Too many: 2: must have at most 1 item"]),
    ({"type": "array", "minItems": 2}, [1], [X + "1: spec.x in body should have at least 2 items"]),
    ({"type": "array", "uniqueItems": True}, [1, 1], [X + '"": spec.x in body shouldn\'t contain duplicates']),
    (
        {"type": "array", "items": {"type": "string"}},
        ["a", 1],
        ['spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer"'],
    ),
    ({"type": "object", "maxProperties": 1}, {"a": 1, "b": 1}, ["spec.x: Too many: 2: must have at most 1 item"]),
    ({"type": "object", "minProperties": 1}, {}, [X + "0: spec.x in body should have at least 1 properties"]),
    ({"type": "object", "required": ["a", "b"]}, {"a": 1}, ["spec.x.b: Required value"]),
    (
        {"type": "object", "additionalProperties": False},
        {"a": 1},
        [X + '"a": spec.x.a in body is a forbidden property'],
    ),
    (
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"a": "b"},
        ['spec.x.a: Invalid value: "string": spec.x.a in body must be of type integer: "string"'],
    ),
    (
        {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"a": 1, "b": 1},
        [WHOLE + '"spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ),
    (
        {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {},
        [
            '<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found none valid',
            "spec.x.a: Required value",
        ],
    ),
    (
        {"anyOf": [{"required": ["a"]}, {"properties": {"b": {"maximum": 1}}}]},
        {"b": 2},
        [
            '<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)',
            "spec.x.b: Invalid value: 2: spec.x.b in body should be less than or equal to 1",
        ],
    ),
    (
        {"allOf": [{"minimum": 5}, {"maximum": 9}]},
        3,
        [
            X + "3: spec.x in body should be greater than or equal to 5",
            '<nil>: Invalid value: "": "spec.x" must validate all the schemas (allOf)',
        ],
    ),
    (
        {"not": {"required": ["a"]}},
        {"a": 1},
        ['<nil>: Invalid value: "": "spec.x" must not validate the schema (not)'],
    ),
]


@pytest.mark.parametrize(("schema", "value", "told"), BAD)
def test_bad(schema: dict[str, Any], value: Any, told: list[str]) -> None:
    assert errors(schema, value) == told


def test_a_wrong_type_has_a_cause_of_its_own() -> None:
    (error,) = resource_schema({"type": "object", "properties": {"a": {"type": "string"}}}).validate({"a": 1})
    assert error.message() == 'Invalid value: "integer": a in body must be of type string: "integer"'
    from sampan.machinery.errors import Invalid

    status = Invalid.of("K", "g", "n", [error]).status()
    assert status["details"]["causes"][0]["reason"] == "FieldValueTypeInvalid"


def test_a_catastrophic_pattern_is_harmless() -> None:
    assert errors({"type": "string", "pattern": "^(a+)+$"}, "a" * 5000 + "!") != []


def test_lists_that_are_sets_or_maps_hold_nothing_twice() -> None:
    keyed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k", "l"]}
    assert errors({"type": "array", "x-kubernetes-list-type": "set"}, ["a", 1, True, 1.0, "a", "a"]) == [
        'spec.x[4]: Duplicate value: "a"'
    ]
    assert errors(keyed, [{"k": 1, "v": 1}, {"k": 1, "v": 2}, {"k": 1, "l": 1}]) == [
        'spec.x[1]: Duplicate value: {"k":1}'
    ]
    assert errors(keyed, [{"k": 1}, 5]) == [
        "spec.x[1]: Invalid value: 5: must be an object for an array of list-type map"
    ]


def test_embedded_objects_are_named_like_objects() -> None:
    node = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
    assert errors(node, {"kind": "", "metadata": {"name": "a/b", "labels": {"k": "-"}}})[:3] == [
        "spec.x.apiVersion: Required value",
        'spec.x.kind: Invalid value: "": must not be empty',
        "spec.x.metadata.name: Invalid value: \"a/b\": may not contain '/'",
    ]


def test_scale_fields_are_counts() -> None:
    scale = {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n", "labelSelectorPath": ".status.s"}
    made = resource_schema({"type": "object"}, scale=scale)
    told = [str(error) for error in made.validate({"spec": {"n": -1}, "status": {"n": 2**31, "s": 5}})]
    assert told == [
        ".spec.n: Invalid value: -1: should be a non-negative integer",
        ".status.n: Invalid value: 2147483648: should be less than or equal to 2147483647",
        '.status.s: Invalid value: "": .status.s accessor error: 5 is of the type int64, expected string',
    ]
