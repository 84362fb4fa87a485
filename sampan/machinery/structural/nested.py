"""What a schema inside of allOf, anyOf, oneOf and not may not say, and that patterns compile.

Types are forbidden there, but for the two ways in which x-kubernetes-int-or-string is spelt out.
Called by structurality.py.
"""

from collections.abc import Iterator, Mapping

from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, forbidden, invalid
from sampan.machinery.structural.patterns import Pattern, PatternError
from sampan.machinery.structural.schema import Tree

_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_JUNCTORS = frozenset(("allOf", "anyOf", "oneOf", "not"))
# Keyword -> what is told where it is given.
_FORBIDDEN = {
    "type": "must be empty to be structural",
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}
_GIVEN_WHEN_EMPTY = {"additionalProperties", "default", "x-kubernetes-list-type", "x-kubernetes-map-type"}


def forbidden_in_junctors(schema: Tree, path: Path, *, int_or_string: bool = False) -> Iterator[FieldError]:
    """What is wrong in the junctors of a schema, and with its pattern; `int_or_string` allows its spellings."""
    if not _JUNCTORS & schema.keys():
        yield from _pattern(schema.get("pattern") or "", path)
        return
    spelt = int_or_string and schema.get("anyOf") == _INT_OR_STRING
    for index, one in enumerate(() if spelt else schema.get("anyOf") or ()):
        yield from _nested(one, path.child("anyOf").index(index))
    for index, one in enumerate(schema.get("allOf") or ()):
        allowed = int_or_string and index == 0
        yield from _nested(one, path.child("allOf").index(index), int_or_string=allowed)
    for index, one in enumerate(schema.get("oneOf") or ()):
        yield from _nested(one, path.child("oneOf").index(index))
    if (negated := schema.get("not")) is not None:
        yield from _nested(negated, path.child("not"))
    yield from _pattern(schema.get("pattern") or "", path)


def _pattern(pattern: str, path: Path) -> Iterator[FieldError]:
    if not pattern:
        return
    try:
        Pattern(pattern)
    except PatternError as error:
        yield invalid(path.child("pattern"), pattern, f"must be a valid regular expression, but isn't: {error}")


def _nested(schema: Tree, path: Path, *, int_or_string: bool = False) -> Iterator[FieldError]:
    yield from forbidden_in_junctors(schema, path, int_or_string=int_or_string)
    if isinstance(items := schema.get("items"), Mapping):
        yield from _nested(items, path.child("items"))
    properties = schema.get("properties") or {}
    for name, child in properties.items():
        yield from _nested(child, path.child("properties").key(name))
    for keyword, told in _FORBIDDEN.items():
        given = schema.get(keyword)
        if given or (keyword in _GIVEN_WHEN_EMPTY and given is not None and given is not False):
            yield forbidden(path.child(keyword), told)
    if "metadata" in properties:
        yield forbidden(path.child("properties").key("metadata"), "must not be specified in a nested context")
