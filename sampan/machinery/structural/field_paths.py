"""Paths to fields of a schema as definitions spell them: `.spec.items['a b']`, for rules and selectable fields.

Called by what validates CustomResourceDefinitions. Upstream: ValidFieldPath in apiserver/schema/cel/validation.go.
"""

import re
from collections.abc import Iterator

from sampan.machinery.paths import Path
from sampan.machinery.structural.schema import Structural

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]]+", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_NO_FIELD = "does not refer to a valid field"


class FieldPathError(ValueError):
    """A text that leads to no field; str() is upstream's wording."""


def resolve(text: str, schema: Structural, *, brackets: bool = True) -> tuple[Path, Structural]:
    """The path that a text stands for, and the node where it ends; raises FieldPathError."""
    path, node = Path(), schema
    tokens = iter(_TOKEN.findall(text))
    for token in tokens:
        if token == ".":
            name = next(tokens, "")
        elif token == "[":
            name = _bracketed(tokens, brackets)
        else:
            raise FieldPathError(f"expected [ or . but got: {token}")
        path, node = _step(path, node, name)
    return path, node


def _bracketed(tokens: Iterator[str], allowed: bool) -> str:
    if not allowed:
        raise FieldPathError("array notation is not allowed")
    quoted = next(tokens, None)
    if quoted is None:
        raise FieldPathError("unexpected end of JSON path")
    if len(quoted) < 2 or quoted[0] != "'" or quoted[-1] != "'":
        raise FieldPathError(f"expected single quoted string but got {quoted}")
    closing = next(tokens, None)
    if closing != "]":
        raise FieldPathError("unexpected end of JSON path" if closing is None else f"expected ] but got {closing}")
    return _ESCAPE.sub(lambda found: _UNESCAPED.get(found[1], found[1]), quoted[1:-1])


def _step(path: Path, node: Structural, name: str) -> tuple[Path, Structural]:
    if node.properties:
        if name not in node.properties:
            raise FieldPathError(_NO_FIELD)
        return path.child(name), node.properties[name]
    if not node.has_additional:
        raise FieldPathError(_NO_FIELD)
    return path.key(name), node.additional or Structural(None)
