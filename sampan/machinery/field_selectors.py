"""Field selectors: `spec.nodeName=n1,status.phase!=Running`, matched against what a kind lets be selected.

Which fields a kind offers is `Kind.selectable_fields`, besides metadata.name and metadata.namespace. Called by the API
server for lists, watches and deletecollection. Grammar and texts: k8s.io/apimachinery/pkg/fields.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sampan.machinery.kind import Kind
from sampan.machinery.remember import remembered
from sampan.machinery.requirements import SelectorError
from sampan.machinery.selector_parser import MAX_REQUIREMENTS

Field = Callable[[dict[str, Any]], str]


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One condition: the field is (or, negated, is not) the value."""

    field: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        return f"{self.field}{'!=' if self.negated else '='}{_escape(self.value)}"


class FieldSelector:
    """A conjunction of terms. `bind` makes it a function over the objects of one kind."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[FieldTerm, ...] = ()) -> None:
        self.terms = terms

    def equals(self, field: str) -> str | None:
        """The value that a field must have, or None: lets a list of one name become a get."""
        return next((t.value for t in self.terms if t.field == field and not t.negated), None)

    def bind(self, kind: Kind) -> Callable[[dict[str, Any]], bool]:
        """The condition on objects of a kind; raises SelectorError (400) for a field that it does not offer."""
        tests = [_test(_getter(kind, term.field), term) for term in self.terms]
        if not tests:
            return _always
        if len(tests) == 1:
            return tests[0]
        return lambda obj: all(test(obj) for test in tests)

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


EVERYTHING: Final = FieldSelector()


@remembered(1024)
def parse(text: str) -> FieldSelector:
    """The selector of a text; "" selects everything. Raises SelectorError (400)."""
    if not text:
        return EVERYTHING
    parts = [part for part in _split(text) if part]
    if len(parts) > MAX_REQUIREMENTS:
        raise SelectorError(f"a selector has at most {MAX_REQUIREMENTS} requirements")
    return FieldSelector(tuple(_term(text, part) for part in parts))


def _split(text: str) -> list[str]:
    """The terms, at commas that no backslash protects; escapes stay in."""
    parts, current, escaped = [], "", False
    for char in text:
        if char == "," and not escaped:
            parts.append(current)
            current = ""
            continue
        current += char
        escaped = char == "\\" and not escaped
    return [*parts, current]


def _term(text: str, part: str) -> FieldTerm:
    for at in range(len(part)):
        for operator in ("!=", "==", "="):
            if part.startswith(operator, at):
                return FieldTerm(part[:at], _unescape(part[at + len(operator) :]), operator == "!=")
    raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")


def _unescape(value: str) -> str:
    if "\\" not in value and "=" not in value:
        return value
    result, escaped = "", False
    for char in value:
        if escaped:
            if char not in "\\,=":
                raise SelectorError(f"invalid escape sequence: \\{char}")
            result, escaped = result + char, False
        elif char == "\\":
            escaped = True
        elif char == "=":
            raise SelectorError(f"invalid unescaped character in field selector: {value}")
        else:
            result += char
    if escaped:
        raise SelectorError("invalid escape sequence: \\")
    return result


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _name(obj: dict[str, Any]) -> str:
    return str(obj["metadata"].get("name") or "")


def _namespace(obj: dict[str, Any]) -> str:
    return str(obj["metadata"].get("namespace") or "")


def _getter(kind: Kind, field: str) -> Field:
    if field == "metadata.name":
        return _name
    if field == "metadata.namespace" and kind.namespaced:
        return _namespace
    found = kind.selectable_fields.get(field)
    if found is None:
        raise SelectorError(f"field label not supported: {field}")
    return found


def _test(getter: Field, term: FieldTerm) -> Callable[[dict[str, Any]], bool]:
    value = term.value
    if term.negated:
        return lambda obj: getter(obj) != value
    return lambda obj: getter(obj) == value


def _always(obj: dict[str, Any]) -> bool:
    return True
