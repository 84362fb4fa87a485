import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.errors import APIError, BadRequest, Invalid, RequestEntityTooLarge
from sampan.machinery.patches import json_patch
from tests.machinery.strategies import trees


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([], {"a": {"b": [1, 2]}, "x/y": 0, "~": 1}),
        ([{"op": "add", "path": "/a/c", "value": None}], {"a": {"b": [1, 2], "c": None}, "x/y": 0, "~": 1}),
        ([{"op": "add", "path": "/a/b/-", "value": 3}], {"a": {"b": [1, 2, 3]}, "x/y": 0, "~": 1}),
        ([{"op": "add", "path": "/a/b/0", "value": 3}], {"a": {"b": [3, 1, 2]}, "x/y": 0, "~": 1}),
        ([{"op": "add", "path": "/a/b/2", "value": 3}], {"a": {"b": [1, 2, 3]}, "x/y": 0, "~": 1}),
        ([{"op": "remove", "path": "/a/b/0"}], {"a": {"b": [2]}, "x/y": 0, "~": 1}),
        ([{"op": "remove", "path": "/x~1y"}], {"a": {"b": [1, 2]}, "~": 1}),
        ([{"op": "replace", "path": "/~0", "value": 2}], {"a": {"b": [1, 2]}, "x/y": 0, "~": 2}),
        ([{"op": "replace", "path": "/a/b/1", "value": 9}], {"a": {"b": [1, 9]}, "x/y": 0, "~": 1}),
        ([{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": [1, 2], "x/y": 0, "~": 1}),
        ([{"op": "copy", "from": "/a/b/0", "path": "/a/b/1"}], {"a": {"b": [1, 1, 2]}, "x/y": 0, "~": 1}),
        ([{"op": "test", "path": "/a/b", "value": [1, 2]}], {"a": {"b": [1, 2]}, "x/y": 0, "~": 1}),
        ([{"op": "test", "path": "/missing", "value": None}], {"a": {"b": [1, 2]}, "x/y": 0, "~": 1}),
        ([{"op": "replace", "path": "", "value": {"z": 1}}], {"z": 1}),
    ],
)
def test_operations(operations, result):
    assert json_patch({"a": {"b": [1, 2]}, "x/y": 0, "~": 1}, operations) == result


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": True},
        {"op": "test", "path": "/b/0", "value": 2},
        {"op": "remove", "path": "/missing"},
        {"op": "remove", "path": ""},
        {"op": "remove", "path": "/b/2"},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "add", "path": "/missing/x", "value": 1},
        {"op": "add", "path": "/b/3", "value": 1},
        {"op": "add", "path": "/b/01", "value": 1},
        {"op": "add", "path": "/b/-1", "value": 1},
        {"op": "add", "path": "/a/x", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "move", "from": "/b", "path": "/b/0"},
        {"op": "copy", "from": "/missing", "path": "/x"},
        {"op": "apply", "path": "/a"},
        {"path": "/a"},
        {},
    ],
)
def test_operations_that_do_not_fit(operation):
    with pytest.raises(Invalid) as caught:
        json_patch({"a": 1, "b": [1]}, [operation])
    assert caught.value.message == "the server rejected our request due to an error in our request"
    assert caught.value.status_code == 422


def test_limits():
    with pytest.raises(BadRequest, match=r"cannot unmarshal object into Go value of type jsonpatch\.Patch"):
        json_patch({}, {})
    with pytest.raises(BadRequest, match="cannot unmarshal string"):
        json_patch({}, ["x"])
    with pytest.raises(
        RequestEntityTooLarge, match="The allowed maximum operations in a JSON patch is 10000, got 10001"
    ):
        json_patch({}, [{}] * 10_001)
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/{i}"} for i in range(40)]
    with pytest.raises(Invalid):
        json_patch({"a": {"x": "y" * 100}}, doubling)


def test_a_patch_may_be_applied_again():
    operations = [{"op": "add", "path": "/a", "value": {}}, {"op": "add", "path": "/a/b", "value": 1}]
    before = copy.deepcopy(operations)
    assert json_patch({}, operations) == json_patch({}, operations) == {"a": {"b": 1}}
    assert operations == before


pointers = st.lists(st.sampled_from(("a", "b", "0", "1", "-", "~0", "~1")), max_size=3).map(
    lambda p: "".join("/" + x for x in p)
)
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(("add", "remove", "replace", "move", "copy", "test")), "path": pointers},
    optional={"from": pointers, "value": trees},
)


@settings(max_examples=300)
@given(trees, st.lists(operations, max_size=4) | trees)
def test_any_patch_is_applied_or_refused(tree, patch):
    try:
        json_patch(tree, patch)
    except APIError as error:
        assert error.status_code < 500
