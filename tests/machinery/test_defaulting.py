import pytest

from sampan.machinery.defaulting import Defaulters
from sampan.machinery.schema import Field, Schema

ROOT, INNER, LEAF, OUTSIDE = "test.Root", "test.Inner", "test.Leaf", "test.Outside"
LEAF_DEFAULTS = {
    LEAF: {"protocol": "TCP", "list": ["a"], "size": lambda leaf: 1 if leaf["protocol"] == "TCP" else None}
}


@pytest.fixture(scope="module")
def schema():
    made = Schema({})
    made.define(OUTSIDE, {"leaf": "string"})
    made.define(LEAF, {"size": "int32", "protocol": "string", "list": "[]string"})
    made.define(INNER, {"leaves": f"[]{LEAF}", "named": f"{{}}{LEAF}", "again": INNER, "outside": OUTSIDE})
    made.define(ROOT, {"inner": INNER, "name": "string", "copy": "string"})
    return made


@pytest.fixture
def defaulters(schema):
    root = {ROOT: {"inner": {"leaves": [{}]}, "copy": lambda root: root.get("name")}}
    return Defaulters(schema, [LEAF_DEFAULTS, root], [{INNER: lambda inner: inner.setdefault("named", {})}])


@pytest.fixture
def default(defaulters):
    def give(obj):
        defaulters.of(ROOT)(obj)
        return obj

    return give


LEAF_DEFAULTED = {"protocol": "TCP", "list": ["a"], "size": 1}


def test_what_is_absent_comes_from_the_defaults_also_below_defaults(default):
    assert default({"name": "x"}) == {"name": "x", "copy": "x", "inner": {"leaves": [LEAF_DEFAULTED], "named": {}}}


def test_what_is_present_stays_and_lists_maps_and_recursion_are_followed(default):
    given = {"inner": {"again": {"leaves": [{"protocol": "UDP"}, {"size": 0}]}, "named": {"a": {"list": []}}}}
    inner = default(given)["inner"]
    assert inner["again"]["leaves"] == [{"protocol": "UDP", "list": ["a"]}, {**LEAF_DEFAULTED, "size": 0}]
    assert inner["named"] == {"a": {**LEAF_DEFAULTED, "list": []}}
    assert "copy" not in given


def test_defaults_are_not_shared_between_objects(default):
    one, two = default({}), default({})
    one["inner"]["leaves"][0]["list"].append("b")
    assert two["inner"]["leaves"] == [LEAF_DEFAULTED]


def test_a_type_without_defaults_is_not_visited(defaulters):
    assert defaulters.of(OUTSIDE) is None


def test_mistakes_of_declarations(schema):
    with pytest.raises(ValueError, match="no such field"):
        Defaulters(schema, [{OUTSIDE: {"other": 1}}])
    with pytest.raises(ValueError, match="has another default"):
        Defaulters(schema, [{OUTSIDE: {"leaf": "1"}}, {OUTSIDE: {"leaf": "2"}}])
    assert Defaulters(schema, [LEAF_DEFAULTS, LEAF_DEFAULTS]).of(LEAF)


def test_an_empty_text_is_none_where_go_has_no_pointer(schema):
    """Go's protobuf writes every field, also an empty one; and defaults there ask whether it is empty."""
    plain, pointer = "test.Plain", "test.Pointer"
    schema.define(plain, {"group": Field("string", always=True), "computed": "string"})
    schema.define(pointer, {"group": Field("string", pointer=True), "number": "int32"})
    values = {plain: {"group": "g", "computed": lambda obj: obj["group"]}, pointer: {"group": "g", "number": 1}}
    defaulters = Defaulters(schema, [values])
    given, kept = {"group": "", "computed": ""}, {"group": "", "number": 0}
    defaulters.of(plain)(given)
    defaulters.of(pointer)(kept)
    assert given == {"group": "g", "computed": "g"}
    assert kept == {"group": "", "number": 0}
