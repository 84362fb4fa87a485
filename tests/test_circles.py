"""The contract that finds modules which import each other."""

from itertools import pairwise

from tools.circles import circle


def test_a_circle_is_found_and_named_in_the_order_of_imports() -> None:
    assert circle({"a": ["b"], "b": ["c"], "c": []}) == []
    found = circle({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]})
    assert found[0] == found[-1] and len(found) == 4
    assert {*pairwise(found)} == {("a", "b"), ("b", "c"), ("c", "a")}
    assert circle({"a": ["a"]}) == ["a", "a"]
