import pytest

from sampan.machinery.defaulting import defaulter, register_default_function, register_defaults
from sampan.machinery.schema import load

ROOT, INNER, LEAF = "test.defaulting.Root", "test.defaulting.Inner", "test.defaulting.Leaf"
OUTSIDE = "test.defaulting.Outside"


@pytest.fixture(scope="module", autouse=True)
def _definitions():
    schema = load()
    schema.define(OUTSIDE, {"leaf": "string"})
    schema.define(LEAF, {"size": "int32", "protocol": "string", "list": "[]string"})
    schema.define(INNER, {"leaves": f"[]{LEAF}", "named": f"{{}}{LEAF}", "again": INNER, "outside": OUTSIDE})
    schema.define(ROOT, {"inner": INNER, "name": "string", "copy": "string"})
    register_defaults(
        {
            LEAF: {"protocol": "TCP", "list": ["a"], "size": lambda leaf: 1 if leaf["protocol"] == "TCP" else None},
            ROOT: {"inner": {"leaves": [{}]}, "copy": lambda root: root.get("name")},
        }
    )
    register_default_function(INNER, lambda inner: inner.setdefault("named", {}))


def default(obj):
    defaulter(ROOT)(obj)
    return obj


LEAF_DEFAULTED = {"protocol": "TCP", "list": ["a"], "size": 1}


def test_what_is_absent_comes_from_the_defaults_also_below_defaults():
    assert default({"name": "x"}) == {"name": "x", "copy": "x", "inner": {"leaves": [LEAF_DEFAULTED], "named": {}}}


def test_what_is_present_stays_and_lists_maps_and_recursion_are_followed():
    given = {"inner": {"again": {"leaves": [{"protocol": "UDP"}, {"size": 0}]}, "named": {"a": {"list": []}}}}
    inner = default(given)["inner"]
    assert inner["again"]["leaves"] == [{"protocol": "UDP", "list": ["a"]}, {**LEAF_DEFAULTED, "size": 0}]
    assert inner["named"] == {"a": {**LEAF_DEFAULTED, "list": []}}
    assert "copy" not in given


def test_defaults_are_not_shared_between_objects():
    one, two = default({}), default({})
    one["inner"]["leaves"][0]["list"].append("b")
    assert two["inner"]["leaves"] == [LEAF_DEFAULTED]


def test_a_type_without_defaults_is_not_visited():
    assert defaulter(OUTSIDE) is None


def test_mistakes_of_declarations():
    defaulter(ROOT)
    with pytest.raises(RuntimeError, match="after they have been compiled"):
        register_defaults({ROOT: {"name": "x"}})
    load().define("test.defaulting.Other", {"a": "string"})
    with pytest.raises(ValueError, match="no such field"):
        register_defaults({"test.defaulting.Other": {"b": 1}})
    register_defaults({"test.defaulting.Other": {"a": "1"}})
    with pytest.raises(ValueError, match="has a default"):
        register_defaults({"test.defaulting.Other": {"a": "2"}})
