"""Optional values. Upstream: cel-go cel/library.go (OptionalTypes)."""

from typing import Any

from sampan.machinery.cel.errors import EvaluationError
from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.library.operators import compiled
from sampan.machinery.cel.values import NONE, Duration, Optional, Timestamp

_EPOCH_OF_GO = -62135596800 * 10**9  # Go's zero time, the year 1


def _zero(value: Any) -> bool:
    if isinstance(value, Timestamp):
        return value.nanos == _EPOCH_OF_GO
    if isinstance(value, Duration):
        return value.nanos == 0
    if isinstance(value, Optional):
        return value is NONE
    return not value


def _value(optional: Optional) -> Any:
    if optional is NONE:
        raise EvaluationError("optional.none() dereference")
    return optional.value


def _unwrap(values: list[Any]) -> list[Any]:
    for value in values:
        if not isinstance(value, Optional):
            raise EvaluationError(f"value {value} is not optional")
    return [value.value for value in values if value is not NONE]


OPTIONALS = Library(
    "optional",
    (
        overload("optional.of(V) -> optional(V)", Optional),
        overload("optional.ofNonZeroValue(V) -> optional(V)", lambda value: NONE if _zero(value) else Optional(value)),
        overload("optional.none() -> optional(V)", lambda: NONE),
        overload("optional(V).value() -> V", _value),
        overload("optional(V).hasValue() -> bool", lambda optional: optional is not NONE),
        overload("optional(V).or(optional(V)) -> optional(V)", compiled),
        overload("optional(V).orValue(V) -> V", compiled),
        overload("list(V).first() -> optional(V)", lambda values: Optional(values[0]) if values else NONE),
        overload("list(V).last() -> optional(V)", lambda values: Optional(values[-1]) if values else NONE),
        overload("optional.unwrap(list(optional(V))) -> list(V)", _unwrap),
        overload("list(optional(V)).unwrapOpt() -> list(V)", _unwrap),
    ),
)
