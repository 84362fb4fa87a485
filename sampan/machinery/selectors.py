"""Label selectors: from text, from a LabelSelector, from a plain map; matched in the hot paths of lists and watches.

The grammar of the text is in selector_parser.py, field selectors are in field_selectors.py. Called by the API server
for lists and watches, and by controllers, scheduler and proxy for every object that selects others.
Semantics: k8s.io/apimachinery/pkg/labels.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from sampan.machinery.remember import remembered
from sampan.machinery.requirements import (
    EQUALS,
    EXISTS,
    IN,
    NOT_EXISTS,
    NOT_IN,
    Labels,
    Requirement,
    SelectorError,
    requirement,
)
from sampan.machinery.selector_parser import parse_requirements

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "Requirement",
    "Selector",
    "SelectorError",
    "from_label_selector",
    "from_labels",
    "parse",
]

_FROM_LABEL_SELECTOR = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": NOT_EXISTS}


class Selector:
    """A conjunction of requirements. Immutable; `matches` is the compiled form and takes the labels of an object."""

    __slots__ = ("matches", "requirements")

    requirements: tuple[Requirement, ...]
    matches: Callable[[Labels], bool]

    def __init__(self, requirements: Iterable[Requirement] = (), *, nothing: bool = False) -> None:
        self.requirements = tuple(sorted(requirements, key=lambda r: r.key))
        self.matches = _never if nothing else _conjunction([r.matcher() for r in self.requirements])

    @property
    def is_everything(self) -> bool:
        """Whether every object matches."""
        return not self.requirements and self.matches is not _never

    @property
    def is_nothing(self) -> bool:
        """Whether no object can match, as for a missing selector."""
        return self.matches is _never

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return f"<Selector {'nothing' if self.is_nothing else str(self) or 'everything'}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selector):
            return NotImplemented
        return self.requirements == other.requirements and self.is_nothing == other.is_nothing

    def __hash__(self) -> int:
        return hash((self.requirements, self.is_nothing))


def _always(labels: Labels) -> bool:
    return True


def _never(labels: Labels) -> bool:
    return False


def _conjunction(matchers: list[Callable[[Labels], bool]]) -> Callable[[Labels], bool]:
    if not matchers:
        return _always
    if len(matchers) == 1:
        return matchers[0]
    if len(matchers) == 2:
        first, second = matchers
        return lambda labels: first(labels) and second(labels)
    return lambda labels: all(matches(labels) for matches in matchers)


EVERYTHING: Final = Selector()
NOTHING: Final = Selector(nothing=True)


@remembered(1024)
def parse(text: str) -> Selector:
    """The selector of `a=b,c!=d,e in (x,y),f,!g`; "" selects everything. Raises SelectorError (400)."""
    return Selector(parse_requirements(text)) if text else EVERYTHING


def from_labels(labels: Labels | None) -> Selector:
    """The selector of a plain map, as in Service.spec.selector: all must be equal. Null and {} select nothing."""
    return _from_items(labels) if labels else NOTHING


def _from_items(labels: Labels) -> Selector:
    items = tuple(labels.items())
    return _remembered(items) if len(items) <= _FEW else _made(items)


def _made(items: tuple[tuple[str, str], ...]) -> Selector:
    return Selector(Requirement(key, EQUALS, (value,)) for key, value in items)


_FEW = 16  # labels of a selector that is remembered
_remembered = lru_cache(maxsize=4096)(_made)


def from_label_selector(selector: Mapping[str, Any] | None) -> Selector:
    """The selector of a LabelSelector: null selects nothing, {} everything. Raises SelectorError for a bad operator.

    Rule: metav1.LabelSelectorAsSelector.
    """
    if selector is None:
        return NOTHING
    expressions = selector.get("matchExpressions") or ()
    labels = selector.get("matchLabels") or {}
    if not expressions:
        return _from_items(labels) if labels else EVERYTHING
    requirements = [Requirement(key, EQUALS, (value,)) for key, value in labels.items()]
    return Selector([*requirements, *map(_expression, expressions)])


def _expression(expression: Mapping[str, Any]) -> Requirement:
    operator = _FROM_LABEL_SELECTOR.get(expression.get("operator", ""))
    if operator is None:
        raise SelectorError(f'"{expression.get("operator", "")}" is not a valid label selector operator')
    return requirement(expression.get("key", ""), operator, expression.get("values") or ())
