"""Lists: Kubernetes' own functions (isSorted, sum, min, max, indexOf, includes) and cel-go's (slice, sort, ...).

Upstream: apiserver pkg/cel/library/lists.go, cel-go ext/lists.go (version 3).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

from sampan.machinery.cel.costs import COMPARABLE
from sampan.machinery.cel.errors import BudgetExceeded, EvaluationError, no_such_overload
from sampan.machinery.cel.functions import Library, Overload, overload
from sampan.machinery.cel.settings import PER_CALL_LIMIT
from sampan.machinery.cel.values import (
    Duration,
    Timestamp,
    UInt,
    checked_duration,
    checked_int,
    checked_uint,
    equal,
)

_SUMMABLE = ("int", "uint", "double", "duration")
_NUMBERS = (int, UInt, float)
_ORDERED = frozenset((bool, *_NUMBERS, str, bytes, Timestamp, Duration))


def _comparable(left: Any, right: Any) -> None:
    """Raise unless two values have an order."""
    kinds = type(left), type(right)
    if kinds[0] is not kinds[1] and not (kinds[0] in _NUMBERS and kinds[1] in _NUMBERS):
        raise no_such_overload()
    if kinds[0] not in _ORDERED:
        raise no_such_overload()


def _is_sorted(values: Sequence[Any]) -> bool:
    for left, right in pairwise(values):
        _comparable(left, right)
        if left > right:
            return False
    return True


def _extreme(name: str, better: Callable[[Any, Any], bool]) -> Callable[[Sequence[Any]], Any]:
    def find(values: Sequence[Any]) -> Any:
        if not values:
            raise EvaluationError(f"{name} called on empty list")
        best = values[0]
        for value in values[1:]:
            _comparable(best, value)
            if better(value, best):
                best = value
        return best

    return find


def _sum(zero: Any) -> Callable[[Sequence[Any]], Any]:
    return lambda values: reduce(_add, values) if values else zero


_ADDED: Mapping[type, Callable[[Any, Any], Any]] = {
    float: lambda total, value: total + value,
    int: lambda total, value: checked_int(total + value),
    UInt: lambda total, value: checked_uint(int(total) + int(value)),
    Duration: lambda total, value: checked_duration(total.nanos + value.nanos),
}


def _add(total: Any, value: Any) -> Any:
    if type(total) is not type(value) or type(total) not in _ADDED:
        raise no_such_overload()
    return _ADDED[type(total)](total, value)


def _index_of(values: Sequence[Any], value: Any) -> int:
    return next((index for index, item in enumerate(values) if equal(item, value)), -1)


def _last_index_of(values: Sequence[Any], value: Any) -> int:
    return next((index for index in range(len(values) - 1, -1, -1) if equal(values[index], value)), -1)


def _includes(values: Sequence[Any], value: Any) -> bool:
    return _index_of(values, value) >= 0


def _slice(values: Sequence[Any], start: int, end: int) -> Sequence[Any]:
    if start < 0 or end < 0:
        raise EvaluationError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise EvaluationError(f"cannot slice({start}, {end}), start index must be less than or equal to end index")
    if len(values) < end:
        raise EvaluationError(f"cannot slice({start}, {end}), list is length {len(values)}")
    return values[start:end]


def _flatten(values: Sequence[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    found: list[Any] = []
    for value in values:
        if isinstance(value, list) and depth > 0:
            found.extend(_flatten(value, depth - 1))
        else:
            found.append(value)
    return found


def _sort(values: list[Any]) -> list[Any]:
    return _sort_by(values, values)


def _sort_by(values: list[Any], keys: list[Any]) -> list[Any]:
    if not keys:
        return values
    first = type(keys[0])
    if first not in _ORDERED:
        raise EvaluationError("list elements must be comparable")
    if any(type(key) is not first for key in keys):
        raise EvaluationError("list elements must have the same type")
    return [values[index] for index in sorted(range(len(values)), key=keys.__getitem__)]


def _range(size: int) -> list[int]:
    if size < 0:
        raise EvaluationError(f"lists.range: size must be non-negative, got {size}")
    if size > PER_CALL_LIMIT:
        raise BudgetExceeded(size)
    return list(range(size))


def _distinct(values: list[Any]) -> list[Any]:
    if all(type(value) is str for value in values):
        return list(dict.fromkeys(values))
    found: list[Any] = []
    for value in values:
        if not any(equal(value, other) for other in found):
            found.append(value)
    return found


def _zeros(kind: str) -> Any:
    return {"int": 0, "uint": UInt(0), "double": 0.0, "duration": Duration(0)}[kind]


def _typed(kind: str) -> tuple[Overload, ...]:
    return (
        overload(f"list({kind}).isSorted() -> bool", _is_sorted),
        overload(f"list({kind}).min() -> {kind}", _extreme("min", lambda a, b: a < b)),
        overload(f"list({kind}).max() -> {kind}", _extreme("max", lambda a, b: a > b)),
        overload(f"list({kind}).sort() -> list({kind})", _sort, f"list_{kind}_sort", since=(1, 34)),
        overload(
            f"list(T).@sortByAssociatedKeys(list({kind})) -> list(T)", _sort_by, f"list_{kind}_sort_by", since=(1, 34)
        ),
    )


LISTS = Library(
    "lists",
    (
        *(each for kind in COMPARABLE for each in _typed(kind)),
        *(overload(f"list({kind}).sum() -> {kind}", _sum(_zeros(kind))) for kind in _SUMMABLE),
        overload("list(A).indexOf(A) -> int", _index_of),
        overload("list(A).lastIndexOf(A) -> int", _last_index_of),
        overload("list(A).includes(A) -> bool", _includes, since=(1, 37)),
        overload("list(T).slice(int, int) -> list(T)", _slice, "list_slice", since=(1, 34)),
        overload("list(list(T)).flatten() -> list(T)", _flatten, "list_flatten", since=(1, 34)),
        overload("list(dyn).flatten(int) -> list(dyn)", _flatten, "list_flatten_int", since=(1, 34)),
        overload("lists.range(int) -> list(int)", _range, "lists_range", since=(1, 34)),
        overload("list(T).reverse() -> list(T)", lambda values: values[::-1], "list_reverse", since=(1, 34)),
        overload("list(T).distinct() -> list(T)", _distinct, "list_distinct", since=(1, 34)),
    ),
)
