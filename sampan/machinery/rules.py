"""The words in which a kind says what its fields may hold; the counterpart of upstream's `+k8s:` tags (KEP-5073).

    Kind(..., rules={"io.k8s.api.core.v1.ContainerPort": {"name": Format(port_name), "protocol": (Required(), Enum())}})

A rule is data. On a field it becomes a test, which is all that a good value costs, and the errors of a bad one. A field
that is absent breaks no rule but Required; what Go cannot tell from absent is absent ("" and 0 without a pointer).
Rules for several fields at once, and those that a stored object may go on breaking, are the kind's hooks. Compiled by
declarative.py; the rules of custom resources are their schemas' (structural/).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from sampan.machinery.errors import FieldError
from sampan.machinery.names import Check
from sampan.machinery.paths import Path, check, duplicate, invalid, not_supported, too_long, too_many
from sampan.machinery.schema import Field


class Test(NamedTuple):
    """A rule on one field."""

    fails: Callable[[Any], Any]  # something true for a value that breaks the rule
    errors: Callable[[Path, Any], Iterable[FieldError]]  # of such a value


class Rule(Protocol):
    """What a value that is there has to obey."""

    def on(self, field: Field) -> Test:
        """The rule on a field; raises ValueError where it makes no sense."""


@dataclass(frozen=True, slots=True)
class Required:
    """There is a value."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Immutable:
    """An update leaves the value as it was; null, empty and missing are the same. Not for fields within lists."""

    detail: str = "field is immutable"


@dataclass(frozen=True, slots=True)
class Enum:
    """One of these values, or of those that the field schema knows (sorted, as errors then list them)."""

    values: tuple[str, ...] = ()

    def on(self, field: Field) -> Test:
        """See Rule."""
        allowed = self.values or field.enum
        if not allowed:
            raise ValueError("the schema knows no values")
        _of_type(field, "string")
        known = frozenset(allowed)
        return Test(lambda value: value not in known, lambda path, value: [not_supported(path, value, allowed)])


@dataclass(frozen=True, slots=True)
class Minimum:
    """A number that is no smaller; `detail` where the error has words of its own."""

    least: int
    detail: str = ""

    def on(self, field: Field) -> Test:
        """See Rule."""
        _of_type(field, "integer")
        least, detail = self.least, self.detail or f"must be greater than or equal to {self.least}"
        return Test(lambda value: value < least, lambda path, value: [invalid(path, value, detail)])


@dataclass(frozen=True, slots=True)
class Maximum:
    """A number that is no greater."""

    most: int
    detail: str = ""

    def on(self, field: Field) -> Test:
        """See Rule."""
        _of_type(field, "integer")
        most, detail = self.most, self.detail or f"must be less than or equal to {self.most}"
        return Test(lambda value: value > most, lambda path, value: [invalid(path, value, detail)])


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two bounds, which are allowed themselves."""

    least: int
    most: int
    detail: str = ""

    def on(self, field: Field) -> Test:
        """See Rule."""
        _of_type(field, "integer")
        least, most = self.least, self.most
        detail = self.detail or f"must be between {least} and {most}, inclusive"
        return Test(lambda value: not least <= value <= most, lambda path, value: [invalid(path, value, detail)])


@dataclass(frozen=True, slots=True)
class Format:
    """A text that a check of names.py finds nothing wrong with."""

    wrong: Check

    def on(self, field: Field) -> Test:
        """See Rule."""
        _of_type(field, "string")
        wrong = self.wrong
        return Test(wrong, lambda path, value: check(path, value, wrong(value)))


@dataclass(frozen=True, slots=True)
class MaxBytes:
    """A text that is no longer in UTF-8."""

    limit: int

    def on(self, field: Field) -> Test:
        """See Rule."""
        _of_type(field, "string")
        limit = self.limit
        return Test(
            lambda value: len(value.encode(errors="replace")) > limit, lambda path, value: [too_long(path, limit)]
        )


@dataclass(frozen=True, slots=True)
class MaxItems:
    """A list that is no longer."""

    limit: int

    def on(self, field: Field) -> Test:
        """See Rule."""
        _of_type(field, "array")
        limit = self.limit
        return Test(lambda value: len(value) > limit, lambda path, value: [too_many(path, len(value), limit)])


@dataclass(frozen=True, slots=True)
class Each:
    """A rule for every item of a list, "" included."""

    rule: Rule

    def on(self, field: Field) -> Test:
        """See Rule."""
        fails, errors = self.rule.on(_items(field))

        def all_errors(path: Path, items: list[Any]) -> Iterable[FieldError]:
            for index, item in enumerate(items):
                if fails(item):
                    yield from errors(path.index(index), item)

        return Test(lambda items: any(map(fails, items)), all_errors)


@dataclass(frozen=True, slots=True)
class Unique:
    """A list without the same twice: texts, or objects by the field `key`. An absent key does not count."""

    key: str = ""

    def on(self, field: Field) -> Test:
        """See Rule."""
        key, item = self.key, _items(field)
        _of_type(item.definition.fields[key] if key else item, "string")

        def values(items: list[Any]) -> list[str]:
            return [item.get(key) for item in items] if key else items

        def again(path: Path, items: list[Any]) -> Iterable[FieldError]:
            seen = set()
            for index, value in enumerate(values(items)):
                if value in seen:
                    yield duplicate(path.index(index).child(key) if key else path.index(index), value)
                elif value or not key:
                    seen.add(value)

        return Test(lambda items: len(items) > 1 and len(set(values(items))) < len(items), again)


AnyRule = Rule | Required | Immutable
FieldRule = AnyRule | tuple[AnyRule, ...]
Rules = Mapping[str, FieldRule]  # of the fields of one definition
FieldRules = Mapping[str, Rules]  # by definition


def together(*given: FieldRules) -> FieldRules:
    """Rules of several sources; a field obeys them all."""
    found: dict[str, dict[str, tuple[AnyRule, ...]]] = {}
    for name, field, rules in (
        (name, *item) for one in given for name, fields in one.items() for item in fields.items()
    ):
        mine = found.setdefault(name, {})
        mine[field] = mine.get(field, ()) + several(rules)
    return found


def several(rules: FieldRule) -> tuple[AnyRule, ...]:
    """One rule or more."""
    return rules if isinstance(rules, tuple) else (rules,)


def _of_type(field: Field, wanted: str) -> None:
    if field.type != wanted:
        raise ValueError(f"the rule is one for fields of type {wanted}, not {field.type}")


def _items(field: Field) -> Field:
    _of_type(field, "array")
    assert field.items is not None
    return replace(field.items, enum=field.enum)  # the schema keeps the values of a list's items with the list
