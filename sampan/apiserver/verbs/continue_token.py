"""Continue tokens: a revision and the key from which a list goes on, in the form and with the errors of upstream's
(k8s.io/apiserver/pkg/storage, continue.go). Opaque to clients, who may send anything. Called by list.py.
"""

import base64
import string
from typing import Any, NamedTuple

import orjson

from sampan.machinery.errors import BadRequest
from sampan.machinery.json_errors import syntax_error
from sampan.machinery.scalars import json_name

_VERSION = "meta.k8s.io/v1"
_ALPHABET = frozenset(string.ascii_letters + string.digits + "-_")
_NEWLINES = frozenset("\r\n")
_INVALID = "continue key is not valid"


class Token(NamedTuple):
    """What a continue token says. Revision -1: continue with whatever is newest (after an expired token)."""

    revision: int
    start_after: str


def encode_token(token: Token, prefix: str) -> str:
    """An opaque continue token; it names the last key below the prefix."""
    body = {"v": _VERSION, "rv": token.revision, "start": token.start_after.removeprefix(prefix) + "\0"}
    return base64.urlsafe_b64encode(orjson.dumps(body)).rstrip(b"=").decode()


def decode_token(text: str, prefix: str) -> Token:
    """The contents of a continue token; raises BadRequest."""
    try:
        return _decoded(text, prefix)
    except ValueError as error:
        raise BadRequest(f"invalid continue token: {error}") from None


def _decoded(text: str, prefix: str) -> Token:
    version, revision, start = _fields(_object(_bytes(text)))
    if version != _VERSION:
        raise ValueError(f"{_INVALID}: server does not recognize this encoded version {version}")
    if revision == 0:
        raise ValueError(f"{_INVALID}: incorrect encoded start resourceVersion (version {_VERSION})")
    if not start:
        raise ValueError(f"{_INVALID}: encoded start key empty (version {_VERSION})")
    key = start.removeprefix("/")
    if key and not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise ValueError(f"{_INVALID}: {start}")  # it could lead out of the collection
    return Token(revision, prefix + key.removesuffix("\0"))


def _bytes(text: str) -> bytes:
    """Base64 of the URL's alphabet, without padding; line breaks are passed over."""
    strange = (at for at, char in enumerate(text) if char not in _ALPHABET and char not in _NEWLINES)
    at = next(strange, -1)
    kept = "".join(char for char in text if char not in _NEWLINES)
    if at < 0 and len(kept) % 4 == 1:
        at = len(text) - 1
    if at >= 0:
        raise ValueError(f"{_INVALID}: illegal base64 data at input byte {len(text[:at].encode())}")
    return base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4))


def _object(data: bytes) -> dict[str, Any]:
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ValueError(f"{_INVALID}: {syntax_error(data)}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ValueError(f"{_INVALID}: {_mismatch(tree, 'value', 'storage.continueToken')}")
    return tree


def _fields(tree: dict[str, Any]) -> tuple[str, int, str]:
    for name, kind, go in (("v", str, "string"), ("rv", int, "int64"), ("start", str, "string")):
        value = tree.get(name)
        if value is not None and type(value) is not kind:
            raise ValueError(f"{_INVALID}: {_mismatch(value, f'struct field continueToken.{name}', go)}")
    return tree.get("v") or "", tree.get("rv") or 0, tree.get("start") or ""


def _mismatch(value: Any, where: str, go: str) -> str:
    return f"json: cannot unmarshal {json_name(value)} into Go {where} of type {go}"
