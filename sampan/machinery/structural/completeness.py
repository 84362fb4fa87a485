"""Whether all that junctors speak of is also specified outside of them. Called by structurality.py."""

from collections.abc import Iterator, Mapping
from typing import Any

from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, required
from sampan.machinery.structural.schema import Tree


def incomplete(schema: Tree, path: Path) -> Iterator[FieldError]:
    """What the junctors of a schema's root restrict without its being specified; upstream looks at no others."""
    yield from _junctors(schema, schema, path, path)


def _junctors(values: Tree, schema: Any, at: Path, where: Path) -> Iterator[FieldError]:
    if (negated := values.get("not")) is not None:
        yield from _nested(negated, schema, at, where.child("not"))
    for keyword in ("allOf", "anyOf", "oneOf"):
        for index, one in enumerate(values.get(keyword) or ()):
            yield from _nested(one, schema, at, where.child(keyword).index(index))


def _nested(values: Any, schema: Any, at: Path, where: Path) -> Iterator[FieldError]:
    """`values` is what is said at `where`, `schema` what specifies it, at `at`."""
    if not isinstance(values, Mapping):
        return
    if not isinstance(schema, Mapping):
        yield required(at, f"because it is defined in {where}")
        return
    yield from _junctors(values, schema, at, where)
    yield from _nested(values.get("items"), schema.get("items"), at.child("items"), where.child("items"))
    specified = schema.get("properties") or {}
    for name, child in (values.get("properties") or {}).items():
        at_child, where_child = at.child("properties").key(name), where.child("properties").key(name)
        if name in specified:
            yield from _nested(child, specified[name], at_child, where_child)
        else:
            yield required(at_child, f"because it is defined in {where_child}")
