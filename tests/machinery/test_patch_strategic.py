import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.errors import APIError, BadRequest, Invalid
from sampan.machinery.patches import strategic_merge_patch
from tests.machinery import sample
from tests.machinery.sample import DEPLOYMENT, POD
from tests.machinery.strategies import objects


def patched(obj, patch, definition=POD):
    before = copy.deepcopy(patch)
    result = strategic_merge_patch(copy.deepcopy(obj), patch, sample.definition(definition))
    assert patch == before, "the patch may be applied again"
    return result


def containers(*items):
    return {"spec": {"containers": list(items)}}


A, B, C = ({"name": name, "image": f"{name}:1"} for name in "abc")


def test_set_image():
    assert patched(containers(A, B), containers({"name": "b", "image": "b:2"})) == containers(
        A, {"name": "b", "image": "b:2"}
    )


def test_label_and_unlabel():
    obj = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    assert patched(obj, {"metadata": {"labels": {"a": None, "c": "3"}}}) == {
        "metadata": {"labels": {"b": "2", "c": "3"}}
    }
    assert patched(obj, {"metadata": {"labels": None}}) == {"metadata": {}}
    assert patched({"metadata": {}}, {"metadata": {"labels": {"a": None, "b": "1"}}}) == {
        "metadata": {"labels": {"b": "1"}}
    }


def test_list_directives():
    assert patched(containers(A, B), containers({"name": "a", "$patch": "delete"})) == containers(B)
    assert patched(containers(A, B), containers(C, {"$patch": "replace"})) == containers(C)
    assert patched({"spec": {}}, containers(C, {"name": "a", "$patch": "delete"})) == containers(C)
    gone = containers({"name": "a", "$patch": "delete"}, {**A, "image": "new"})
    assert patched(containers(A, B), gone) == containers({**A, "image": "new"}, B)


def test_map_directives():
    obj = {"metadata": {"labels": {"a": "1"}, "name": "x"}}
    assert patched(obj, {"metadata": {"labels": {"$patch": "replace", "b": "2"}}})["metadata"]["labels"] == {"b": "2"}
    assert patched(obj, {"metadata": {"labels": {"$patch": "delete"}}})["metadata"]["labels"] == {}


def test_new_items_come_before_the_old_in_the_order_of_the_patch():
    assert patched(containers(A), containers(C, B)) == containers(C, B, A)
    assert patched(containers(A, B), containers(C, B)) == containers(C, A, B)


def test_set_element_order_as_kubectl_apply_sends_it():
    patch = {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [C]}}
    assert patched(containers(A), patch) == containers(C, A)
    only_order = {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}
    assert patched(containers(A, B), only_order) == containers(B, A)
    # What only the server has goes before the first named item that followed it.
    assert patched(containers(A, C, B), only_order) == containers(C, B, A)
    assert patched(containers(C, A, B), only_order) == containers(C, B, A)
    assert patched({"spec": {}}, only_order) == {"spec": {}}


def test_ports_are_merged_by_container_port():
    obj = containers({"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]})
    change = containers({"name": "a", "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 81}]})
    (found,) = patched(obj, change)["spec"]["containers"]
    assert found["ports"] == [{"containerPort": 80, "protocol": "TCP", "name": "http"}, {"containerPort": 81}]


def test_lists_of_scalars():
    obj = {"metadata": {"finalizers": ["a/a", "b/b"]}}
    assert patched(obj, {"metadata": {"finalizers": ["c/c", "a/a"]}}) == {
        "metadata": {"finalizers": ["c/c", "a/a", "b/b"]}
    }
    deleting = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/a"], "$setElementOrder/finalizers": ["b/b"]}}
    assert patched(obj, deleting) == {"metadata": {"finalizers": ["b/b"]}}
    assert patched({"metadata": {}}, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"]}}) == {"metadata": {}}


def test_atomic_lists_are_replaced():
    obj = containers({"name": "a", "command": ["sh", "-c"], "args": ["x"]})
    (found,) = patched(obj, containers({"name": "a", "command": ["run"], "args": None}))["spec"]["containers"]
    assert found == {"name": "a", "command": ["run"]}
    tolerations = {"spec": {"tolerations": [{"key": "a"}]}}
    assert patched(tolerations, {"spec": {"tolerations": [{"key": "b"}]}}) == {"spec": {"tolerations": [{"key": "b"}]}}


def test_retain_keys():
    obj = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    recreate = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patched(obj, recreate, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}
    assert patched({"spec": {}}, recreate, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}
    volumes = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    change = {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/"}}]}}
    assert patched(volumes, change) == {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}}
    with pytest.raises(Invalid):
        patched(obj, {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {"maxSurge": 1}}}}, DEPLOYMENT)


def test_rollback_of_a_template():
    obj = {"spec": {"template": {"metadata": {"labels": {"app": "x", "v": "2"}}, **containers(A, B)}}}
    template = {"metadata": {"labels": {"app": "x"}}, **containers(A), "$patch": "replace"}
    wanted = {key: value for key, value in template.items() if key != "$patch"}
    assert patched(obj, {"spec": {"template": template}}, DEPLOYMENT) == {"spec": {"template": wanted}}


@pytest.mark.parametrize(
    "patch",
    [
        [],
        "x",
        {"spec": {"$patch": "merge"}},
        {"spec": {"$patch": ["x"]}},
        {"spec": {"$retainKeys": "x"}},
        {"spec": {"$setElementOrder/containers": "x"}},
        {"spec": {"$setElementOrder/containers": [{"x": 1}], "containers": [A]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}},
        containers({"image": "no-name"}),
        containers({"name": {}}),
        containers({"name": "a", "$patch": "merge"}),
    ],
)
def test_what_is_no_strategic_patch(patch):
    with pytest.raises(BadRequest):
        patched({"metadata": {"finalizers": ["a"]}, **containers(A)}, patch)


def test_items_that_are_no_objects():
    with pytest.raises(Invalid):
        patched(containers(A), containers("x"))
    with pytest.raises(Invalid):
        patched({"metadata": {"finalizers": ["a"]}}, {"metadata": {"finalizers": [{}]}})


directives = st.sampled_from(
    (
        "$patch",
        "$retainKeys",
        "$setElementOrder/containers",
        "$deleteFromPrimitiveList/finalizers",
        "containers",
        "finalizers",
    )
)
patches = st.recursive(
    st.none() | st.sampled_from(("delete", "replace", "a", "b")) | st.integers(),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(directives | st.sampled_from(("spec", "metadata", "name", "image")), below, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=500)
@given(st.dictionaries(st.sampled_from(("spec", "metadata")), patches, min_size=1) | objects)
def test_any_patch_is_applied_or_refused(patch):
    obj = {"metadata": {"finalizers": ["a", "b"]}, **containers(A, B)}
    try:
        result = patched(obj, patch)
    except APIError as error:
        assert error.status_code < 500
        return
    # What a patch asks for, it asks for only once.
    if "$" not in repr(patch):
        assert patched(result, patch) == result
