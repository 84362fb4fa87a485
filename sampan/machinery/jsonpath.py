"""JSONPath as Kubernetes speaks it: one path, parsed once, applied to JSON trees.

    path = parse('.status.conditions[?(@.type=="Ready")].status')
    path.find(obj)            # ["True"]; [] where there is nothing

    .name  ['na.me']          a field; `\\.` in a name is a dot
    [0] [-1] [1:3] [::2] [*]  items
    [0,2]  ['a','b']          several of them
    ..name                    at any depth
    [?(@.a=="b")] [?(@.a)]    the items for which a comparison holds, or that have something

A path takes at most LONGEST characters and gives at most MOST results, so that what comes from outside costs little.
Templates around paths ({range}, text) are not here. Called for printed columns of custom resources. Grammar: the
documentation page "JSONPath Support"; k8s.io/client-go/util/jsonpath.
"""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

LONGEST = 4096
MOST = 10_000

# From a value to what a step finds in it.
Step = Callable[[Any], Iterator[Any]]

_NAME = re.compile(r"(?:\\.|[^\s.\[\]\\,])+")
_KEY = re.compile(r"'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"")
_SLICE = re.compile(r"(-?\d+)?(?:(:)(-?\d+)?(?:(:)(-?\d+)?)?)?")
_COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS: dict[str, Any] = {"true": True, "false": False}


class JSONPathError(ValueError):
    """A path that cannot be parsed; the message says what is wrong."""


class JSONPath:
    """A parsed path."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    def find(self, value: Any) -> list[Any]:
        """What the path leads to, in document order, at most MOST values; what is missing is left out."""
        return list(islice(self._walk(value, 0), MOST))

    def _walk(self, value: Any, depth: int) -> Iterator[Any]:
        if depth == len(self._steps):
            yield value
            return
        for found in self._steps[depth](value):
            yield from self._walk(found, depth + 1)


def parse(text: str) -> JSONPath:
    """The path of a text, with or without `{}` around it; raises JSONPathError."""
    if len(text) > LONGEST:
        raise JSONPathError(f"longer than {LONGEST} characters")
    stripped = text.strip()
    if stripped.startswith("{"):
        if not stripped.endswith("}"):
            raise JSONPathError("unclosed action")
        stripped = stripped[1:-1].strip()
    return JSONPath(list(_steps(stripped)))


def _steps(text: str) -> Iterator[Step]:
    at = 0
    while at < len(text):
        char = text[at]
        if char in "@$ ":
            at += 1
        elif text.startswith("..", at):
            if text.startswith("..", at + 2):
                raise JSONPathError("invalid multiple recursive descent")
            yield _everywhere
            at += 2 if text.startswith((".[", "["), at + 2) else 1
        elif char == ".":
            step, at = _field_step(text, at + 1)
            yield step
        elif char == "[":
            step, at = _bracket(text, at)
            yield step
        elif at == 0 and _NAME.match(text):
            step, at = _field_step(text, 0)
            yield step
        else:
            raise JSONPathError(f"unrecognized character in action: U+{ord(char):04X} '{char}'")


def _field_step(text: str, at: int) -> tuple[Step, int]:
    match = _NAME.match(text, at)
    if match is None:
        if at >= len(text) or text[at] == "[":
            return _same, at
        raise JSONPathError(f"unrecognized character in action: U+{ord(text[at]):04X} '{text[at]}'")
    name = _ESCAPED.sub(r"\1", match[0])
    return (_wildcard if match[0] == "*" else _field(name)), match.end()


def _bracket(text: str, at: int) -> tuple[Step, int]:
    if text.startswith("[?(", at):
        end = _filter_end(text, at + 3)
        return _filter(text[at + 3 : end]), end + 2
    end = _bracket_end(text, at + 1)
    inside = text[at + 1 : end]
    parts = [part.strip() for part in _split(inside)]
    steps = [_index(part) for part in parts]
    return (steps[0] if len(steps) == 1 else _union(steps)), end + 1


def _bracket_end(text: str, at: int) -> int:
    """Where the `]` is, leaving out quoted ones."""
    while at < len(text) and text[at] != "]":
        quoted = _KEY.match(text, at) if text[at] in "'\"" else None
        at = quoted.end() if quoted else at + 1
    if at >= len(text):
        raise JSONPathError("unterminated array")
    return at


def _filter_end(text: str, at: int) -> int:
    """Where the `)]` is, leaving out quoted parentheses."""
    while at < len(text) and text[at] != ")":
        quoted = _KEY.match(text, at) if text[at] in "'\"" else None
        at = quoted.end() if quoted else at + 1
    if at >= len(text):
        raise JSONPathError("unterminated filter")
    if not text.startswith(")]", at):
        raise JSONPathError("unclosed array expect ]")
    return at


def _split(inside: str) -> Iterator[str]:
    """The parts of a union."""
    start = at = 0
    while at < len(inside):
        quoted = _KEY.match(inside, at) if inside[at] in "'\"" else None
        if quoted:
            at = quoted.end()
            continue
        if inside[at] == ",":
            yield inside[start:at]
            start = at + 1
        at += 1
    yield inside[start:]


def _index(part: str) -> Step:
    if part == "*":
        return _wildcard
    if quoted := _KEY.fullmatch(part):
        return _field(_ESCAPED.sub(r"\1", quoted[1] if quoted[1] is not None else quoted[2]))
    match = _SLICE.fullmatch(part)
    if match is None or not part:
        raise JSONPathError(f"invalid array index {part}")
    first, colon, last, _, step = match.groups()
    if not colon:
        return _item(int(first))
    stride = int(step) if step else 1
    if stride <= 0:
        raise JSONPathError("step must be > 0")
    return _slice(int(first) if first else None, int(last) if last else None, stride)


def _filter(text: str) -> Step:
    match = _COMPARISON.fullmatch(text)
    if match is None:
        path = parse(text)
        return lambda value: (item for item in _items(value) if path.find(item))
    left, word, right = match[1].strip(), match[2], match[3].strip()
    compare = _OPERATORS.get(word)
    if compare is None:
        raise JSONPathError(f"unrecognized filter operator {word}")
    return _comparing(_operand(left), compare, _operand(right))


def _operand(text: str) -> Callable[[Any], list[Any]]:
    """A literal, or what a path finds in an item."""
    if quoted := _KEY.fullmatch(text):
        literal: Any = _ESCAPED.sub(r"\1", quoted[1] if quoted[1] is not None else quoted[2])
    elif text in _WORDS:
        literal = _WORDS[text]
    elif re.fullmatch(r"[+-]?\d+", text):
        literal = int(text)
    elif re.fullmatch(r"[+-]?\d*\.\d+", text):
        literal = float(text)
    else:
        return parse(text).find
    return lambda item: [literal]


def _comparing(
    left: Callable[[Any], list[Any]], compare: Callable[[Any, Any], bool], right: Callable[[Any], list[Any]]
) -> Step:
    def holds(item: Any) -> bool:
        ours, theirs = left(item), right(item)
        if len(ours) != 1 or len(theirs) != 1:
            return False
        try:
            return compare(ours[0], theirs[0])
        except TypeError:  # values of different types have no order
            return False

    return lambda value: (item for item in _items(value) if holds(item))


# Steps


def _same(value: Any) -> Iterator[Any]:
    yield value


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _item(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return step


def _slice(first: int | None, last: int | None, stride: int) -> Step:
    return lambda value: iter(value[first:last:stride] if isinstance(value, list) else ())


def _union(steps: Sequence[Step]) -> Step:
    return lambda value: (found for step in steps for found in step(value))


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _wildcard(value: Any) -> Iterator[Any]:
    yield from value.values() if isinstance(value, dict) else _items(value)


def _everywhere(value: Any) -> Iterator[Any]:
    """A value and all below it, itself first."""
    pending = [value]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, dict):
            pending += reversed([item for item in node.values() if isinstance(item, (dict, list))])
        elif isinstance(node, list):
            pending += reversed([item for item in node if isinstance(item, (dict, list))])
