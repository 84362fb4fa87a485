"""Small checks that many kinds compose, beyond the words in machinery/validation.py.

A check is a generator of FieldError over one part of an object and that part's path. What is absent and optional is no
error. Whether a field has the right JSON type was settled before, by the schema.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

from sampan.machinery.errors import FieldError
from sampan.machinery.names import Check
from sampan.machinery.tree import semantic_equal
from sampan.machinery.validation import Path, check, duplicate, invalid, not_supported, required

Errors = Iterator[FieldError]
_Value = TypeVar("_Value", bound=Hashable)

SPEC = Path("spec")
METADATA = Path("metadata")
PROTOCOLS = ("SCTP", "TCP", "UDP")
IMMUTABLE = "field is immutable"


def required_name(path: Path | str, value: str | None, rule: Check, detail: str = "") -> Errors:
    """A name that must be there and obey a rule of names.py."""
    if not value:
        yield required(path, detail)
    else:
        yield from check(path, value, rule(value))


def optional_name(path: Path | str, value: str | None, rule: Check) -> Errors:
    """A name that may be missing or empty."""
    if value:
        yield from check(path, value, rule(value))


def supported(path: Path | str, value: str | None, allowed: Iterable[str]) -> Errors:
    """An enumeration whose value may be missing; "" is a value like any other."""
    if value is not None and value not in allowed:
        yield not_supported(path, value, allowed)


def positive(path: Path | str, value: int | None) -> Errors:
    """A number above 0."""
    if value is not None and value <= 0:
        yield invalid(path, value, "must be greater than 0")


def unchanged(path: Path | str, new: Any, old: Any, detail: str = IMMUTABLE) -> Errors:
    """A field that an update may not change; null, empty and missing are the same."""
    if not semantic_equal(new, old):
        yield invalid(path, new, detail)


def repeated(values: Iterable[_Value]) -> Iterator[tuple[int, _Value]]:
    """The values that have been there before, with their indexes; in time that grows with how many there are."""
    seen: set[_Value] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield index, value
        seen.add(value)


def unique(values: Iterable[Hashable], path_of: Callable[[int], Path | str]) -> Errors:
    """No value twice; null and "" don't count."""
    for index, value in repeated(values):
        if value:
            yield duplicate(path_of(index), value)


def each(path: Path, items: Iterable[Any] | None, one: Callable[[Any, Path], Errors]) -> Errors:
    """One check over every item of a list."""
    for index, item in enumerate(items or ()):
        yield from one(item, path.index(index))
