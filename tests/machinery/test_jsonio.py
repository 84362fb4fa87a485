import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampan.machinery import jsonio
from sampan.machinery.errors import BadRequest
from sampan.machinery.tree import MAX_DEPTH
from tests.machinery.strategies import trees


@given(trees)
def test_valid_json_parses_as_python_does(tree):
    assert jsonio.parse_json(json.dumps(tree).encode()) == tree
    assert jsonio.parse_json(jsonio.dump_json(tree)) == tree


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "unexpected end of JSON input"),
        (b"[", "unexpected end of JSON input"),
        (b'{"a"', "unexpected end of JSON input"),
        (b'"abc', "unexpected end of JSON input"),
        (b"-", "invalid character ' ' in numeric literal"),
        (b"1.", "invalid character ' ' after decimal point in numeric literal"),
        (b"1e", "invalid character ' ' in exponent of numeric literal"),
        (b'{"a":fals', "invalid character ' ' in literal false (expecting 'e')"),
        (b"abc", "invalid character 'a' looking for beginning of value"),
        (b'{"a":}', "invalid character '}' looking for beginning of value"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"{} x", "invalid character 'x' after top-level value"),
        (b"nul1", "invalid character '1' in literal null (expecting 'l')"),
        (b'"\n"', r"invalid character '\n' in string literal"),
        (b'"\\q"', "invalid character 'q' in string escape code"),
        (b'"\\u12G4"', r"invalid character 'G' in \u hexadecimal character escape"),
        (b"1.x", "invalid character 'x' after decimal point in numeric literal"),
        (b"1ex", "invalid character 'x' in exponent of numeric literal"),
        (b"-x", "invalid character 'x' in numeric literal"),
    ],
)
def test_broken_json_is_described_as_go_does(body, error):
    with pytest.raises(BadRequest) as caught:
        jsonio.parse_json(body)
    assert caught.value.message == error


@settings(max_examples=300)
@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:\\ntrue019-.e ', max_size=30).map(str.encode))
def test_any_bytes_parse_or_are_refused(body):
    try:
        jsonio.parse_json(body)
    except BadRequest as error:
        assert error.message


def test_nesting_is_limited():
    assert jsonio.parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    for depth in (MAX_DEPTH + 1, 5000, 500_000):
        with pytest.raises(BadRequest):
            jsonio.parse_json(b"[" * depth + b"]" * depth)
    flat = b"[" + b",".join([b"{}"] * 1000) + b"]"
    assert len(jsonio.parse_json(flat)) == 1000


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b'{"a":1,"b":{"a":1}}', []),
        (b'{"a":1,"a":2}', ["a"]),
        (b'{"a": [{"x":1}, {"x":1, "x":2}]}', ["a[1].x"]),
        (b'{"a" :1,"a" :2}', ["a"]),
        (b'{"a":1,"a" :2}', ["a"]),
        (b'{"a":"\\":","a":2}', ["a"]),
        (b'{"a\\\\":1,"a\\\\":2}', ["a\\"]),
        (b'{"a\\\\":"\\":"}', []),
        (b'{"a":{"b":1,"b":1},"a":2}', ["a.b", "a"]),
        (b"[]", []),
    ],
)
def test_duplicate_fields(body, paths):
    assert jsonio.duplicate_fields(body) == paths
    assert jsonio.duplicate_fields(body, jsonio.parse_json(body)) == paths


pairs = st.recursive(
    st.text(alphabet='a"\\: ', max_size=4),
    lambda below: st.lists(st.tuples(st.text(alphabet='a"\\:', max_size=2), below), max_size=4),
    max_leaves=8,
)


@settings(max_examples=300)
@given(pairs, st.sampled_from((":", ": ", " :")))
def test_duplicates_are_found_whatever_the_strings_hold(tree, colon):
    expected = []

    def write(node, path):
        if isinstance(node, str):
            return json.dumps(node)
        seen = set()
        parts = []
        for name, item in node:
            below = name if path is None else f"{path}.{name}"
            if name in seen:
                expected.append(below)
            seen.add(name)
            parts.append(json.dumps(name) + colon + write(item, below))
        return "{" + ",".join(parts) + "}"

    body = write(tree, None).encode()
    assert sorted(jsonio.duplicate_fields(body)) == sorted(expected)
