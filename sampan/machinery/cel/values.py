"""The values that JSON has no form for, what type a value has, and when two are equal.

An int is a Python int, a double a float, a list and a map are JSON's own; everything else is here. Upstream: cel-go
common/types (int.go, uint.go, timestamp.go, duration.go, optional.go, compare.go); the language definition's equality.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sampan.machinery.cel.errors import EvaluationError, no_such_overload

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1
SECOND = 10**9
# Timestamps reach from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z.
TIMESTAMP_MIN, TIMESTAMP_MAX = -62135596800 * SECOND, 253402300799 * SECOND + SECOND - 1


class UInt(int):
    """An unsigned integer; arithmetic on it is the operators' affair."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A moment, in nanoseconds since 1970."""

    nanos: int


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time in nanoseconds."""

    nanos: int


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type as a value, compared by its name."""

    name: str


class Optional:
    """optional.of(value), or NONE."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


NONE = Optional(None)
_MISSING = object()


class Extension:
    """A value of a library's own type; `name` is the type's. Subclasses say by `==` what is equal."""

    __slots__ = ()
    name = ""


_NAMES: Mapping[type, str] = {
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    type(None): "null_type",
    list: "list",
    dict: "map",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    TypeValue: "type",
    Optional: "optional_type",
}
_SCALARS = frozenset((str, int, UInt, float, bool, bytes, type(None), Timestamp, Duration, TypeValue))
NUMBERS = frozenset((int, UInt, float))


def type_name(value: Any) -> str:
    """The name of a value's type, as `type(value)` gives it."""
    name = _NAMES.get(type(value))
    if name is not None:
        return name
    if isinstance(value, Extension):
        return value.name
    if isinstance(value, dict):
        return getattr(value, "type_name", "map")
    raise EvaluationError(f"unsupported conversion to CEL value: {type(value).__name__}")


def equal(left: Any, right: Any) -> bool:
    """Deep equality: numbers by value across types, everything else only within its type."""
    kind, other = type(left), type(right)
    if kind in _SCALARS:
        return bool(left == right) if kind is other or (kind in NUMBERS and other in NUMBERS) else False
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return isinstance(right, dict) and len(left) == len(right) and _same_entries(left, right)
    if kind is Optional:
        return other is Optional and _same_optionals(left, right)
    if kind is not other:
        raise no_such_overload()  # a library's own values compare with their like only
    return bool(left == right)


def _same_entries(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> bool:
    for key, value in left.items():
        found = right.get(key, _MISSING)
        if found is _MISSING or not equal(value, found):
            return False
    return True


def _same_optionals(left: Optional, right: Optional) -> bool:
    if left is NONE or right is NONE:
        return left is right
    return equal(left.value, right.value)


def contains(values: Any, value: Any, same: Callable[[Any, Any], bool] = equal) -> bool:
    """Whether a list has an element equal to a value."""
    if type(value) is str:  # the commonest, and Python's own `in` is as strict
        return value in values
    return any(same(value, item) for item in values)


def size_of(value: Any) -> int:
    """How large upstream's cost accounting takes a value to be: what has a size has that, all else is 1."""
    kind = type(value)
    if kind is str or kind is list or kind is dict or kind is bytes:
        return len(value)
    if kind is Optional and value is not NONE:
        return size_of(value.value)
    if isinstance(value, (dict, list)):
        return len(value)
    return getattr(value, "cost_size", 1)


def checked_int(value: int) -> int:
    """A result within 64 bits, or `integer overflow`."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("integer overflow")


def checked_uint(value: int) -> UInt:
    """A result within 64 bits unsigned, or `unsigned integer overflow`."""
    if 0 <= value <= UINT_MAX:
        return UInt(value)
    raise EvaluationError("unsigned integer overflow")


def checked_timestamp(nanos: int) -> Timestamp:
    """A moment within the years 1 to 9999."""
    if TIMESTAMP_MIN <= nanos <= TIMESTAMP_MAX:
        return Timestamp(nanos)
    raise EvaluationError("timestamp overflow")


def checked_duration(nanos: int) -> Duration:
    """A length of time within 64 bits of nanoseconds."""
    if INT_MIN <= nanos <= INT_MAX:
        return Duration(nanos)
    raise EvaluationError("integer overflow")
