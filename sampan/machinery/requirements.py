"""One condition of a label selector: checked when made, compiled to a function when used.

Called by selectors.py and selector_parser.py only. Semantics: k8s.io/apimachinery/pkg/labels (Requirement).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sampan.machinery import names
from sampan.machinery.errors import BadRequest

Labels = Mapping[str, str]

IN, NOT_IN, EXISTS, NOT_EXISTS = "in", "notin", "exists", "!"
EQUALS, DOUBLE_EQUALS, NOT_EQUALS = "=", "==", "!="
GREATER, LESS = "gt", "lt"

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class SelectorError(BadRequest):
    """A selector that cannot be; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. `values` is sorted and without duplicates."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return self.key
        if self.operator == NOT_EXISTS:
            return "!" + self.key
        if self.operator in (IN, NOT_IN):
            return f"{self.key} {self.operator} ({','.join(self.values)})"
        return f"{self.key}{_SYMBOL.get(self.operator, self.operator)}{self.values[0]}"

    def matcher(self) -> Callable[[Labels], bool]:
        """The condition as a function."""
        return _MATCHERS[self.operator](self.key, self.values)


_SYMBOL = {GREATER: ">", LESS: "<"}


def _equals(key: str, values: tuple[str, ...]) -> Callable[[Labels], bool]:
    wanted = values[0]
    return lambda labels: labels.get(key) == wanted


def _not_equals(key: str, values: tuple[str, ...]) -> Callable[[Labels], bool]:
    unwanted = values[0]
    return lambda labels: labels.get(key) != unwanted


def _in(key: str, values: tuple[str, ...]) -> Callable[[Labels], bool]:
    wanted = frozenset(values)
    return lambda labels: labels.get(key) in wanted


def _not_in(key: str, values: tuple[str, ...]) -> Callable[[Labels], bool]:
    unwanted = frozenset(values)
    return lambda labels: labels.get(key) not in unwanted


def _exists(key: str, values: tuple[str, ...]) -> Callable[[Labels], bool]:
    return lambda labels: key in labels


def _not_exists(key: str, values: tuple[str, ...]) -> Callable[[Labels], bool]:
    return lambda labels: key not in labels


def _compares(wanted: int) -> Callable[[str, tuple[str, ...]], Callable[[Labels], bool]]:
    def build(key: str, values: tuple[str, ...]) -> Callable[[Labels], bool]:
        bound = int(values[0])

        def matches(labels: Labels) -> bool:
            text = labels.get(key, "")
            return bool(_INTEGER.fullmatch(text)) and (int(text) - bound) * wanted > 0

        return matches

    return build


_MATCHERS: Final[dict[str, Callable[[str, tuple[str, ...]], Callable[[Labels], bool]]]] = {
    IN: _in,
    NOT_IN: _not_in,
    EXISTS: _exists,
    NOT_EXISTS: _not_exists,
    EQUALS: _equals,
    DOUBLE_EQUALS: _equals,
    NOT_EQUALS: _not_equals,
    GREATER: _compares(1),
    LESS: _compares(-1),
}


def requirement(key: str, operator: str, values: Iterable[str] = ()) -> Requirement:
    """A checked requirement; raises SelectorError in the words of labels.NewRequirement."""
    found = tuple(sorted(set(values)))
    if wrong := names.qualified_name(key):
        raise SelectorError(f'key: Invalid value: "{key}": {"; ".join(wrong)}')
    if wrong_count := _wrong_count(operator, found):
        raise SelectorError(f"values: Invalid value: {_go_list(found)}: {wrong_count}")
    for index, value in enumerate(found):
        if operator in (GREATER, LESS) and not _INTEGER.fullmatch(value):
            raise SelectorError(
                f"values[{index}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
            )
        if wrong := names.label_value(value):
            raise SelectorError(f'values[{index}][{key}]: Invalid value: "{value}": {"; ".join(wrong)}')
    return Requirement(key, operator, found)


def _wrong_count(operator: str, values: tuple[str, ...]) -> str:
    if operator in (IN, NOT_IN) and not values:
        return "for 'in', 'notin' operators, values set can't be empty"
    if operator in (EXISTS, NOT_EXISTS) and values:
        return "values set must be empty for exists and does not exist"
    if operator in (EQUALS, DOUBLE_EQUALS, NOT_EQUALS) and len(values) != 1:
        return "exact-match compatibility requires one single value"
    if operator in (GREATER, LESS) and len(values) != 1:
        return "for 'Gt', 'Lt' operators, exactly one value is required"
    return ""


def _go_list(values: tuple[str, ...]) -> str:
    return "[" + ",".join(f'"{value}"' for value in values) + "]"
