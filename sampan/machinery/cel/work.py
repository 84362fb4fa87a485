"""Work that upstream's costs do not see: comparing what is deep, copying lists, making long texts.

`a == b` costs upstream what the shorter of two lists has items, however deep they are, and `+` of lists costs 1. Where
the same value can be in many places at once, that is no bound for us; so the elements that are compared and copied, and
the characters made, are counted beside the cost, and MOST ends an evaluation as the limit of costs does.
Called by calls.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sampan.machinery.cel.code import COST, WORK, Frame, Run
from sampan.machinery.cel.errors import BudgetExceeded
from sampan.machinery.cel.types import Type

MOST = 10_000_000  # elements in one evaluation: a second or two, and what they need of memory
_CHARACTERS = 4  # of a text, for one element
_FLAT = frozenset(("bool", "int", "uint", "double", "string", "bytes", "null", "timestamp", "duration", "type"))
_PAIRS = frozenset(("_==_", "_!=_", "_+_"))
_LIGHT = frozenset((int, float, bool, type(None)))
Before = Callable[[Sequence[Any], int], int]
After = Callable[[Any], int]


def weight(value: Any, most: int) -> int:
    """How many elements a value has, at any depth; counted no further than beyond `most`."""
    count, pending = 0, [value]
    while pending and count <= most:
        one = pending.pop()
        if isinstance(one, list):
            count += len(one)
            pending += [item for item in one if isinstance(item, (list, dict))]
        elif isinstance(one, dict):
            count += len(one)
            pending += [item for item in one.values() if isinstance(item, (list, dict))]
    return count


def _first(values: Sequence[Any], most: int) -> int:
    return weight(values[0], most)


def _second(values: Sequence[Any], most: int) -> int:
    return weight(values[1], most)


def _each_with_each(values: Sequence[Any], most: int) -> int:
    other = values[-1]
    return weight(values[0], most) * max(len(other) if isinstance(other, list) else 1, 1)


def _sum(result: Any) -> int:
    return len(result) if isinstance(result, list) else _text(result)


def _text(result: Any) -> int:
    return len(result) // _CHARACTERS if isinstance(result, str) else 0


_BEFORE: Mapping[str, Before] = {
    "_==_": _first,
    "_!=_": _first,
    "@in": _second,
    "indexOf": _first,
    "lastIndexOf": _first,
    "includes": _first,
    "distinct": _each_with_each,
    "sets.contains": _each_with_each,
    "sets.intersects": _each_with_each,
    "sets.equivalent": _each_with_each,
}
_AFTER: Mapping[str, After] = {"_+_": _sum, "replace": _text, "join": _text, "format": _text}


def is_metered(function: str, types: Sequence[Type]) -> bool:
    """Whether a call's work is counted: not where a comparison is one of flat values."""
    if function in _BEFORE:
        return not any(type_.kind in _FLAT for type_ in types[:2])
    return function in _AFTER and not (function == "_+_" and types[0].kind in _FLAT)


def metered(name: str, function: Callable[..., Any], runs: Sequence[Run], cost: Any) -> Run:
    """A call that counts its work. `cost` is what it costs: a number that is charged elsewhere, or a measure."""
    before, after = _BEFORE.get(name), _AFTER.get(name)
    if name in _PAIRS:
        return _pair(function, (runs[0], runs[1]), cost, before, after)

    def run(frame: Frame) -> Any:
        values = [each(frame) for each in runs]
        if before is not None:
            _spend(frame, before(values, MOST - frame[WORK]))
        result = function(*values)
        if after is not None:
            _spend(frame, after(result))
        if not isinstance(cost, int):
            frame[COST] += cost(values, result)
        return result

    return run


def _pair(
    function: Callable[..., Any], runs: tuple[Run, Run], cost: Any, before: Before | None, after: After | None
) -> Run:
    """The same for the commonest operators, quick where the values turn out to be numbers and the like."""
    first, second = runs
    fixed = isinstance(cost, int)

    def run(frame: Frame) -> Any:
        left, right = first(frame), second(frame)
        if type(left) in _LIGHT and type(right) in _LIGHT:
            frame[COST] += 0 if fixed else 1
            return function(left, right)
        if before is not None:
            _spend(frame, before((left, right), MOST - frame[WORK]))
        result = function(left, right)
        if after is not None:
            _spend(frame, after(result))
        frame[COST] += 0 if fixed else cost((left, right), result)
        return result

    return run


def _spend(frame: Frame, work: int) -> None:
    frame[WORK] += work
    if frame[WORK] > MOST:
        raise BudgetExceeded(frame[COST])
