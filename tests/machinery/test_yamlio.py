import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery.errors import BadRequest
from sampan.machinery.yamlio import dump_yaml, parse_yaml, parse_yaml_strict, parse_yaml_told, resolve
from tests.machinery.strategies import trees


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("y", True),
        ("oN", "oN"),
        ("~", None),
        ("", None),
        ("Null", None),
        ("12", 12),
        ("-3", -3),
        ("0777", 511),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b101", 5),
        ("089", 89),
        ("1_000", 1000),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        ("0X1f", 31),
        ("18446744073709551616", 18446744073709551616.0),
        ("1" * 500, "1" * 500),
    ],
)
def test_plain_scalars(text, value):
    found = resolve(text)
    assert found == value and type(found) is type(value)


def test_a_manifest():
    body = b"""
apiVersion: v1
kind: Pod   # a comment
metadata: {name: web, labels: &l {a: "1", b: '2'}}
spec:
  more: *l
  merged:
    <<: *l
    b: own
  text: |
    one
    two
  tagged: !!str 123
  data: !!binary |
    YWJj
    ZGVm
  on: off
  1: x
---
second: document
"""
    assert parse_yaml(body) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "labels": {"a": "1", "b": "2"}},
        "spec": {
            "more": {"a": "1", "b": "2"},
            "merged": {"a": "1", "b": "own"},
            "text": "one\ntwo\n",
            "tagged": "123",
            "data": "YWJjZGVm",
            "true": False,
            "1": "x",
        },
    }


def test_aliases_are_copies():
    found = parse_yaml(b"a: &x {k: 1}\nb: *x")
    found["a"]["k"] = 2
    assert found["b"] == {"k": 1}


def test_what_is_told_of_keys_given_twice():
    assert parse_yaml_told(b"a: {b: 1,\n  b: 2}\na:\n  3")[1] == [
        'line 2: key "b" already set in map',
        'line 4: key "a" already set in map',
    ]
    many = b"\n".join([b"k" * 1000 + b": 1"] * 200)
    told = parse_yaml_told(many)[1]
    assert len(told) == 100 and len(told[0]) < 300


def test_duplicate_keys():
    assert parse_yaml_strict(b"a: {b: 1, b: 2}\na: 3") == ({"a": 3}, ["a.b", "a"])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"a: [", "line 1: did not find expected node content"),  # lines as go-yaml counts them
        (b"a: b\nc: [\n", "line 2: did not find expected node content"),
        (b"{a: b", "line 1: did not find expected ',' or '}'"),
        (b"- a\nb", "line 3: could not find expected ':'"),
        (b"a: b: c", "mapping values are not allowed in this context"),
        (b"\ta: b", "found character that cannot start any token"),
        (b"a: *x", "unknown anchor 'x' referenced"),
        (b"a: &a [*a]", "unknown anchor 'a' referenced"),
        (b"[" * 300, "exceeded max depth"),
        (b"- " * 300, "exceeded max depth"),
        (b"[" * 100_000, ""),  # the parser may have a limit of its own before ours
        (b"- " * 100_000, ""),
        (b"? [a]\n: b", "invalid map key"),
        (b"a: .inf", "json: unsupported value: .inf"),
        (b"<<: 3", "map merge requires map or sequence of maps as the value"),
        (b"\xff\xfe\xfd", ""),
    ],
)
def test_what_is_refused(body, error):
    with pytest.raises(BadRequest) as caught:
        parse_yaml(body)
    assert caught.value.message.startswith("error converting YAML to JSON: yaml: " + error)


def test_an_alias_bomb_is_refused():
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(BadRequest, match="excessive aliasing"):
        parse_yaml("\n".join(lines).encode())


@settings(max_examples=300)
@given(trees)
def test_a_tree_survives_being_written_and_read(tree):
    assert parse_yaml(dump_yaml(tree)) == tree


@settings(max_examples=300)
@given(st.binary(max_size=40) | st.text(alphabet="ab:-[]{}&*!|>'\"\n #,?<0.", max_size=30).map(str.encode))
def test_any_bytes_parse_or_are_refused(body):
    try:
        parse_yaml(body)
    except BadRequest as error:
        assert error.message


def test_written_form():
    tree = {
        "b": [{"x": "yes", "a": "12"}],
        "a": "one\ntwo\n",
        "t": "2024-01-01T00:00:00Z",
        "e": {},
        "n": None,
        "l": "x " * 90,
    }
    assert dump_yaml(tree).decode() == (
        'a: |\n  one\n  two\nb:\n- a: "12"\n  x: "yes"\ne: {}\nl: \'' + "x " * 90 + "'\n"
        '"n": null\nt: "2024-01-01T00:00:00Z"\n'
    )
