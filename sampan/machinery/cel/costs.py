"""What a call cost once it has happened, as upstream counts: by function for Kubernetes' libraries, else by overload.

Everything that is not here costs 1. Upstream: cel-go interpreter/runtimecost.go, ext/lists.go, ext/sets.go;
apiserver pkg/cel/library/cost.go.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sampan.machinery.cel.values import size_of

Measure = Callable[[Sequence[Any], Any], int]
Cost = int | Measure
TRAVERSAL = 0.1  # for each character or byte
REGEX = 0.25  # for each character of a pattern
_CALL, _LIST = 1, 10
COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")  # what lists are sorted of
_CHECK = 350_000  # of the authorizer: two in one expression, no more


def traversal(size: float) -> int:
    """The cost of going over a text once."""
    return math.ceil(size * TRAVERSAL)


def _of(index: int, factor: float = 1) -> Measure:
    return lambda values, result: math.ceil(size_of(values[index]) * factor * TRAVERSAL)


def _smaller(values: Sequence[Any], result: Any) -> int:
    return traversal(min(size_of(values[0]), size_of(values[1])))


def _both(values: Sequence[Any], result: Any) -> int:
    return traversal(size_of(values[0]) + size_of(values[1]))


def _product(values: Sequence[Any], result: Any) -> int:
    return traversal(size_of(values[0])) * traversal(size_of(values[1]))


def _pattern(values: Sequence[Any], result: Any) -> int:
    return traversal(1.0 + size_of(values[0])) * math.ceil(size_of(values[1]) * REGEX)


def _whole(values: Sequence[Any], result: Any) -> int:
    return deep_size(values[0])


def deep_size(value: Any) -> int:
    """The cost of traversing a value as a tree."""
    if isinstance(value, (str, bytes)):
        return int(len(value) * TRAVERSAL)
    if isinstance(value, list):
        return sum(map(deep_size, value))
    if isinstance(value, dict):
        return sum(deep_size(key) + deep_size(item) for key, item in value.items())
    return 1


def _joined(values: Sequence[Any], result: Any) -> int:
    return math.ceil(size_of(result) * 2 * TRAVERSAL)


def _selector(values: Sequence[Any], result: Any) -> int:
    length = size_of(values[1])
    return _LIST + traversal(length) + math.ceil(math.ceil(length * 0.5) * 50)


def _validation(values: Sequence[Any], result: Any) -> int:
    return traversal(1.0 + size_of(values[1])) * math.ceil(float(values[0].largest_pattern) * REGEX)


def _contains_ip(values: Sequence[Any], result: Any) -> int:
    return traversal(2 * size_of(values[0])) + (traversal(size_of(values[1])) if isinstance(values[1], str) else 0)


def _contains_cidr(values: Sequence[Any], result: Any) -> int:
    return _contains_ip(values, result) + traversal(size_of(values[0])) + 1


def _ip(values: Sequence[Any], result: Any) -> int:
    return traversal(size_of(values[0])) if isinstance(values[0], str) else 1


def _output(values: Sequence[Any], result: Any) -> int:
    return _CALL + _LIST + size_of(result)


def _flattened(values: Sequence[Any], result: Any) -> int:
    depth = float(values[1]) if len(values) == 2 else 1.0
    return int(size_of(values[0]) * (depth if depth >= 0 else 1.0)) + _CALL + _LIST


def _compared(index: int) -> Measure:
    def measure(values: Sequence[Any], result: Any) -> int:
        items = values[index]
        factor = 2 + TRAVERSAL if items and isinstance(items[0], (str, bytes)) else 2.0
        return int(len(items) ** 2 * factor) + _CALL + _LIST

    return measure


def _sets(factor: int) -> Measure:
    return lambda values, result: _CALL + size_of(values[0]) * size_of(values[1]) * factor


def _list_size(values: Sequence[Any], result: Any) -> int:
    return size_of(values[1])


_BY_OVERLOAD: Mapping[str, Measure] = {
    "starts_with_string": _of(1),
    "ends_with_string": _of(1),
    "string_to_bytes": _of(0),
    "bytes_to_string": _of(0),
    "strings_quote": _of(0),
    "string_format": _of(0),
    "in_list": _list_size,
    "equals": _smaller,
    "not_equals": _smaller,
    "add_string": _both,
    "add_bytes": _both,
    "matches": _pattern,
    "matches_string": _pattern,
    "contains_string": _product,
    "list_slice": _output,
    "lists_range": _output,
    "list_reverse": _output,
    "list_flatten": _flattened,
    "list_flatten_int": _flattened,
    "list_distinct": _compared(0),
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
} | {
    f"{word}_{kind}": _smaller
    for word in ("less", "less_equals", "greater", "greater_equals")
    for kind in ("string", "bytes")
}
_SORTS: Mapping[str, Measure] = {
    f"list_{kind}_{name}": _compared(index) for kind in COMPARABLE for index, name in enumerate(("sort", "sort_by"))
}
_BY_FUNCTION: Mapping[str, Cost] = {
    "check": _CHECK,
    "fieldSelector": _selector,
    "labelSelector": _selector,
    "isSorted": _whole,
    "sum": _whole,
    "max": _whole,
    "min": _whole,
    "indexOf": _whole,
    "lastIndexOf": _whole,
    "includes": _whole,
    "url": _of(0),
    "lowerAscii": _of(0),
    "upperAscii": _of(0),
    "substring": _of(0),
    "trim": _of(0),
    "jsonpatch.escapeKey": _of(0),
    "replace": _of(0, 2),
    "split": _of(0, 2),
    "join": _joined,
    "find": _pattern,
    "findAll": _pattern,
    "cidr": _of(0),
    "isIP": _of(0),
    "isCIDR": _of(0),
    "ip": _ip,
    "ip.isCanonical": _of(0, 2),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "quantity": _of(0),
    "isQuantity": _of(0),
    "semver": _of(0),
    "isSemver": _of(0),
    "validate": _validation,
}


def cost_of(function: str, overloads: Sequence[str]) -> Cost:
    """How to measure a call; an overload's own cost counts only where the checker left just that one."""
    if function in _BY_FUNCTION:
        return _BY_FUNCTION[function]
    if function in ("_==_", "_!=_"):
        return _smaller
    if len(overloads) != 1:
        return _CALL
    found = _BY_OVERLOAD.get(overloads[0]) or _SORTS.get(overloads[0])
    return found if found is not None else _CALL
