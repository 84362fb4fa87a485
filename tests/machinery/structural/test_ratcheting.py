"""What was wrong and has not changed does not refuse an update."""

from typing import Any

import pytest

from sampan.machinery.schema import load
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema

METADATA = object_meta_reader(load())


def resource_schema(schema: dict[str, Any] | None, **options: Any) -> ResourceSchema:
    return ResourceSchema(schema, METADATA, **options)


SHORT = {"type": "string", "maxLength": 1}
KEYED = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["k"],
    "items": {"type": "object", "properties": {"k": {"type": "string"}, "v": SHORT}},
}


def fields(schema: dict[str, Any], old: Any, new: Any) -> list[str]:
    made = resource_schema({"type": "object", "properties": {"spec": schema}})
    return [error.field for error in made.validate_update({"spec": new}, {"spec": old})]


CASES: list[tuple[dict[str, Any], Any, Any, list[str]]] = [
    ({"properties": {"a": SHORT, "b": SHORT}}, {"a": "long", "b": "x"}, {"a": "long", "b": "long"}, ["spec.b"]),
    ({"properties": {"a": SHORT}}, {}, {"a": "long"}, ["spec.a"]),
    ({"properties": {"a": SHORT}, "required": ["z"]}, {"a": "x"}, {"a": "y"}, ["spec.z"]),
    ({"properties": {"a": SHORT}, "required": ["z"]}, {"a": "x"}, {"a": "x"}, []),
    ({"additionalProperties": SHORT}, {"x": "long"}, {"x": "long", "y": "1"}, []),
    ({"items": SHORT}, ["long", "a"], ["long", "b"], ["spec[0]"]),
    ({"items": SHORT}, ["long"], ["long"], []),
    (KEYED, [{"k": "1", "v": "long"}], [{"k": "0"}, {"k": "1", "v": "long"}], []),
    (KEYED, [{"k": "1", "v": "long"}], [{"k": "1", "v": "longer"}], ["spec[0].v"]),
    (
        {"properties": {"a": {"allOf": [{"properties": {"b": SHORT}}], "properties": {"b": {"type": "string"}}}}},
        {"a": {"b": "long"}},
        {"a": {"b": "long"}},
        [],
    ),
    (
        {"allOf": [{"properties": {"b": SHORT}}], "properties": {"b": {"type": "string"}, "c": {"type": "string"}}},
        {"b": "long"},
        {"b": "long", "c": "new"},
        ["spec.b", "<nil>"],
    ),
    ({"properties": {"a": {"type": "boolean"}}}, {"a": 1}, {"a": 1, "b": 1}, []),
    ({"properties": {"a": {"maximum": 0}}}, {"a": 1.0}, {"a": 1}, ["spec.a"]),
]


@pytest.mark.parametrize(("schema", "old", "new", "left"), CASES)
def test_updates(schema: dict[str, Any], old: Any, new: Any, left: list[str]) -> None:
    assert fields(schema, old, new) == left


def test_status_is_compared_with_status() -> None:
    made = resource_schema({"properties": {"status": {"properties": {"a": SHORT, "b": SHORT}}}})
    new, old = {"status": {"a": "long", "b": "long"}}, {"status": {"a": "long"}}
    told = [str(error) for error in made.validate_status_update(new, old)]
    assert told == ["status.b: Too long: may not be more than 1 byte"]


def test_duplicates_that_were_there_may_stay() -> None:
    made = {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}
    assert fields(made, ["a", "a"], ["b", "b"]) == []
    assert fields(made, ["a"], ["b", "b"]) == ["spec[1]"]


def test_the_type_is_never_forgiven() -> None:
    made = resource_schema({"properties": {"kind": {"type": "string", "enum": ["Other"]}, "spec": {}}})
    told = made.validate_update({"kind": "K", "spec": 1}, {"kind": "K", "spec": 2})
    assert [error.field for error in told] == ["kind"]
