"""What server-side apply makes of custom resources."""

from typing import Any

import pytest

from sampan.machinery.apply import apply
from sampan.machinery.errors import Conflict
from sampan.machinery.schema import Definition, load
from sampan.machinery.structural.definitions import definition_of
from sampan.machinery.structural.schema import Structural

NAME = "com.example.v1.Shirt"
STRING = {"type": "string"}
PAIR = {"type": "object", "properties": {"a": STRING, "b": STRING}}
KEYED = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["port", "protocol"],
    "items": {
        "type": "object",
        "properties": {"port": {"type": "integer"}, "protocol": {**STRING, "default": "UDP"}, "v": STRING},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "ports": KEYED,
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": STRING},
                "words": {"type": "array", "items": STRING},
                "map": {"type": "object", "additionalProperties": STRING},
                "whole": {
                    "type": "object",
                    "x-kubernetes-map-type": "atomic",
                    "properties": {"a": STRING, "b": STRING},
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "partly": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"known": STRING},
                },
                "size": {"x-kubernetes-int-or-string": True},
            },
        }
    },
}


def shirt() -> Definition:
    return definition_of(Structural(SCHEMA, resource_root=True), NAME, load())[0]


def applied(live: Any, manager: str, **spec: Any) -> Any:
    obj = {"apiVersion": "example.com/v1", "kind": "Shirt", "metadata": {"name": "s"}, "spec": spec}
    return apply(live, obj, definition=shirt(), manager=manager, now="2026-01-01T00:00:00Z")


def both(first: dict[str, Any], second: dict[str, Any]) -> Any:
    """What two managers make of an object, one after the other."""
    return applied(applied(None, "a", **first), "b", **second)["spec"]


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        ({"tags": ["x"]}, {"tags": ["y"]}, {"tags": ["y", "x"]}),
        ({"map": {"a": "1"}}, {"map": {"b": "2"}}, {"map": {"a": "1", "b": "2"}}),
        ({"free": {"a": {"b": 1}}}, {"free": {"a": {"c": [1]}}}, {"free": {"a": {"b": 1, "c": [1]}}}),
        ({"partly": {"known": "k"}}, {"partly": {"other": 1}}, {"partly": {"known": "k", "other": 1}}),
        (
            {"ports": [{"port": 1, "v": "a"}]},
            {"ports": [{"port": 1, "protocol": "TCP"}]},
            {"ports": [{"port": 1, "protocol": "TCP"}, {"port": 1, "v": "a"}]},
        ),
        (
            {"ports": [{"port": 1, "v": "a"}]},
            {"ports": [{"port": 1, "protocol": "UDP"}]},
            {"ports": [{"port": 1, "v": "a", "protocol": "UDP"}]},
        ),
    ],
)
def test_what_merges(first: dict[str, Any], second: dict[str, Any], result: dict[str, Any]) -> None:
    assert both(first, second) == result


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ({"words": ["x"]}, {"words": ["y"]}, ".spec.words"),
        ({"whole": {"a": "1"}}, {"whole": {"b": "2"}}, ".spec.whole"),
        ({"free": {"l": [1]}}, {"free": {"l": [2]}}, ".spec.free.l"),
        ({"size": 1}, {"size": "1"}, ".spec.size"),
    ],
)
def test_what_is_owned_as_one(first: dict[str, Any], second: dict[str, Any], field: str) -> None:
    with pytest.raises(Conflict) as caught:
        both(first, second)
    assert caught.value.details["causes"][0]["field"] == field


def test_values_of_another_type_than_their_field_do_no_harm() -> None:
    made = applied(None, "a", map=["x"], ports=[1], whole="x", words={"a": 1})
    assert made["spec"] == {"map": ["x"], "ports": [1], "whole": "x", "words": {"a": 1}}


def test_metadata_is_that_of_every_object() -> None:
    fields = shirt().fields["metadata"].definition.fields
    assert fields["ownerReferences"].list_map_keys == ("uid",)


def test_types_are_made_when_they_are_reached() -> None:
    root, types = definition_of(Structural(SCHEMA, resource_root=True), NAME, load())
    assert types.names() == [NAME, f"{NAME}.spec"]
    assert root.fields["spec"].definition.fields["whole"].definition.name == f"{NAME}.spec.whole"
    assert f"{NAME}.spec.partly" in types
