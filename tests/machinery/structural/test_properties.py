"""What holds of every structural schema and every object."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sampan.machinery.schema import load
from sampan.machinery.structural.definitions import definition_of
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema
from sampan.machinery.tree import deep_copy

METADATA = object_meta_reader(load())
NAMES = st.sampled_from("abcd")
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.text("xyz", max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)
STRINGS = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "nullable": st.booleans(),
        "maxLength": st.integers(1, 3),
        "enum": st.just(["x", "y", ""]),
        "default": st.sampled_from(["x", ""]),
    },
)
NUMBERS = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={"minimum": st.integers(-5, 0), "nullable": st.booleans(), "default": st.integers(0, 3)},
)
PRESERVED = st.just({"type": "object", "x-kubernetes-preserve-unknown-fields": True})


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, min_size=1, max_size=3)},
        optional={"x-kubernetes-preserve-unknown-fields": st.just(True), "nullable": st.booleans()},
    )


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner},
        optional={"x-kubernetes-list-type": st.sampled_from(["atomic"]), "maxItems": st.integers(1, 3)},
    )
    maps = st.fixed_dictionaries({"type": st.just("object"), "additionalProperties": inner})
    return st.one_of(_objects(inner), lists, maps)


NODES = st.recursive(st.one_of(STRINGS, NUMBERS, PRESERVED), _containers, max_leaves=6)
SCHEMAS = st.builds(lambda node: {"type": "object", "properties": {"spec": node}}, NODES)


def made(schema: Any) -> ResourceSchema:
    return ResourceSchema(schema, METADATA)


@given(SCHEMAS, VALUES)
def test_reading_twice_is_reading_once(schema: Any, value: Any) -> None:
    known, obj = made(schema), {"spec": value}
    known.read(obj)
    once = deep_copy(obj)
    assert known.read(obj) == []
    assert obj == once


@given(SCHEMAS, VALUES)
def test_defaulting_twice_is_defaulting_once(schema: Any, value: Any) -> None:
    known, obj = made(schema), {"spec": value}
    known.read(obj)
    known.default(obj)
    once = deep_copy(obj)
    known.default(obj)
    assert obj == once


@given(SCHEMAS, VALUES)
def test_defaults_make_nothing_unknown_and_nothing_wrong(schema: Any, value: Any) -> None:
    known, obj = made(schema), {"spec": value}
    known.read(obj)
    before = {str(error) for error in known.validate(obj)}
    known.default(obj)
    assert {str(error) for error in known.validate(obj)} <= before
    assert known.read(obj) == []


@given(SCHEMAS, VALUES, VALUES)
def test_ratcheting_only_forgives(schema: Any, old: Any, new: Any) -> None:
    known, before, after = made(schema), {"spec": old}, {"spec": new}
    known.read(before)
    known.read(after)
    told = known.validate_update(after, before)
    assert [error for error in known.validate(after) if error in told] == told
    assert known.validate_update(after, deep_copy(after)) == []


@given(SCHEMAS, VALUES)
def test_only_what_the_schema_or_metadata_names_is_left(schema: Any, value: Any) -> None:
    known = made({"type": "object", "properties": {}})
    obj = {"apiVersion": "v1", "kind": "K", "metadata": {}, "spec": value}
    assert known.read(obj) == ["spec"]
    assert obj == {"apiVersion": "v1", "kind": "K", "metadata": {}}


@given(SCHEMAS)
def test_every_field_has_a_type_for_apply(schema: Any) -> None:
    root, _ = definition_of(made(schema).node, "x.v1.K", load())
    pending = [root.fields["spec"]]
    while pending:
        field = pending.pop()
        if field.type == "object":
            pending += field.definition.fields.values()
        elif field.items is not None:
            pending.append(field.items)
        else:
            assert field.type in ("string", "integer", "number", "any")
