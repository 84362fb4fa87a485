import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.machinery import jsonpath
from sampan.machinery.jsonpath import JSONPathError, parse

OBJECT = {
    "kind": "Pod",
    "metadata": {"labels": {"app.kubernetes.io/name": "web", "tier": "front"}, "name": "p"},
    "spec": {"containers": [{"name": "a", "ports": [80, 81]}, {"name": "b", "ports": []}, {"name": "c"}], "n": 3},
    "status": {
        "conditions": [
            {"type": "Ready", "status": "True", "n": 1},
            {"type": "Initialized (x)]", "status": "False", "n": 2, "note": None},
        ]
    },
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".kind", ["Pod"]),
        ("{.kind}", ["Pod"]),
        ("kind", ["Pod"]),
        ("$.kind", ["Pod"]),
        (".metadata.labels['tier']", ["front"]),
        (".metadata.labels['app.kubernetes.io/name']", ["web"]),
        (r".metadata.labels.app\.kubernetes\.io/name", ["web"]),
        (".spec.containers[0].name", ["a"]),
        (".spec.containers[-1].name", ["c"]),
        (".spec.containers[*].name", ["a", "b", "c"]),
        (".spec.containers[0:2].name", ["a", "b"]),
        (".spec.containers[::2].name", ["a", "c"]),
        (".spec.containers[1:].name", ["b", "c"]),
        (".spec.containers[0,2].name", ["a", "c"]),
        (".spec['n','missing']", [3]),
        (".spec.containers[0]['name','ports']", ["a", [80, 81]]),
        (".spec.containers[7].name", []),
        (".spec.n[0]", []),
        (".missing.below", []),
        ("..ports", [[80, 81], []]),
        ("..ports[0]", [80]),
        (".spec..name", ["a", "b", "c"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type=='Initialized (x)]')].status", ["False"]),
        (".status.conditions[?(@.n>1)].status", ["False"]),
        (".status.conditions[?(@.n<=1)].type", ["Ready"]),
        (".status.conditions[?(@.n!=1)].n", [2]),
        (".status.conditions[?(@.note)].n", [2]),
        (".status.conditions[?(@.type>1)].n", []),
        (".metadata.*", [{"app.kubernetes.io/name": "web", "tier": "front"}, "p"]),
        ("..", [OBJECT, OBJECT["metadata"], OBJECT["metadata"]["labels"], OBJECT["spec"]]),
    ],
)
def test_what_a_path_finds(path, found):
    result = parse(path).find(OBJECT)
    assert (result[:4] if path == ".." else result) == found


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (".a[", "unterminated array"),
        (".a[x]", "invalid array index x"),
        (".a[]", "invalid array index "),
        (".a[?(@.b==1]", "unterminated filter"),
        (".a[?(@.b==1)", "unclosed array expect ]"),
        (".a[?(@.b=~1)]", "unrecognized filter operator =~|unrecognized filter operator ="),
        ("{.a", "unclosed action"),
        ("....a", "invalid multiple recursive descent"),
        (".a[0:1:0]", "step must be > 0"),
        (".a]", "unrecognized character in action"),
        ("." + "a" * jsonpath.LONGEST, "longer than"),
    ],
)
def test_what_is_no_path(path, message):
    with pytest.raises(JSONPathError, match=message):
        parse(path)


def test_results_are_bounded():
    wide = {"a": [[0] * 1000] * 1000}
    assert len(parse(".a[*][*]").find(wide)) == jsonpath.MOST


@given(st.text(alphabet=".[]*?()@'\"\\:,=<>0-ab ", max_size=40))
def test_any_text_is_a_path_or_refused(text):
    try:
        path = parse(text)
    except JSONPathError:
        return
    path.find(OBJECT)
