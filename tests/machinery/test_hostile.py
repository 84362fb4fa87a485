"""What a client may send to exhaust the server: each is refused, or costs no more than a body of its size should.

Where the cost was once quadratic, the input is so large that it would take minutes: the timeout is the assertion.
"""

import tracemalloc

import orjson
import pytest

from sampan.machinery import apply, durations, jsonio, names, patches, protobuf, quantity, scalars, selectors, tracking
from sampan.machinery.errors import BadRequest, FieldError, Invalid
from sampan.machinery.field_selectors import parse as parse_fields
from sampan.machinery.fieldtrees import compile_tree
from sampan.machinery.metadata import validate_meta_update
from sampan.machinery.remember import LONGEST, remembered
from sampan.machinery.selectors import SelectorError
from sampan.machinery.tree import MAX_DEPTH, deep_copy, is_too_deep
from sampan.machinery.yamlio import parse_yaml, parse_yaml_strict
from tests.machinery.sample import POD_KIND, definition

BODY = 3 << 20
CONFIG_MAP, POD = "io.k8s.api.core.v1.ConfigMap", "io.k8s.api.core.v1.Pod"
POD_SPEC = "io.k8s.api.core.v1.PodSpec"
pytestmark = pytest.mark.timeout(30)


def peak_of(work):
    """The most bytes that Python held at a time while it did the work."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Bodies


@pytest.mark.parametrize(
    "body", [b"[" + b"0," * (BODY // 2), b"[" + b"[]," * (BODY // 3), b'["' + b"a" * BODY + b'\xff"]']
)
def test_a_large_broken_body_is_not_scanned_again(body, monkeypatch):
    monkeypatch.setattr(jsonio, "syntax_error", lambda body: pytest.fail("scanned"))
    with pytest.raises(BadRequest):
        jsonio.parse_json(body)


@pytest.mark.parametrize("body", [b"1e999", b"-1e999", b"1" + b"0" * 400, b"NaN", b"Infinity", b'"\\ud800"', b'"\x00"'])
def test_values_that_json_has_not(body):
    with pytest.raises(BadRequest):
        jsonio.parse_json(body)


def test_duplicates_below_a_long_key_cost_no_copies_of_it():
    body = b'{"' + b"k" * (BODY // 2) + b'":{' + b",".join([b'"a":1'] * 100_000) + b"}}"
    found = []
    assert peak_of(lambda: found.extend(jsonio.duplicate_fields(body))) < 100 << 20
    assert len(found) == 100 and all(len(path) < 300 for path in found)


def test_yaml_below_a_long_key_costs_no_copies_of_it():
    body = b'? "' + b"k" * (BODY // 2) + b'"\n: {' + b",".join([b"a: 1"] * 20_000) + b"}"
    _, found = parse_yaml_strict(body)
    assert len(found) == 100 and all(len(path) < 300 for path in found)


def test_aliases_do_not_stack_up_to_a_deep_tree():
    nest = "[" * 150 + "%s" + "]" * 150 + "\n"
    text = "a0: &a0 " + nest % "x" + "".join(f"a{i}: &a{i} " + nest % f"*a{i - 1}" for i in range(1, 20))
    with pytest.raises(BadRequest, match="exceeded max depth"):
        parse_yaml(text.encode())


@pytest.mark.parametrize("body", [b"[" + b"a," * (BODY // 2) + b"]", b"".join(b"k%d:\n" % i for i in range(300_000))])
def test_a_yaml_body_of_very_many_values_is_refused(body):
    with pytest.raises(BadRequest, match="too many values"):
        parse_yaml(body)


@pytest.mark.parametrize("start", [b"[? ", b"{a: ", b"- ", b"? ", b"[[", b"{? {", b"a: b: "])
def test_yaml_that_never_ends_is_refused_early(start):
    with pytest.raises(BadRequest):
        parse_yaml(start * (BODY // len(start)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1" + "0" * 350, "1" + "0" * 350),
        ("1e400", "1e400"),
        ("0x" + "f" * 300, "0x" + "f" * 300),
        ("-18446744073709551615", -18446744073709551615.0),
        ("-9223372036854775808", -(2**63)),
        ("1e20", 1e20),
    ],
)
def test_yaml_numbers_that_no_64_bits_hold_can_be_stored(text, value):
    found = parse_yaml(text.encode())
    assert found == value and type(found) is type(value)
    assert orjson.loads(orjson.dumps(found)) == value


def test_a_deep_tree_is_noticed_without_recursion():
    tree = []
    for _ in range(MAX_DEPTH - 1):
        tree = [tree]
    assert not is_too_deep(tree) and is_too_deep({"a": tree})
    for _ in range(100_000):
        tree = [tree]
    assert is_too_deep(tree)
    while tree:  # Python frees it recursively, too
        tree = tree.pop()


def test_json_within_protobuf_may_not_be_deep_either():
    def field(number, data):
        size = len(data)
        varint = b""
        while size > 0x7F:
            varint, size = varint + bytes([size & 0x7F | 0x80]), size >> 7
        return bytes([number << 3 | 2]) + varint + bytes([size]) + data

    deep = b"[" * 1000 + b"]" * 1000
    revision = field(2, field(1, deep))  # ControllerRevision.data.raw
    body = b"k8s\0" + field(1, field(1, b"apps/v1") + field(2, b"ControllerRevision")) + field(2, revision)
    with pytest.raises(BadRequest, match="max depth"):
        protobuf.parse_protobuf(body)


# Values


def test_long_texts_are_not_remembered():
    asked = []
    ask = remembered(10)(lambda text: asked.append(text) or len(text))
    long = "x" * (LONGEST + 1)
    assert [ask("a"), ask("a"), ask(long), ask(long)] == [1, 1, len(long), len(long)]
    assert asked == ["a", long, long]


@pytest.mark.parametrize(
    "check",
    [
        *(names.dns_subdomain, names.dns_label, names.dns_1035_label, names.label_value, names.qualified_name),
        *(names.percent, names.http_header_name, names.config_key, names.port_name, names.env_var_name),
        scalars.CHECKS["time"][1],
        scalars.CHECKS["bytes"][1],
        scalars.CHECKS["quantity"][1],
    ],
)
@pytest.mark.parametrize("text", ["a.", "a-", "1", "A/", "=", "QUJD\n", "2020-01-01T00:00:00."])
def test_a_long_value_leaves_nothing_behind_and_takes_little_memory(check, text):
    long = text * (BODY // len(text)) + "!"

    def run():
        try:
            check(long)
        except (BadRequest, scalars.Mismatch):
            return

    assert peak_of(run) < 64 << 20


@pytest.mark.parametrize(
    "text", ["1e1000000000", "1e-1000000000", "9" * 500 + "Ei", "0." + "0" * 400 + "1", "1e+0000000001"]
)
def test_quantities_are_bounded(text):
    assert -(2**63) * 10**9 < quantity.parse(text).nano < 2**63 * 10**9
    assert len(quantity.canonical(text)) < 30


@pytest.mark.parametrize("text", ["9" * 5000, "1" * BODY, "1e" + "9" * 600])
def test_quantities_of_very_many_digits_are_refused(text):
    with pytest.raises(quantity.QuantityError):
        quantity.parse(text)


@pytest.mark.parametrize("seconds", [10**18, -(10**18), 1e300])
def test_ages_of_any_length(seconds):
    assert durations.duration_human(seconds)


@pytest.mark.parametrize("parse", [selectors.parse, parse_fields])
def test_a_selector_of_very_many_conditions_is_refused(parse):
    assert parse(",".join(f"a{i}!=b" for i in range(1000)))
    with pytest.raises(SelectorError, match="at most 1000"):
        parse(",".join(f"a{i}!=b" for i in range(1001)))


@pytest.mark.parametrize("text", ["a.", "a,", "=", "a=b,", "!", "a in (b,", "a>1", "((", "a notin ()"])
@pytest.mark.parametrize("parse", [selectors.parse, parse_fields])
def test_a_selector_that_fills_the_request_line(parse, text):
    with pytest.raises(SelectorError):
        parse(text * (250_000 // len(text)) + "=,!")


# Patches


def test_a_set_of_very_many_items_is_merged():
    finalizers = [f"a{i}" for i in range(200_000)]
    patch = {"metadata": {"finalizers": finalizers}}
    found = patches.strategic_merge_patch({"metadata": {"finalizers": ["a0", "b"]}}, patch, definition(CONFIG_MAP))
    assert sorted(found["metadata"]["finalizers"]) == sorted([*finalizers, "b"])
    gone = {"metadata": {"$deleteFromPrimitiveList/finalizers": finalizers}}
    assert patches.strategic_merge_patch(found, gone, definition(CONFIG_MAP)) == {"metadata": {"finalizers": ["b"]}}


def test_very_many_items_are_deleted():
    there = [{"name": f"a{i}"} for i in range(100_000)]
    gone = [{"name": f"b{i}", "$patch": "delete"} for i in range(100_000)]
    assert patches.strategic_merge_patch({"containers": list(there)}, {"containers": gone}, definition(POD_SPEC)) == {
        "containers": there
    }
    assert patches.strategic_merge_patch({}, {"containers": gone}, definition(POD_SPEC)) == {"containers": []}


def test_very_many_keys_are_retained():
    patch = {"data": {"$retainKeys": [f"k{i}" for i in range(100_000)], **{f"k{i}": "x" for i in range(100_000)}}}
    live = {"data": {f"l{i}": "x" for i in range(100_000)}}
    assert len(patches.strategic_merge_patch(live, patch, definition(CONFIG_MAP))["data"]) == 100_000


@pytest.mark.parametrize(
    "patch",
    [
        {"containers": [{"$patch": ["delete"], "name": "a"}]},
        {"containers": [{"name": {}, "$patch": "delete"}]},
        {"containers": [None, 1]},
        {"$retainKeys": {"a": 1}},
        {"$retainKeys": [[]]},
        {"$setElementOrder/containers": "x", "containers": []},
        {"$setElementOrder/containers": [{}], "containers": []},
        {"$deleteFromPrimitiveList/nodeSelector": {}},
        {"$patch": {"a": 1}},
    ],
)
def test_hostile_directives_are_refused(patch):
    live = {"containers": [{"name": "a"}], "nodeSelector": {"a": "b"}}
    with pytest.raises((BadRequest, Invalid)):
        patches.strategic_merge_patch(live, patch, definition(POD_SPEC))


@pytest.mark.parametrize("items", [[[1], {"a": 1}], [None], [1, True, 1.0]])
def test_a_set_may_hold_anything_before_validation_sees_it(items):
    live = {"metadata": {"finalizers": deep_copy(items)}}
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": [*items, "x"], "finalizers": ["y"]}}
    assert "y" in patches.strategic_merge_patch(live, patch, definition(CONFIG_MAP))["metadata"]["finalizers"]


def deeper(times):
    yield {"op": "add", "path": "/x", "value": {}}
    for _ in range(times):
        yield {"op": "add", "path": "/y", "value": {}}
        yield {"op": "move", "from": "/x", "path": "/y/z"}
        yield {"op": "move", "from": "/y", "path": "/x"}


def test_moves_do_not_stack_up_to_a_deep_tree():
    assert patches.json_patch({}, list(deeper(MAX_DEPTH - 2)))
    for more in ([], [{"op": "copy", "from": "/x", "path": "/c"}]):
        with pytest.raises(Invalid):
            patches.json_patch({}, [*deeper(MAX_DEPTH), *more])


def test_copies_do_not_double_without_end():
    double = [{"op": "copy", "from": "/a", "path": "/a/-"}]
    with pytest.raises(Invalid):
        patches.json_patch({"a": ["x" * 1000]}, double * 100)


def test_long_lists_are_not_pushed_about_without_end():
    rotate = [{"op": "move", "from": "/a/0", "path": "/a/-"}]
    assert patches.json_patch({"a": list(range(1000))}, rotate * 5000)
    with pytest.raises(Invalid):
        patches.json_patch({"a": [0] * 1_000_000}, rotate * 9000)


# Ownership


def pod(count):
    items = [{"name": f"e{i}", "value": "x"} for i in range(count)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "env": items}]},
    }


def test_giving_up_very_many_items_by_apply():
    def put(live, count):
        return apply.apply(live, pod(count), definition=definition(POD), manager="me", now="2024-01-01T00:00:00Z")

    found = put(put(None, 10_000), 1)
    assert [item["name"] for item in found["spec"]["containers"][0]["env"]] == ["e0"]


def test_very_many_managers():
    entries = [
        {
            "manager": f"m{i}",
            "operation": "Update",
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {f"f:k{i}": {}}},
        }
        for i in range(30_000)
    ]
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "managedFields": entries}}
    root = compile_tree(definition(CONFIG_MAP))
    tracking.track_update(root, None, obj, api_version="v1", manager="me", now="2024-01-01T00:00:00Z")
    (joined,) = (e for e in obj["metadata"]["managedFields"] if e["manager"] == "ancient-changes")
    assert len(obj["metadata"]["managedFields"]) == tracking.MAX_UPDATERS
    assert len(joined["fieldsV1"]["f:data"]) == 30_000 - tracking.MAX_UPDATERS + 1


@pytest.mark.parametrize(
    "fields", [{"k:garbage": {}}, {"f:a": 1}, {"f:spec": {"k:1": {"f:x": {}}}}, [], "x", {"f:": {".": {}}}]
)
def test_malformed_managed_fields_do_no_harm(fields):
    live = pod(1)
    live["metadata"]["managedFields"] = [
        {"manager": "me", "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields},
        {"manager": "you", "operation": "Update", "apiVersion": "v1", "fieldsV1": fields},
    ]
    assert apply.apply(live, pod(2), definition=definition(POD), manager="me", now="2024-01-01T00:00:00Z", force=True)


# Errors


def test_an_answer_is_no_multiple_of_the_body():
    owners = [
        {"apiVersion": "v1", "kind": "Pod", "name": f"p{i}", "uid": "u", "controller": True} for i in range(20_000)
    ]
    meta = {"name": "a", "resourceVersion": "1", "ownerReferences": owners}
    error = Invalid.of("Pod", "", "a", validate_meta_update({"metadata": meta}, {"metadata": {"name": "a"}}, POD_KIND))
    assert len(orjson.dumps(error.status())) < 4 * len(orjson.dumps(owners))


def test_every_field_error_of_a_usual_answer_is_there():
    many = [FieldError("Required value", f"spec.containers[{i}].name") for i in range(1000)]
    assert len(Invalid.of("Pod", "", "a", many).details["causes"]) == 1000
