"""The answer to a patch whose result is no object of the kind: a 422 that shows the patch, as upstream gives it.

For a JSON or merge patch the value shown is the patched object as JSON, for a strategic merge patch the patch as Go
prints a map; the latter also has its own words for wrong types, since upstream converts that result field by field.
Called through patches.py. Texts: k8s.io/apiserver (patch.go), k8s.io/apimachinery/pkg/runtime (converter.go).
"""

import re
from typing import Any

import orjson

from sampan.machinery.codec import DecodeError
from sampan.machinery.errors import Invalid
from sampan.machinery.paths import invalid

_MISMATCH = re.compile(r"json: cannot unmarshal (\w+)(?: [^ ]+)? into Go .* of type (\S+)")
_GO_KINDS = {"string": "string", "number": "int64", "bool": "bool", "object": "map", "array": "slice"}
_PLAIN = frozenset(("string", "bool", "int32", "int64", "float64"))


def undecodable(error: DecodeError, patched: Any) -> Invalid:
    """For a JSON patch or merge patch: `patched` is the object that it made."""
    return _answer(orjson.dumps(patched).decode(), error.cause)


def undecodable_strategic(error: DecodeError, patch: Any) -> Invalid:
    """For a strategic merge patch: `patch` is what the client sent."""
    found = _MISMATCH.fullmatch(error.cause)
    return _answer(go_text(patch), _conversion(found[1], found[2]) if found else error.cause)


def _answer(value: str, cause: str) -> Invalid:
    return Invalid.of("", "", "", [invalid("patch", value, cause)])


def _conversion(json_name: str, go_type: str) -> str:
    kind = _GO_KINDS.get(json_name, json_name)
    if go_type.startswith("[]"):
        return f"cannot restore slice from {kind}"
    if go_type.startswith("map["):
        return f"cannot restore map from {kind}"
    if go_type in _PLAIN:
        return f"unrecognized type: {go_type}"
    return f"cannot restore struct from: {kind}"


def go_text(value: Any) -> str:
    """A JSON tree as Go's %v prints it: `map[spec:map[replicas:3]]`, keys sorted."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_text(item)}" for key, item in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_text, value)) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
