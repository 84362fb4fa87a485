import copy

from hypothesis import given

from sampan.machinery.tree import REMOVED, deep_copy, get_path, semantic_equal, with_changes
from tests.machinery.strategies import trees


@given(trees)
def test_a_deep_copy_is_equal_and_shares_nothing(tree):
    copied = deep_copy(tree)
    assert copied == tree
    assert not _containers(tree) & _containers(copied)


def _containers(tree):
    if isinstance(tree, dict):
        return {id(tree)}.union(*map(_containers, tree.values()))
    if isinstance(tree, list):
        return {id(tree)}.union(*map(_containers, tree))
    return set()


def test_get_path_stops_at_what_is_missing():
    obj = {"spec": {"replicas": 0, "selector": None, "name": "x"}}
    assert get_path(obj, ("spec", "replicas")) == 0
    assert get_path(obj, ("spec", "selector"), "none") == "none"
    assert get_path(obj, ("spec", "name", "deeper"), 7) == 7
    assert get_path(obj, ("status", "replicas"), 7) == 7


def test_with_changes_leaves_the_original_alone_and_shares_the_rest():
    obj = {"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 1, "template": {"x": 1}}}
    before = copy.deepcopy(obj)
    changed = with_changes(
        obj,
        {
            ("spec", "replicas"): 2,
            ("metadata", "labels", "a"): REMOVED,
            ("metadata", "labels", "b"): "2",
            ("status", "observed", "generation"): 3,
            ("nowhere", "at", "all"): REMOVED,
        },
    )
    assert obj == before
    assert changed == {
        "metadata": {"labels": {"b": "2"}},
        "spec": {"replicas": 2, "template": {"x": 1}},
        "status": {"observed": {"generation": 3}},
    }
    assert changed["spec"]["template"] is obj["spec"]["template"]


def test_semantic_equality_takes_empty_for_absent():
    assert semantic_equal({"a": [], "b": {"c": None}}, {})
    assert semantic_equal([{"a": None}], [{}])
    assert not semantic_equal({"a": [None]}, {"a": []})
    assert not semantic_equal({"a": 0}, {})
    assert not semantic_equal({"a": ""}, {})
