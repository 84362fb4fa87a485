"""What reading keeps, drops and reports."""

from typing import Any

import pytest

from sampan.machinery.schema import load
from sampan.machinery.structural.object_meta import object_meta_reader
from sampan.machinery.structural.resource import ResourceSchema, Unreadable

METADATA = object_meta_reader(load())


def resource_schema(schema: dict[str, Any] | None, **options: Any) -> ResourceSchema:
    return ResourceSchema(schema, METADATA, **options)


STRING = {"type": "string"}


def schema(**properties: Any) -> ResourceSchema:
    return resource_schema({"type": "object", "properties": properties})


def spec(**properties: Any) -> ResourceSchema:
    return schema(spec={"type": "object", "properties": properties})


def test_unknown_fields_go_and_are_told_by_their_paths() -> None:
    obj = {"apiVersion": "a/v1", "kind": "K", "spec": {"list": [{"b": 1, "a": "x"}], "z": 1}, "other": 1}
    items = {"type": "array", "items": {"type": "object", "properties": {"a": STRING}}}
    assert spec(list=items).read(obj) == ["other", "spec.list[0].b", "spec.z"]
    assert obj == {"apiVersion": "a/v1", "kind": "K", "spec": {"list": [{"a": "x"}]}}


def test_unknown_metadata_comes_first() -> None:
    obj = {"metadata": {"name": "n", "nme": 1, "creationTimestamp": None}, "a": 1}
    assert schema().read(obj) == ["metadata.nme", "a"]
    assert obj == {"metadata": {"name": "n"}}


def test_preserved_fields_stay_but_named_ones_below_are_pruned() -> None:
    node = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"known": {"type": "object"}}}
    obj = {"spec": {"any": {"thing": 1}, "known": {"gone": 1}}}
    assert schema(spec=node).read(obj) == ["spec.known.gone"]
    assert obj == {"spec": {"any": {"thing": 1}, "known": {}}}


def test_lists_pass_preservation_on_to_their_items() -> None:
    item = {"type": "object", "properties": {"a": {"type": "object"}}}
    node = {"type": "array", "x-kubernetes-preserve-unknown-fields": True, "items": item}
    obj = {"spec": [{"more": 1, "a": {"gone": 1}}]}
    assert schema(spec=node).read(obj) == ["spec[0].a.gone"]
    assert obj == {"spec": [{"more": 1, "a": {}}]}


def test_additional_properties_without_a_schema_keep_the_field_and_prune_what_is_in_it() -> None:
    obj = {"spec": {"a": 1, "b": {"c": 1}, "d": [{"e": 1}]}}
    assert schema(spec={"type": "object", "additionalProperties": True}).read(obj) == ["spec.b.c", "spec.d[0].e"]
    assert obj == {"spec": {"a": 1, "b": {}, "d": [{}]}}


def test_additional_properties_with_a_schema() -> None:
    node = {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": STRING}}}
    obj = {"spec": {"x": {"a": "1", "b": "2"}}}
    assert schema(spec=node).read(obj) == ["spec.x.b"]


def test_the_old_field_of_the_spec_keeps_everything() -> None:
    obj = {"spec": {"a": 1}, "metadata": {"name": "n"}}
    assert resource_schema(None, preserve_unknown=True).read(obj) == []
    assert obj == {"spec": {"a": 1}, "metadata": {"name": "n"}}


def test_null_goes_where_it_is_no_value_and_there_is_no_default() -> None:
    made = spec(a=STRING, b={**STRING, "nullable": True}, c={**STRING, "default": "c"})
    obj: dict[str, Any] = {"spec": {"a": None, "b": None, "c": None}}
    assert made.read(obj) == []
    assert obj == {"spec": {"b": None, "c": None}}
    made.default(obj)
    assert obj == {"spec": {"b": None, "c": "c"}}


EMBEDDED = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}


def test_embedded_objects_keep_their_meta_fields_and_get_real_metadata() -> None:
    node = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}}
    meta = {"name": "n", "bogus": 1, "creationTimestamp": None}
    obj = {"spec": {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"x": 1}, "y": 1}}
    assert schema(spec=node).read(obj) == ["spec.spec.x", "spec.y", "spec.metadata.bogus"]
    assert obj == {"spec": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n"}, "spec": {}}}


@pytest.mark.parametrize(
    ("embedded", "told"),
    [
        ({"apiVersion": 5}, "spec.apiVersion: Invalid value: 5: must be a string"),
        (
            {"metadata": {"name": 5}},
            'spec.metadata: Invalid value: {"name":5}: json: cannot unmarshal number into Go struct field '
            "ObjectMeta.name of type string",
        ),
    ],
)
def test_malformed_embedded_objects_are_refused(embedded: dict[str, Any], told: str) -> None:
    with pytest.raises(Unreadable) as caught:
        schema(spec=EMBEDDED).read({"spec": embedded})
    assert str(caught.value) == told


def test_malformed_metadata_is_refused_in_the_words_of_its_type() -> None:
    with pytest.raises(Unreadable) as caught:
        schema().read({"metadata": "x"})
    assert str(caught.value) == "json: cannot unmarshal string into Go value of type v1.ObjectMeta"


def test_what_is_stored_loses_only_the_malformed_fields() -> None:
    obj = {"metadata": {"name": "n", "labels": 5}, "spec": {"kind": 5, "apiVersion": "v1"}}
    schema(spec=EMBEDDED).read(obj, stored=True)
    assert obj == {"metadata": {"name": "n"}, "spec": {"apiVersion": "v1"}}


def test_the_report_of_a_hostile_body_is_bounded() -> None:
    obj = {f"x{i}": 1 for i in range(1000)}
    assert len(schema().read(obj)) == 100
    assert obj == {}


def test_integers_beyond_64_bits_are_floats() -> None:
    """So that no rule of CEL meets an integer that is none of its own, and that `integer` refuses it."""
    number = {"type": "integer"}
    known = spec(one=number, many={"type": "array", "items": number}, least=number)
    obj = {"metadata": {}, "spec": {"one": 2**64 - 1, "many": [2**63, 2**63 - 1], "least": -(2**63)}}
    assert known.read(obj) == []
    assert obj["spec"] == {"one": float(2**64), "many": [float(2**63), 2**63 - 1], "least": -(2**63)}
    assert type(obj["spec"]["one"]) is float
    told = [str(error) for error in known.validate(obj)]
    assert told[0] == 'spec.one: Invalid value: "number": spec.one in body must be of type integer: "number"'
