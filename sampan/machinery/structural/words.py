"""What the modules of validation share: what a check is, how JSON calls types, when values are the same."""

from collections.abc import Callable
from typing import Any

import orjson

from sampan.machinery.places import Place
from sampan.machinery.structural.problems import Problems

# (value, its place, where problems go). The value has the JSON type that the check is for.
Check = Callable[[Any, Place, Problems], None]

TYPES: dict[type, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}

_EXACT = 2**53 - 1
_CLOSE = 1e-9


def is_whole(value: float) -> bool:
    """Whether a float is an integer to JSON: near enough, and not too large to tell."""
    if value != value or abs(value) > _EXACT:
        return False
    nearest = float(int(value))
    return value == nearest or abs(value - nearest) / (abs(value) + abs(nearest)) < _CLOSE


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal, true and 1 told apart as Go does."""
    if type(left) is not type(right):
        return False
    if type(left) is dict:
        return len(left) == len(right) and all(key in right and same(item, right[key]) for key, item in left.items())
    if type(left) is list:
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def identity(value: Any) -> bytes:
    """A text that equal JSON values share, and no others."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
