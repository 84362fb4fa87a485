import pytest

from sampan.machinery import validation as v
from tests.machinery.sample import POD, kind

NAMESPACED = kind("Pod", "pods", POD)
CLUSTER = kind("Node", "nodes", POD, namespaced=False)


def meta(**fields):
    return {"metadata": {"name": "a", "namespace": "default", **fields}}


def errors(obj, of=NAMESPACED):
    return [str(error) for error in v.validate_meta(obj, of)]


def test_good_metadata():
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "1", "controller": True}
    obj = meta(
        labels={"a": "b"}, annotations={"Some.Thing/X": "any text\n"}, ownerReferences=[owner], finalizers=["x.io/y"]
    )
    assert errors(obj) == []
    assert errors({"metadata": {"name": "n"}}, CLUSTER) == []


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, "metadata.name: Required value: name or generateName is required"),
        ({"name": "A"}, 'metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must'),
        ({"generateName": "A-"}, 'metadata.generateName: Invalid value: "A-": a lowercase RFC 1123 subdomain must'),
        ({"namespace": ""}, "metadata.namespace: Required value"),
        ({"namespace": "a.b"}, 'metadata.namespace: Invalid value: "a.b": must not contain dots'),
        ({"generation": -1}, "metadata.generation: Invalid value: -1: must be greater than or equal to 0"),
        ({"labels": {"a b": "x"}}, 'metadata.labels: Invalid value: "a b": name part must consist of'),
        ({"labels": {"a": "x y"}}, 'metadata.labels: Invalid value: "x y": a valid label must be'),
        ({"annotations": {"a/b/c": "x"}}, 'metadata.annotations: Invalid value: "a/b/c": a valid label key must'),
        ({"annotations": {"a": "x" * 2**18}}, "metadata.annotations: Too long: may not be more than 262144 bytes"),
        ({"finalizers": ["x y"]}, 'metadata.finalizers: Invalid value: "x y": name part must'),
        (
            {"finalizers": ["done"]},
            'metadata.finalizers[0]: Invalid value: "done": name is neither a standard finalizer',
        ),
        (
            {"finalizers": ["orphan", "foregroundDeletion"]},
            'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and '
            "foregroundDeletion cannot be both set",
        ),
        (
            {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x"}]},
            "metadata.ownerReferences[0].uid: Required value: must not be empty",
        ),
        (
            {"ownerReferences": [{"apiVersion": "a/b/c", "kind": "Pod", "name": "x", "uid": "1"}]},
            'metadata.ownerReferences[0].apiVersion: Invalid value: "a/b/c": must be <group>/<version> or <version>',
        ),
    ],
)
def test_bad_metadata(fields, error):
    found = errors(meta(**fields))
    assert any(text.startswith(error) for text in found), found


def test_a_trailing_dash_of_generate_name_is_no_error():
    assert errors(meta(generateName="web-")) == []


def test_two_controllers():
    owners = [{"apiVersion": "v1", "kind": "K", "name": n, "uid": n, "controller": True} for n in "xy"]
    (found,) = errors(meta(ownerReferences=owners))
    assert found.endswith(
        'Only one reference can have Controller set to true. Found "true" in references for K/x and K/y'
    )


def test_a_namespace_on_a_cluster_scoped_kind():
    assert errors(meta(), CLUSTER) == ["metadata.namespace: Forbidden: not allowed on this type"]


def update_errors(new, old):
    return [str(error) for error in v.validate_meta_update({"metadata": new}, {"metadata": old}, NAMESPACED)]


def test_updates():
    old = {
        "name": "a",
        "uid": "1",
        "resourceVersion": "5",
        "generation": 2,
        "creationTimestamp": "2024-01-01T00:00:00Z",
    }
    assert update_errors(dict(old), old) == []
    assert update_errors({**old, "uid": "2"}, old) == ['metadata.uid: Invalid value: "2": field is immutable']
    assert update_errors({**old, "generation": 1}, old) == [
        "metadata.generation: Invalid value: 1: must not be decremented"
    ]
    without = {**old, "resourceVersion": ""}
    assert update_errors(without, old) == [
        'metadata.resourceVersion: Invalid value: "": must be specified for an update'
    ]


def test_no_new_finalizers_while_deleting():
    old = {"name": "a", "resourceVersion": "5", "deletionTimestamp": "2024-01-01T00:00:00Z", "finalizers": ["x/y"]}
    assert update_errors({**old, "finalizers": []}, old) == []
    assert update_errors({**old, "finalizers": ["x/y", "z/a"]}, old) == [
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
        'found new finalizers []string{"z/a"}'
    ]


def test_label_selectors():
    path = v.Path("spec").child("selector")
    bad = {
        "matchLabels": {"a": "x y"},
        "matchExpressions": [
            {"key": "a", "operator": "In"},
            {"key": "b", "operator": "Exists", "values": ["x"]},
            {"key": "c", "operator": "Like"},
            {"key": "-", "operator": "NotIn", "values": ["x y"]},
        ],
    }
    at = "spec.selector.matchExpressions"
    found = [str(error).split(": a valid")[0].split(": name part")[0] for error in v.validate_label_selector(bad, path)]
    assert found == [
        'spec.selector.matchLabels: Invalid value: "x y"',
        f"{at}[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        f"{at}[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        'spec.selector.matchExpressions[2].operator: Invalid value: "Like": not a valid selector operator',
        'spec.selector.matchExpressions[3].key: Invalid value: "-"',
        'spec.selector.matchExpressions[3].values[0]: Invalid value: "x y"',
    ]
    assert list(v.validate_label_selector(None, path)) == []


def test_words():
    path = v.ROOT.child("spec", "containers").index(0).key("x")
    assert str(path) == "spec.containers[0][x]"
    assert str(v.not_supported(path, "x", {"b", "a"})) == f'{path}: Unsupported value: "x": supported values: "a", "b"'
    assert str(v.duplicate(path, "x")) == f'{path}: Duplicate value: "x"'
    assert str(v.not_found(path, "x")) == f'{path}: Not found: "x"'
    assert str(v.too_long(path, 1)) == f"{path}: Too long: may not be more than 1 byte"
    assert str(v.too_many(path, 7, 5)) == f"{path}: Too many: 7: must have at most 5 items"
    assert v.one_of(path, "a", ("a", "b")) == []
    assert [str(e) for e in v.one_of(path, "", ("a",))] == [f"{path}: Required value"]
    assert [str(e) for e in v.non_negative(path, -1)] == [
        f"{path}: Invalid value: -1: must be greater than or equal to 0"
    ]
    assert v.non_negative(path, None) == []
    assert [str(e) for e in v.port(path, 0)] == [f"{path}: Invalid value: 0: must be between 1 and 65535, inclusive"]
    assert str(v.immutable(path, 2)) == f"{path}: Invalid value: 2: field is immutable"
