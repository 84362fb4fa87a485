"""What each kind of rule says of a value, and where; and that rules judge whatever has the right types."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.machinery.declarative import Validator
from sampan.machinery.names import dns_label
from sampan.machinery.rules import (
    AnyRule,
    Each,
    Enum,
    FieldRules,
    Format,
    Immutable,
    MaxBytes,
    Maximum,
    MaxItems,
    Minimum,
    Range,
    Required,
    Unique,
    together,
)
from sampan.machinery.schema import Field, Schema

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)

LONG = "Too long: may not be more than 0 bytes"


def schema() -> Schema:
    known = Schema({})
    known.define(
        "Leaf",
        {
            "name": "string",
            "maybe": Field("string", pointer=True),
            "size": "int32",
            "limit": Field("integer", format="int32", pointer=True),
            "mode": Field("string", enum=("Big", "Small")),
            "words": "[]string",
            "sizes": "[]int32",
            "modes": Field("array", items=Field("string"), enum=("Big", "Small")),
        },
    )
    known.define(
        "Spec",
        {
            "leaf": "Leaf",
            "other": Field("object", ref="Leaf", pointer=True),
            "leaves": "[]Leaf",
            "labels": "{}string",
            "again": Field("object", ref="Spec", pointer=True),
        },
    )
    known.define("Thing", {"spec": "Spec", "status": "Spec", "data": "any"})
    return known


def errors(rules: FieldRules, obj: dict[str, Any]) -> list[str]:
    return [str(error) for error in Validator(schema(), "Thing", rules).errors(obj)]


def changes(rules: FieldRules, new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    return [str(error) for error in Validator(schema(), "Thing", rules).changes(new, old)]


ABSENT: Any = object()
CASES: list[tuple[str, AnyRule | tuple[AnyRule, ...], Any, list[str]]] = [
    ("name", Required(), "a", []),
    ("name", Required(), ABSENT, ["Required value"]),
    ("name", Required("say it"), "", ["Required value: say it"]),
    ("maybe", Required(), None, ["Required value"]),
    ("maybe", Required(), "", []),
    ("words", Required(), [], ["Required value"]),
    ("size", Required(), 0, ["Required value"]),
    ("limit", Required(), 0, []),
    ("mode", Enum(), "Big", []),
    ("mode", Enum(), "", []),
    ("mode", Enum(), "Huge", ['Unsupported value: "Huge": supported values: "Big", "Small"']),
    ("maybe", Enum(("b", "a")), "", ['Unsupported value: "": supported values: "b", "a"']),
    ("size", Minimum(0), 0, []),
    ("size", Minimum(0), -1, ["Invalid value: -1: must be greater than or equal to 0"]),
    ("size", Minimum(1), ABSENT, []),
    ("limit", Minimum(1, "must be positive"), 0, ["Invalid value: 0: must be positive"]),
    ("size", Maximum(9), 9, []),
    ("size", Maximum(9), 10, ["Invalid value: 10: must be less than or equal to 9"]),
    ("size", Range(1, 9), 1, []),
    ("size", Range(1, 9), 10, ["Invalid value: 10: must be between 1 and 9, inclusive"]),
    ("name", Format(dns_label), "a", []),
    ("name", Format(dns_label), "", []),
    ("name", Format(dns_label), "A", [f'Invalid value: "A": {LABEL}']),
    ("name", MaxBytes(2), "é", []),
    ("name", MaxBytes(2), "éa", ["Too long: may not be more than 2 bytes"]),
    ("words", MaxItems(1), ["a"], []),
    ("words", MaxItems(1), ["a", "b"], ["Too many: 2: must have at most 1 item"]),
    ("words", Unique(), ["a", "", "b"], []),
    ("modes", Each(Enum()), ["Big", "Small"], []),
    ("name", (Required(), Format(dns_label)), "", ["Required value"]),
    (
        "name",
        (MaxBytes(0), Format(dns_label)),
        "A",
        ["Too long: may not be more than 0 bytes", f'Invalid value: "A": {LABEL}'],
    ),
]


@pytest.mark.parametrize(("field", "rules", "value", "expected"), CASES)
def test_rule(field: str, rules: AnyRule | tuple[AnyRule, ...], value: Any, expected: list[str]):
    leaf = {} if value is ABSENT else {field: value}
    found = errors({"Leaf": {field: rules}}, {"spec": {"leaf": leaf}})
    assert found == [f"spec.leaf.{field}: {text}" for text in expected]


def test_items_have_places():
    rules = {"Leaf": {"words": (Each(Format(dns_label)), Unique()), "sizes": Each(Range(0, 1))}}
    leaf = {"words": ["a", "B", "a", "a"], "sizes": [0, 2]}
    assert errors(rules, {"spec": {"leaves": [{}, leaf]}}) == [
        f'spec.leaves[1].words[1]: Invalid value: "B": {LABEL}',
        'spec.leaves[1].words[2]: Duplicate value: "a"',
        'spec.leaves[1].words[3]: Duplicate value: "a"',
        "spec.leaves[1].sizes[1]: Invalid value: 2: must be between 0 and 1, inclusive",
    ]


def test_keys_of_items_are_unique():
    leaves = [{"name": "a"}, {}, {"name": ""}, {"name": "a"}]
    assert errors({"Spec": {"leaves": Unique("name")}}, {"spec": {"leaves": leaves}}) == [
        'spec.leaves[3].name: Duplicate value: "a"'
    ]


def test_an_absent_object_is_an_empty_one_where_go_has_no_pointer():
    rules = {"Leaf": {"name": Required()}}
    assert errors(rules, {}) == ["spec.leaf.name: Required value"]
    assert errors(rules, {"spec": {"leaf": {"name": "a"}, "other": {}}}) == ["spec.other.name: Required value"]


def test_the_status_is_not_judged():
    assert errors({"Leaf": {"size": Minimum(0)}}, {"status": {"leaf": {"size": -1}}}) == []


def test_a_definition_within_itself_is_followed():
    rules = {"Leaf": {"size": Minimum(0)}}
    deep = {"spec": {"again": {"again": {"leaf": {"size": -1}}}}}
    assert [error.split(":")[0] for error in errors(rules, deep)] == ["spec.again.again.leaf.size"]


def test_the_order_is_that_of_the_declaration():
    rules = {"Leaf": {"name": Required(), "size": Required()}, "Spec": {"labels": Required()}}
    assert [error.split(":")[0] for error in errors(rules, {})] == ["spec.labels", "spec.leaf.name", "spec.leaf.size"]


def test_what_an_update_changes():
    rules = {"Thing": {"data": Immutable()}, "Leaf": {"words": Immutable("may not be changed")}}
    fixed = {"Thing": {"data": Immutable()}, "Spec": {"labels": Immutable("may not be changed")}}
    old = {"data": {"a": 1}, "spec": {"labels": {"a": "b"}}}
    assert changes(fixed, {"data": {"a": 1}, "spec": {"labels": {"a": "b"}, "leaf": {}}}, old) == []
    assert changes(fixed, {"data": {"a": 2}}, old) == [
        'data: Invalid value: {"a":2}: field is immutable',
        "spec.labels: Invalid value: null: may not be changed",
    ]
    assert changes(fixed, {"data": None}, {"spec": {"labels": {}}}) == []
    with pytest.raises(ValueError, match="items of lists cannot be told to be immutable"):
        changes(rules, {}, {})


WRONG: list[tuple[FieldRules, str]] = [
    ({"Leaf": {"name": Minimum(0)}}, r"Leaf\.name: the rule is one for fields of type integer, not string"),
    ({"Leaf": {"name": Enum()}}, r"Leaf\.name: the schema knows no values"),
    ({"Leaf": {"size": Format(dns_label)}}, "fields of type string, not integer"),
    ({"Leaf": {"size": Each(Minimum(0))}}, "fields of type array, not integer"),
    ({"Spec": {"leaves": Unique("size")}}, "fields of type string, not integer"),
    ({"Leaf": {"nmae": Required()}}, r"Leaf\.nmae: no such field"),
    ({"Laef": {"name": Required()}}, "Thing does not reach Laef"),
]


@pytest.mark.parametrize(("rules", "why"), WRONG)
def test_rules_that_make_no_sense_are_refused(rules: FieldRules, why: str):
    with pytest.raises(ValueError, match=why):
        Validator(schema(), "Thing", rules)


def test_rules_of_several_sources_are_all_obeyed():
    rules = together({"Leaf": {"name": Required()}}, {"Leaf": {"name": MaxBytes(1), "size": Minimum(0)}})
    assert errors(rules, {"spec": {"leaf": {"name": "ab", "size": -1}}}) == [
        "spec.leaf.name: Too long: may not be more than 1 byte",
        "spec.leaf.size: Invalid value: -1: must be greater than or equal to 0",
    ]


TEXTS = st.one_of(st.none(), st.text(max_size=4), st.sampled_from(["Big", "a"]))
NUMBERS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXTS,
        "maybe": TEXTS,
        "size": NUMBERS,
        "limit": NUMBERS,
        "mode": TEXTS,
        "words": st.one_of(st.none(), st.lists(st.text(max_size=2), max_size=3)),
        "sizes": st.one_of(st.none(), st.lists(st.integers(-3, 3), max_size=3)),
    },
)
SPECS = st.recursive(
    st.none(),
    lambda specs: st.fixed_dictionaries(
        {},
        optional={"leaf": LEAVES, "other": st.none() | LEAVES, "leaves": st.lists(LEAVES, max_size=3), "again": specs},
    ),
    max_leaves=3,
)
ALL: FieldRules = {
    "Leaf": {
        "name": (Required(), Format(dns_label), MaxBytes(2)),
        "maybe": Enum(("a",)),
        "size": (Required(), Minimum(0), Maximum(9)),
        "limit": Range(0, 9),
        "mode": Enum(),
        "words": (MaxItems(1), Each(Format(dns_label)), Unique()),
        "sizes": Each(Minimum(0)),
    },
    "Spec": {"leaves": Unique("name")},
}
JUDGE = Validator(schema(), "Thing", together(ALL, {"Thing": {"spec": Immutable()}}))


@given(SPECS, SPECS)
def test_any_object_is_judged(new: Any, old: Any):
    for error in (*JUDGE.errors({"spec": new}), *JUDGE.changes({"spec": new}, {"spec": old})):
        assert str(error).startswith("spec")
