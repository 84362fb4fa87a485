"""The operators as functions: arithmetic with its overflows, ordering across numbers, and what only declares types.

Upstream: cel-go common/stdlib/standard.go, common/types/{int,uint,double,string,timestamp,duration,overflow}.go.
"""

import math
from collections.abc import Callable
from typing import Any

from sampan.machinery.cel.errors import EvaluationError, no_such_overload
from sampan.machinery.cel.functions import Library, Overload, overload
from sampan.machinery.cel.values import (
    INT_MIN,
    Duration,
    Timestamp,
    UInt,
    checked_duration,
    checked_int,
    checked_timestamp,
    checked_uint,
)


def compiled(*values: Any) -> Any:
    """Operators that the compiler writes itself are never called."""
    raise no_such_overload()


def _divide_int(a: int, b: int) -> int:
    if b == 0:
        raise EvaluationError("division by zero")
    if a == INT_MIN and b == -1:
        raise EvaluationError("integer overflow")
    return _truncated(a, b)


def _truncated(a: int, b: int) -> int:
    whole = abs(a) // abs(b)
    return whole if (a < 0) == (b < 0) else -whole


def _modulo_int(a: int, b: int) -> int:
    if b == 0:
        raise EvaluationError("modulus by zero")
    if a == INT_MIN and b == -1:
        raise EvaluationError("integer overflow")
    return a - b * _truncated(a, b)


def _divide_uint(a: int, b: int) -> UInt:
    if b == 0:
        raise EvaluationError("division by zero")
    return UInt(a // b)


def _modulo_uint(a: int, b: int) -> UInt:
    if b == 0:
        raise EvaluationError("modulus by zero")
    return UInt(a % b)


def _divide_double(a: float, b: float) -> float:
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)


def _add_duration(a: Any, b: Any) -> Duration:
    return checked_duration(a.nanos + b.nanos)


def _subtract_duration(a: Any, b: Any) -> Duration:
    return checked_duration(a.nanos - b.nanos)


def _add_timestamp(a: Any, b: Any) -> Timestamp:
    return checked_timestamp(a.nanos + b.nanos)


def _subtract_timestamp(a: Any, b: Any) -> Timestamp:
    return checked_timestamp(a.nanos - b.nanos)


_ARITHMETIC: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    ("_+_", "add_bytes", "bytes, bytes -> bytes", lambda a, b: a + b),
    ("_+_", "add_double", "double, double -> double", lambda a, b: a + b),
    ("_+_", "add_duration_duration", "duration, duration -> duration", _add_duration),
    ("_+_", "add_duration_timestamp", "duration, timestamp -> timestamp", _add_timestamp),
    ("_+_", "add_timestamp_duration", "timestamp, duration -> timestamp", _add_timestamp),
    ("_+_", "add_int64", "int, int -> int", lambda a, b: checked_int(a + b)),
    ("_+_", "add_list", "list(A), list(A) -> list(A)", lambda a, b: a + b),
    ("_+_", "add_string", "string, string -> string", lambda a, b: a + b),
    ("_+_", "add_uint64", "uint, uint -> uint", lambda a, b: checked_uint(int(a) + int(b))),
    ("_/_", "divide_double", "double, double -> double", _divide_double),
    ("_/_", "divide_int64", "int, int -> int", _divide_int),
    ("_/_", "divide_uint64", "uint, uint -> uint", _divide_uint),
    ("_%_", "modulo_int64", "int, int -> int", _modulo_int),
    ("_%_", "modulo_uint64", "uint, uint -> uint", _modulo_uint),
    ("_*_", "multiply_double", "double, double -> double", lambda a, b: a * b),
    ("_*_", "multiply_int64", "int, int -> int", lambda a, b: checked_int(a * b)),
    ("_*_", "multiply_uint64", "uint, uint -> uint", lambda a, b: checked_uint(int(a) * int(b))),
    ("_-_", "subtract_double", "double, double -> double", lambda a, b: a - b),
    ("_-_", "subtract_duration_duration", "duration, duration -> duration", _subtract_duration),
    ("_-_", "subtract_int64", "int, int -> int", lambda a, b: checked_int(a - b)),
    ("_-_", "subtract_timestamp_duration", "timestamp, duration -> timestamp", _subtract_timestamp),
    ("_-_", "subtract_timestamp_timestamp", "timestamp, timestamp -> duration", _subtract_duration),
    ("_-_", "subtract_uint64", "uint, uint -> uint", lambda a, b: checked_uint(int(a) - int(b))),
    ("-_", "negate_double", "double -> double", lambda a: -a),
    ("-_", "negate_int64", "int -> int", lambda a: checked_int(-a)),
)  # fmt: skip
_ORDERS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("_<_", "less", lambda a, b: a < b),
    ("_<=_", "less_equals", lambda a, b: a <= b),
    ("_>_", "greater", lambda a, b: a > b),
    ("_>=_", "greater_equals", lambda a, b: a >= b),
)
_ORDERED = (
    ("bool", "bool"), ("int64", "int"), ("int64_double", "int, double"), ("int64_uint64", "int, uint"),
    ("uint64", "uint"), ("uint64_double", "uint, double"), ("uint64_int64", "uint, int"), ("double", "double"),
    ("double_int64", "double, int"), ("double_uint64", "double, uint"), ("string", "string"), ("bytes", "bytes"),
    ("timestamp", "timestamp"), ("duration", "duration"),
)  # fmt: skip


def _operator(name: str, id_: str, types: str, implementation: Callable[..., Any]) -> Overload:
    arguments, _, result = types.partition(" -> ")
    return overload(f"{name}({arguments}) -> {result}", implementation, id_)


def _nan_checked(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def checked(a: Any, b: Any) -> bool:
        if a != a or b != b:
            raise EvaluationError("NaN values cannot be ordered")
        return compare(a, b)

    return checked


def _comparisons() -> list[Overload]:
    return [
        _operator(
            name,
            f"{word}_{kind}",
            f"{types if ',' in types else f'{types}, {types}'} -> bool",
            _nan_checked(compare) if "double" in kind else compare,
        )
        for name, word, compare in _ORDERS
        for kind, types in _ORDERED
    ]


_SPECIAL = (
    ("_?_:_", "conditional", "bool, A, A -> A"),
    ("_&&_", "logical_and", "bool, bool -> bool"),
    ("_||_", "logical_or", "bool, bool -> bool"),
    ("@not_strictly_false", "not_strictly_false", "bool -> bool"),
    ("_==_", "equals", "A, A -> bool"),
    ("_!=_", "not_equals", "A, A -> bool"),
    ("@in", "in_list", "A, list(A) -> bool"),
    ("@in", "in_map", "A, map(A, B) -> bool"),
    ("_[_]", "index_list", "list(A), int -> A"),
    ("_[_]", "index_map", "map(A, B), A -> B"),
    ("_[_]", "optional_list_index_int", "optional(list(V)), int -> optional(V)"),
    ("_[_]", "optional_map_index_value", "optional(map(K, V)), K -> optional(V)"),
    ("_?._", "select_optional_field", "dyn, string -> optional(V)"),
    ("_[?_]", "list_optindex_optional_int", "list(V), int -> optional(V)"),
    ("_[?_]", "optional_list_optindex_optional_int", "optional(list(V)), int -> optional(V)"),
    ("_[?_]", "map_optindex_optional_value", "map(K, V), K -> optional(V)"),
    ("_[?_]", "optional_map_optindex_optional_value", "optional(map(K, V)), K -> optional(V)"),
    ("cel.@mapInsert", "@mapInsert_map_key_value", "map(K, V), K, V -> map(K, V)"),
    ("cel.@mapInsert", "@mapInsert_map_map", "map(K, V), map(K, V) -> map(K, V)"),
)
OPERATORS = Library(
    "operators",
    (
        *(_operator(*row) for row in _ARITHMETIC),
        _operator("!_", "logical_not", "bool -> bool", lambda a: not a),
        *_comparisons(),
        *(_operator(*row, compiled) for row in _SPECIAL),
    ),
)
