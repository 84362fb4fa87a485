"""What a call may cost and how large its result may be, judged by the sizes of its operands before any value is known.

Upstream: cel-go checker/cost.go (functionCost), ext/lists.go, ext/sets.go; apiserver pkg/cel/library/cost.go.
Called by estimate.py.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sampan.machinery.cel.costs import COMPARABLE, REGEX, TRAVERSAL
from sampan.machinery.cel.sizes import GREATEST, NOTHING, ONE, Range, exactly
from sampan.machinery.cel.syntax import Literal, Node
from sampan.machinery.cel.types import Type

_LIST = exactly(10)
_LARGEST_FORMAT_PATTERN = 128
_LARGEST_FORMAT_NAME = 64


@dataclass(frozen=True, slots=True)
class Operand:
    """An operand as an estimate sees it: its node, its size, and that of its items if it is a list."""

    node: Node
    size: Range
    item: Range

    @property
    def type(self) -> Type:
        """The operand's type."""
        return self.node.type

    def number(self, otherwise: int) -> int:
        """The value of a constant that is a count."""
        if isinstance(self.node, Literal) and isinstance(self.node.value, int):
            return self.node.value if self.node.value >= 0 else 0
        return otherwise


@dataclass(frozen=True, slots=True)
class Call:
    """The estimate of a call, without its operands' own costs."""

    cost: Range
    size: Range | None = None


Estimate = Callable[[Sequence[Operand]], Call]


def _traverse(index: int, factor: float = 1, sized: bool = False) -> Estimate:
    def estimate(operands: Sequence[Operand]) -> Call:
        size = operands[index].size
        return Call(size.times(factor * TRAVERSAL), size if sized else None)

    return estimate


def _fixed(cost: int) -> Estimate:
    return lambda operands: Call(exactly(cost))


def _format(operands: Sequence[Operand]) -> Call:
    return Call(operands[0].size.times(TRAVERSAL))


def _to_bytes(operands: Sequence[Operand]) -> Call:
    size = operands[0].size
    return Call(size.times(TRAVERSAL), Range(size.least, size.most * 4 % 2**64))


def _from_bytes(operands: Sequence[Operand]) -> Call:
    size = operands[0].size
    return Call(size.times(TRAVERSAL), Range(size.least // 4, size.most))


def _quote(operands: Sequence[Operand]) -> Call:
    size = operands[0].size
    return Call(size.times(TRAVERSAL), Range(size.least + 2, (size.most * 2 + 2) % 2**64))


def _in_list(operands: Sequence[Operand]) -> Call:
    return Call(operands[1].size.times(1))


def _pattern(operands: Sequence[Operand]) -> Call:
    text = (operands[0].size + ONE).times(TRAVERSAL)
    return Call(text * operands[1].size.times(REGEX))


def _find(operands: Sequence[Operand]) -> Call:
    return Call(_pattern(operands).cost, Range(0, operands[0].size.most))


def _contains(operands: Sequence[Operand]) -> Call:
    return Call(operands[0].size.times(TRAVERSAL) * operands[1].size.times(TRAVERSAL))


def _add_texts(operands: Sequence[Operand]) -> Call:
    size = operands[0].size + operands[1].size
    return Call(size.times(TRAVERSAL), size)


def _add_lists(operands: Sequence[Operand]) -> Call:
    return Call(ONE, operands[0].size + operands[1].size)


def _compare(operands: Sequence[Operand]) -> Call:
    most = min(operands[0].size.most, operands[1].size.most)
    return Call(Range(1 if most > 0 else 0, most).times(TRAVERSAL))


def _elements(operands: Sequence[Operand]) -> Call:
    """A pass over a list, or over a text for indexOf."""
    target = operands[0]
    each = ONE
    if target.type.kind != "list":
        return Call(target.size.times(TRAVERSAL))
    if target.type.parameters[0].kind in ("string", "bytes"):
        each = each + target.item.times(TRAVERSAL)
    return Call(target.size * each)


def _includes(operands: Sequence[Operand]) -> Call:
    return _elements(operands) if operands[0].type.kind == "list" else Call(operands[0].size * ONE)


def _replace(operands: Sequence[Operand]) -> Call:
    text, old, new = (operand.size for operand in operands[:3])
    count, kept = _longest_replacement(text, old, new)
    fewest, least_kept = _shortest_replacement(text, old, new)
    size = Range(fewest, count) * new + Range(least_kept, kept)
    return Call(text.times(2 * TRAVERSAL), size)


def _longest_replacement(text: Range, old: Range, new: Range) -> tuple[int, int]:
    if old.least == 0:
        return min(text.most + 1, GREATEST), text.most
    if new.most <= old.least:
        return 0, text.most
    return math.ceil(float(text.most) / float(old.least)), 0


def _shortest_replacement(text: Range, old: Range, new: Range) -> tuple[int, int]:
    if old.most == 0:
        return min(text.least + 1, GREATEST), text.least
    if old.most <= new.least:
        return 0, text.least
    return math.ceil(float(text.least) / float(old.most)), 0


def _split(operands: Sequence[Operand]) -> Call:
    size = operands[0].size
    most = size.most
    if len(operands) > 2 and isinstance(operands[2].node, Literal):
        most = operands[2].node.value % 2**64
    return Call(size.times(2 * TRAVERSAL), Range(0, most))


def _join(operands: Sequence[Operand]) -> Call:
    items = operands[0]
    size = items.size * items.item if items.type.kind == "list" else NOTHING
    if len(operands) > 1:
        gaps = Range(max(items.size.least - 1, 0), max(items.size.most - 1, 0))
        size = size + operands[1].size * gaps
    return Call(size.times(TRAVERSAL), size)


def _selector(operands: Sequence[Operand]) -> Call:
    length = operands[1].size
    return Call(_LIST + length.times(TRAVERSAL) + length.times(0.5).times(50))


def _validate(operands: Sequence[Operand]) -> Call:
    return Call(operands[1].size.times(TRAVERSAL).times(_LARGEST_FORMAT_PATTERN * REGEX))


def _ip(operands: Sequence[Operand]) -> Call:
    return Call(operands[0].size.times(TRAVERSAL) if operands[0].type.kind in ("string", "dyn") else ONE)


def _contains_ip(operands: Sequence[Operand]) -> Call:
    cost = Range(8, 32).times(TRAVERSAL)
    if operands[1].type.kind == "string":
        cost = cost + operands[1].size.times(TRAVERSAL)
    return Call(cost)


def _contains_cidr(operands: Sequence[Operand]) -> Call:
    return Call(_contains_ip(operands).cost + Range(4, 16).times(TRAVERSAL) + ONE)


def _allocating(factor: float, size: Range) -> Call:
    return Call(size.times(factor) + ONE + _LIST, size)


def _slice(operands: Sequence[Operand]) -> Call:
    start, end = operands[1].number(0), operands[2].number(operands[0].size.most)
    return _allocating(1, exactly((end - start) % 2**64))


def _range(operands: Sequence[Operand]) -> Call:
    return _allocating(1, exactly(operands[0].number(GREATEST)))


def _flatten(operands: Sequence[Operand]) -> Call:
    depth = operands[1].number(GREATEST) if len(operands) > 1 else 1
    return _allocating(float(depth), operands[0].size)


def _reverse(operands: Sequence[Operand]) -> Call:
    return _allocating(1, operands[0].size)


def _distinct(operands: Sequence[Operand]) -> Call:
    return _allocating(2, operands[0].size * operands[0].size)


def _sort(index: int, text: bool) -> Estimate:
    """`index` is the operand with the keys."""
    return lambda operands: _allocating(2 + TRAVERSAL if text else 2, operands[index].size * operands[index].size)


def _sets(factor: int) -> Estimate:
    return lambda operands: Call((operands[0].size * operands[1].size).times(factor) + ONE)


_COMPARED = ("less", "less_equals", "greater", "greater_equals")
_BY_OVERLOAD: Mapping[str, Estimate] = {
    "string_format": _format,
    "string_to_bytes": _to_bytes,
    "bytes_to_string": _from_bytes,
    "starts_with_string": _traverse(1),
    "ends_with_string": _traverse(1),
    "strings_quote": _quote,
    "in_list": _in_list,
    "matches": _pattern,
    "matches_string": _pattern,
    "contains_string": _contains,
    "add_string": _add_texts,
    "add_bytes": _add_texts,
    "add_list": _add_lists,
    "equals": _compare,
    "not_equals": _compare,
    "list_slice": _slice,
    "lists_range": _range,
    "list_flatten": _flatten,
    "list_flatten_int": _flatten,
    "list_reverse": _reverse,
    "list_distinct": _distinct,
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
} | {f"{word}_{kind}": _compare for word in _COMPARED for kind in ("string", "bytes")}
_SORTS: Mapping[str, Estimate] = {
    f"list_{kind}_{name}": _sort(index, kind in ("string", "bytes"))
    for kind in COMPARABLE
    for index, name in enumerate(("sort", "sort_by"))
}
_BY_FUNCTION: Mapping[str, Estimate] = {
    "check": _fixed(350_000),
    "fieldSelector": _selector,
    "labelSelector": _selector,
    "isSorted": _elements,
    "sum": _elements,
    "max": _elements,
    "min": _elements,
    "indexOf": _elements,
    "lastIndexOf": _elements,
    "includes": _includes,
    "url": _traverse(0, sized=True),
    "jsonpatch.escapeKey": _traverse(0, sized=True),
    "lowerAscii": _traverse(0, sized=True),
    "upperAscii": _traverse(0, sized=True),
    "substring": _traverse(0, sized=True),
    "trim": _traverse(0, sized=True),
    "replace": _replace,
    "split": _split,
    "join": _join,
    "find": _find,
    "findAll": _find,
    "cidr": _traverse(0),
    "isIP": _traverse(0),
    "isCIDR": _traverse(0),
    "ip": _ip,
    "ip.isCanonical": _traverse(0, 2),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "quantity": _traverse(0),
    "isQuantity": _traverse(0),
    "semver": _traverse(0),
    "isSemver": _traverse(0),
    "validate": _validate,
}


def estimate_call(function: str, overload: str, operands: Sequence[Operand]) -> Call:
    """The estimate of one overload of a function."""
    if function == "_==_" and _extension(operands):
        return Call(_own_equality(operands))
    found = _BY_FUNCTION.get(function) or _BY_OVERLOAD.get(overload) or _SORTS.get(overload)
    return found(operands) if found else Call(ONE)


def _own_equality(operands: Sequence[Operand]) -> Range:
    if operands[0].type.name == "kubernetes.NamedFormat":
        return Range(1, _LARGEST_FORMAT_NAME).times(TRAVERSAL)
    if operands[0].type.name == "kubernetes.URL":
        most = operands[1].size.most
        return Range(1, most if most < GREATEST else 1).times(TRAVERSAL)
    return ONE


def _extension(operands: Sequence[Operand]) -> bool:
    """Values of the libraries' own types compare at once."""
    type_ = operands[0].type
    return type_ == operands[1].type and type_.declaration is None and type_.name.startswith(("kubernetes.", "net."))
