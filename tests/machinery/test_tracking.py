"""Recording ordinary writes, and the trees of fields that it works on."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.machinery import fieldsets, tracking
from sampan.machinery.fieldtrees import compile_tree, in_order, is_valid, minus, union, union_all
from sampan.machinery.tracking import private_copy, track_update
from tests.machinery.sample import DEPLOYMENT, POD, definition, pod

T1, T2 = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"
ROOT = compile_tree(definition(DEPLOYMENT))

PATHS = st.frozensets(
    st.lists(st.sampled_from(("f:a", "f:b", 'k:{"name":"x"}')), min_size=1, max_size=3).map(tuple), max_size=6
)


METADATA = {("f:metadata",)}  # which nobody owns as such


def tree(paths: Any) -> Any:
    return fieldsets.to_fields(paths)


@given(PATHS, PATHS)
def test_trees_are_sets(one: Any, other: Any) -> None:
    assert fieldsets.from_fields(union(tree(one), tree(other))) == one | other
    assert fieldsets.from_fields(minus(tree(one), tree(other))) == one - other
    assert union_all([tree(one), tree(other), tree(one)]) == tree(one | other)


@given(PATHS)
def test_what_does_not_change_is_the_same_tree(one: Any) -> None:
    before = tree(one)
    assert minus(before, {}) is before and minus(before, {"f:other": {}}) is before


@given(PATHS, PATHS)
def test_records_are_written_in_the_order_of_gos_maps(one: Any, other: Any) -> None:
    merged = union(tree(one), tree(other))
    ordered = in_order(merged)
    assert orjson.dumps(ordered) == orjson.dumps(merged, option=orjson.OPT_SORT_KEYS)
    assert in_order(ordered) is ordered


def containers(*names: str, **more: Any) -> list[Any]:
    return [{"name": name, "image": "i", **more} for name in names]


PODS: list[Any] = [
    {"metadata": {}, "spec": {}},
    {"metadata": {"labels": {}}, "spec": {"containers": []}},
    {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": containers("a"), "nodeSelector": {"x": "y"}}},
    {"metadata": {"labels": {"a": "2", "b": "1"}}, "spec": {"containers": containers("a", "b", ports=[])}},
    {
        "metadata": {"finalizers": ["x", "y"]},
        "spec": {
            "containers": containers("b", ports=[{"containerPort": 1}, {"containerPort": 2, "protocol": "UDP"}]),
            "securityContext": {},
            "tolerations": [{"key": "k"}],
        },
    },
    {
        "metadata": {"finalizers": ["y"], "unknown": 1},
        "spec": {
            "containers": containers("b", ports=[{"containerPort": 1, "protocol": "TCP", "hostPort": 3}]),
            "securityContext": {"runAsUser": 1},
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        },
    },
]


@pytest.mark.parametrize("old", PODS)
@pytest.mark.parametrize("new", PODS)
def test_comparing_finds_what_apply_finds(old: Any, new: Any) -> None:
    root, field = compile_tree(definition(POD)), definition(POD).as_field
    found = [fieldsets.from_fields(part) for part in root.compare(old, new)]
    assert [part - METADATA for part in found] == [part - METADATA for part in fieldsets.compare(field, old, new)]


def test_what_is_there_is_what_differs_from_nothing() -> None:
    obj = pod(labels=None)
    assert compile_tree(definition(POD)).collect(obj) == compile_tree(definition(POD)).compare({}, obj)[0]


def record(old: Any, new: Any, manager: str = "me", now: str = T1, **more: Any) -> Any:
    track_update(ROOT, old, new, api_version="apps/v1", manager=manager, now=now, **more)
    return new


def web(replicas: int | None = 1, **meta: Any) -> Any:
    spec = {} if replicas is None else {"spec": {"replicas": replicas}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", **meta}, **spec}


def entries(obj: Any) -> Any:
    found = obj["metadata"]["managedFields"]
    return {(e["manager"], e.get("subresource", "")): (e["time"], e["fieldsV1"]) for e in found}


REPLICAS = {"f:spec": {"f:replicas": {}}}


def test_nobody_owns_the_structs_that_an_empty_object_has_too() -> None:
    empty = record(None, {**web(None), "spec": {"template": {"metadata": {}, "spec": {}}, "strategy": {}}})
    assert "managedFields" not in empty["metadata"]
    container = {"name": "a", "resources": {}}
    made = record(
        None, {**web(), "spec": {"selector": {}, "template": {"metadata": {}, "spec": {"containers": [container]}}}}
    )
    item = {".": {}, "f:name": {}, "f:resources": {}}  # in a list they come with their item
    spec = {"f:selector": {}, "f:template": {"f:spec": {"f:containers": {'k:{"name":"a"}': item}}}}
    assert entries(made)["me", ""][1] == {"f:spec": spec}


def test_the_time_is_that_of_the_last_change() -> None:
    made = record(None, web())
    same = record(made, {**web(), "metadata": dict(made["metadata"])}, now=T2)
    assert same["metadata"]["managedFields"] == made["metadata"]["managedFields"]
    changed = record(made, web(2), now=T2)
    assert entries(changed) == {("me", ""): (T2, REPLICAS)}
    other = record(changed, web(2, labels={"a": "b"}), "me", T1)
    less = record(other, web(2), now="2024-01-03T00:00:00Z")
    assert entries(less) == {("me", ""): (T1, REPLICAS)}  # to give up a field is no change of one's own


def test_others_lose_what_changes_and_what_goes() -> None:
    made = record(None, web(1, labels={"a": "1", "b": "1"}), "one")
    taken = record(made, web(1, labels={"a": "2", "b": "1"}), "two", T2)
    assert entries(taken) == {
        ("one", ""): (T1, {"f:metadata": {"f:labels": {".": {}, "f:b": {}}}, **REPLICAS}),
        ("two", ""): (T2, {"f:metadata": {"f:labels": {"f:a": {}}}}),
    }
    gone = record(taken, web(None), "three", T2)
    assert "managedFields" not in gone["metadata"]


def test_a_subresource_has_an_entry_of_its_own_and_resets_the_rest() -> None:
    made = record(None, web())
    status = {**web(9, labels={"a": "b"}), "status": {"replicas": 1}}
    reset = (("spec",), ("metadata", "labels"))
    written = record(made, status, subresource="status", reset=reset)
    assert entries(written) == {("me", ""): (T1, REPLICAS), ("me", "status"): (T1, {"f:status": {"f:replicas": {}}})}


@pytest.mark.parametrize(
    ("given", "kept"),
    [(None, True), ([], False), ([{}], False), ([{"manager": "x"}], True), ([{"operation": "Update"}], True)],
)
def test_records_of_the_request(given: Any, kept: bool) -> None:
    made = record(None, web())
    new = web(1, **({} if given is None else {"managedFields": given}))
    assert ("managedFields" in record(made, new)["metadata"]) is kept


def test_a_client_may_rewrite_the_records() -> None:
    made = record(None, web())
    moved = [{**made["metadata"]["managedFields"][0], "manager": "other"}]
    assert entries(record(made, web(1, managedFields=moved))) == {("other", ""): (T1, REPLICAS)}
    assert entries(record(made, web(1, managedFields=moved), subresource="status")) == {("me", ""): (T1, REPLICAS)}


def test_a_manager_without_a_name_is_unknown() -> None:
    assert entries(record(None, web(), "")).keys() == {("unknown", "")}


def test_times_alone_change_nothing() -> None:
    made = record(None, web())
    records = [{**made["metadata"]["managedFields"][0], "time": T2}]
    later = {**made, "metadata": {**made["metadata"], "managedFields": records}}
    changed = {**later, "spec": {"replicas": 2}, "metadata": {**later["metadata"]}}
    tracking.keep_times(later, made)
    tracking.keep_times(changed, made)
    assert later == made
    assert changed["metadata"]["managedFields"] == records


@pytest.mark.parametrize("fields", [{"f:a": 1}, {"x": {}}, [], {"f:a": {".": []}}])
def test_broken_trees(fields: Any) -> None:
    assert not is_valid(fields)
    assert is_valid({"f:a": {".": {}, 'k:{"name":"x"}': {}}})


def test_a_copy_to_be_changed_shares_field_sets_and_nothing_else():
    entry: dict[str, Any] = {"manager": "m", "fieldsV1": {"f:spec": {}}}
    obj: dict[str, Any] = {
        "metadata": {"name": "a", "labels": {"b": "c"}, "managedFields": [entry]},
        "spec": {"x": [1]},
    }
    copied = private_copy(obj)
    assert copied == obj
    assert copied["metadata"]["managedFields"][0]["fieldsV1"] is entry["fieldsV1"]
    copied["metadata"]["managedFields"][0]["manager"] = "other"
    copied["metadata"]["managedFields"].append({})
    copied["metadata"]["labels"]["b"] = "d"
    copied["spec"]["x"].append(2)
    assert obj == {"metadata": {"name": "a", "labels": {"b": "c"}, "managedFields": [entry]}, "spec": {"x": [1]}}
    assert entry["manager"] == "m"
