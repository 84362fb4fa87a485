"""What a schema asks of numbers: bounds, multiples, range of a format. Called by validation.py.

An integer is compared with the whole part of a bound, a float with the bound itself. A value that its format cannot
hold, and a bound that the type cannot hold, are errors of the object as a whole: upstream's oddities, kept.
"""

import math
from collections.abc import Callable, Iterator

from sampan.machinery.errors import go_number
from sampan.machinery.places import Place, text
from sampan.machinery.structural.problems import Problems
from sampan.machinery.structural.schema import Structural
from sampan.machinery.structural.strings import format_of
from sampan.machinery.structural.words import Check, is_whole

_LARGEST_FLOAT32 = 3.4028234663852886e38
_BITS = {"int32": 31, "int64": 63, "": 63}

Number = int | float
Compare = Callable[[Number, Number], bool]


def number_checks(node: Structural) -> list[Check]:
    """The checks of a node for integers and floats."""
    checks = [*_format_checks(node), *_multiple(node)]
    return [*checks, *_bound(node, "maximum", "exclusiveMaximum"), *_bound(node, "minimum", "exclusiveMinimum")]


def _number_type(node: Structural) -> str:
    return node.types[0] if len(node.types) == 1 and node.types[0] in ("integer", "number") else ""


def _fits(node: Structural, value: Number) -> bool:
    """Whether the type and format of a node can hold a number."""
    kind, format_ = _number_type(node), format_of(node)
    if kind == "integer":
        return math.isfinite(value) and value == int(value) and -(2 ** _BITS[format_]) <= value < 2 ** _BITS[format_]
    return format_ != "float" or abs(value) <= _LARGEST_FLOAT32


def _misfit(node: Structural, what: str) -> Check:
    kind, format_ = _number_type(node), format_of(node)
    shown = f"of type {kind} with format {format_}" if format_ else f"of type {kind} (default format)"
    return lambda value, place, out: out.whole(place, f"{what} value must be {shown} in {text(place)}")


def _format_checks(node: Structural) -> Iterator[Check]:
    if _number_type(node) != "integer" and format_of(node) != "float":
        return
    refuse = _misfit(node, "Checked")

    def check(value: Number, place: Place, out: Problems) -> None:
        if not _fits(node, value):
            refuse(value, place, out)

    yield check


def _bound(node: Structural, keyword: str, exclusive_keyword: str) -> Iterator[Check]:
    bound, exclusive = node.raw.get(keyword), bool(node.raw.get(exclusive_keyword))
    if bound is None:
        return
    native = _fits(node, bound)
    if not native:
        yield _misfit(node, f"{keyword.capitalize()} boundary")
    upper = keyword == "maximum"
    words = f"should be {'less' if upper else 'greater'} than" + ("" if exclusive else " or equal to")
    beyond = _beyond(upper, exclusive)

    def check(value: Number, place: Place, out: Problems) -> None:
        limit = int(bound) if native and type(value) is int else bound
        if beyond(value, limit):
            out.invalid(place, value, f"{words} {go_number(limit)}")

    yield check


def _beyond(upper: bool, exclusive: bool) -> Compare:
    if upper:
        return (lambda value, limit: value >= limit) if exclusive else (lambda value, limit: value > limit)
    return (lambda value, limit: value <= limit) if exclusive else (lambda value, limit: value < limit)


def _multiple(node: Structural) -> Iterator[Check]:
    factor = node.raw.get("multipleOf")
    if factor is None:
        return
    native = _fits(node, factor)
    if not native:
        yield _misfit(node, "MultipleOf")

    def check(value: Number, place: Place, out: Problems) -> None:
        by = int(factor) if native and type(value) is int else factor
        if by <= 0:
            _not_positive(by, place, out)
        elif not _divides(by, value):
            out.invalid(place, value, f"should be a multiple of {go_number(by)}")

    yield check


def _not_positive(factor: Number, place: Place, out: Problems) -> None:
    detail = f"factor MultipleOf declared for {text(place)} must be positive: {go_number(factor)}"
    out.unnamed(place, factor, detail)


def _divides(factor: Number, value: Number) -> bool:
    if type(factor) is int and type(value) is int:
        return value % factor == 0
    return is_whole(1 / factor * value if factor < 1 else value / factor)
