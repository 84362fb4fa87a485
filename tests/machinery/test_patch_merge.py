import copy

import pytest
from hypothesis import given

from sampan.machinery.errors import BadRequest
from sampan.machinery.patches import merge_patch
from tests.machinery.strategies import objects, trees


# The examples of RFC 7386, appendix A, as far as the patch is an object.
@pytest.mark.parametrize(
    ("obj", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc(obj, patch, result):
    assert merge_patch(obj, patch) == result


def test_what_is_no_merge_patch():
    with pytest.raises(BadRequest, match="Invalid JSON Patch"):
        merge_patch({}, [])


def reference(target, patch):
    """RFC 7386, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = reference(result.get(name), value)
    return result


@given(trees, objects)
def test_against_the_rfc(tree, patch):
    expected, before = reference(copy.deepcopy(tree), patch), copy.deepcopy(patch)
    result = merge_patch(tree, patch)
    assert result == expected and patch == before
    assert merge_patch(copy.deepcopy(result), patch) == result
