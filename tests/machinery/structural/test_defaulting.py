"""Defaults, in place."""

from typing import Any

import pytest

from sampan.machinery.structural.defaulting import default
from sampan.machinery.structural.schema import Structural

A = {"type": "string", "default": "A"}
WITH_A = {"type": "object", "properties": {"a": A}}


@pytest.mark.parametrize(
    ("schema", "before", "after"),
    [
        (WITH_A, {}, {"a": "A"}),
        (WITH_A, {"a": ""}, {"a": ""}),
        (WITH_A, {"a": None}, {"a": "A"}),
        ({"properties": {"a": {**A, "nullable": True}}}, {"a": None}, {"a": None}),
        ({"items": WITH_A}, [{}, {"a": 1}], [{"a": "A"}, {"a": 1}]),
        ({"items": A}, [None, "b"], ["A", "b"]),
        ({"items": {**A, "nullable": True}}, [None], [None]),
        ({"additionalProperties": WITH_A}, {"x": {}}, {"x": {"a": "A"}}),
        ({"additionalProperties": A}, {"x": None}, {"x": "A"}),
        ({"additionalProperties": True}, {"x": None}, {"x": None}),
        ({"properties": {"o": {**WITH_A, "default": {}}}}, {}, {"o": {"a": "A"}}),
        ({"properties": {"o": WITH_A}}, {}, {}),
        ({"properties": {"l": {"items": {"items": WITH_A}}}}, {"l": [[{}]]}, {"l": [[{"a": "A"}]]}),
    ],
)
def test_defaults(schema: dict[str, Any], before: Any, after: Any) -> None:
    default(before, Structural(schema))
    assert before == after


def test_each_object_gets_a_copy() -> None:
    node = Structural({"properties": {"a": {"type": "object", "default": {"b": []}}}})
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}
    default(first, node)
    first["a"]["b"].append(1)
    default(second, node)
    assert second == {"a": {"b": []}}
