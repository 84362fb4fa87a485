"""Tokens with which lists go on: what clients may have made of them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.apiserver.verbs.continue_token import Token, decode_token, encode_token
from sampan.machinery.errors import BadRequest

PREFIX = "/core/pods/"


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def body(start: str, revision: str = "5", version: str = "meta.k8s.io/v1") -> str:
    return encoded(f'{{"v":"{version}","rv":{revision},"start":"{start}"}}')


@given(st.integers(-1, 2**62).filter(bool), st.text("abc-.", min_size=1).filter(lambda name: name not in (".", "..")))
def test_they_say_what_was_said(revision: int, name: str) -> None:
    token = Token(revision, f"{PREFIX}default/{name}")
    assert decode_token(encode_token(token, PREFIX), PREFIX) == token


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("%", ": illegal base64 data at input byte 0"),
        ("abc=", ": illegal base64 data at input byte 3"),
        ("ab+d", ": illegal base64 data at input byte 2"),
        ("abcde", ": illegal base64 data at input byte 4"),
        ("\xe9", ": illegal base64 data at input byte 0"),
        (encoded("hello"), ": invalid character 'h' looking for beginning of value"),
        (encoded("[]"), ": json: cannot unmarshal array into Go value of type storage.continueToken"),
        (encoded('{"v":1}'), ": json: cannot unmarshal number into Go struct field continueToken.v of type string"),
        (encoded("{}"), ": server does not recognize this encoded version "),
        (body("a", version="v9"), ": server does not recognize this encoded version v9"),
        (body("a", "0"), ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)"),
        (body(""), ": encoded start key empty (version meta.k8s.io/v1)"),
        (body("../secrets/a"), ": ../secrets/a"),
        (body("a/../../b"), ": a/../../b"),
        (body("a//b"), ": a//b"),
        (body("./a"), ": ./a"),
    ],
)
def test_what_is_wrong_with_them(text: str, why: str) -> None:
    with pytest.raises(BadRequest) as raised:
        decode_token(text, PREFIX)
    assert raised.value.message == f"invalid continue token: continue key is not valid{why}"


@given(st.text())
def test_anything_is_a_token_or_none(text: str) -> None:
    try:
        assert decode_token(text, PREFIX).start_after.startswith(PREFIX)
    except BadRequest as error:
        assert error.message.startswith("invalid continue token: ")
