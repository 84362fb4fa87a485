"""Bodies to JSON trees: parsing with upstream's error texts, duplicate fields, a limit on nesting.

Valid bodies take the fast path (orjson); only a broken one is scanned again for Go's error message (json_errors.py).
YAML is yamlio.py, re-exported here. Called by the API server for every body; everything it raises is a BadRequest.
"""

import json
import re
from typing import Any

import orjson

from sampan.machinery.errors import BadRequest
from sampan.machinery.json_errors import syntax_error
from sampan.machinery.places import Place, note
from sampan.machinery.tree import MAX_DEPTH, is_too_deep
from sampan.machinery.yamlio import dump_yaml, parse_yaml

__all__ = ["dump_json", "dump_yaml", "duplicate_fields", "parse_json", "parse_yaml"]

_IRREGULAR = re.compile(rb'[ \n\t\r]:|\\\\":')  # a space before a colon, or a string that ends with a backslash
_EXPLAINED = 64 * 1024  # bytes: finding Go's words takes a microsecond for each; larger bodies get orjson's


def parse_json(body: bytes) -> Any:
    """The JSON value of a body; raises BadRequest."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(syntax_error(body) if len(body) <= _EXPLAINED else str(error)) from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and is_too_deep(value):
        raise BadRequest("json: exceeded max depth")
    return value


def dump_json(value: Any) -> bytes:
    """The compact JSON of a tree."""
    return orjson.dumps(value)


def duplicate_fields(body: bytes, value: Any = None) -> list[str]:
    """Paths of fields that occur twice in an object of a valid JSON body, the first hundred; `value` is what parse_json
    gave, if at hand.

    Counting decides nearly always: in a body whose keys are followed directly by their colon, the quote-colon pairs
    outside of strings are the keys.
    """
    if value is None:
        value = orjson.loads(body)
    if not _IRREGULAR.search(body) and body.count(b'":') - body.count(b'\\":') == _keys(value):
        return []
    found: list[str] = []
    _find_duplicates(json.loads(body, object_pairs_hook=_Pairs), None, found)
    return found


def _keys(value: Any) -> int:
    """How many fields all objects of a tree have."""
    kind = type(value)
    if kind is dict:
        count = len(value)
        for item in value.values():
            if (below := type(item)) is dict or below is list:
                count += _keys(item)
        return count
    if kind is list:
        return sum(_keys(item) for item in value if type(item) is dict or type(item) is list)
    return 0


class _Pairs(list[tuple[str, Any]]):
    """An object as the list of its fields, duplicates included."""


def _find_duplicates(value: Any, place: Place, found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, item in value:
            if name in seen:
                note(found, (place, name))
            seen.add(name)
            _find_duplicates(item, (place, name), found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _find_duplicates(item, (place, index), found)
