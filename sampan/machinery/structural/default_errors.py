"""Whether the defaults of a schema obey the schema: each is pruned and valid where it stands.

Called for new definitions. Defaults inside the metadata of an embedded object are tried as part of the metadata that
they would make. Upstream: apiserver/schema/defaulting/validation.go.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sampan.machinery.aggregate import aggregated
from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, invalid
from sampan.machinery.structural.embedded import embedded_errors
from sampan.machinery.structural.problems import as_go_shows, field_errors
from sampan.machinery.structural.reading import ReadMetadata, State, Unreadable, visitor
from sampan.machinery.structural.rules import RuleCompiler, Rules
from sampan.machinery.structural.schema import META_FIELDS, Structural
from sampan.machinery.structural.validation import problems
from sampan.machinery.tree import deep_copy

_UNKNOWN = "must not have unknown fields"


@dataclass(frozen=True, slots=True)
class Context:
    """What stays the same on the way down."""

    read_metadata: ReadMetadata
    must_be_pruned: bool = True
    rules: RuleCompiler | None = None


def has_unpruned_default(schema: Structural, read_metadata: ReadMetadata) -> bool:
    """Whether a schema has a default with fields that it does not know."""
    return any(error.detail == _UNKNOWN for error in default_errors(schema, Path(), Context(read_metadata)))


@dataclass(frozen=True, slots=True)
class _Inside:
    """The metadata that a node is in: of which object, and the way to the node."""

    root: Structural
    steps: tuple[str, ...] = ()
    in_metadata: bool = False


def default_errors(schema: Structural, path: Path, context: Context) -> list[FieldError]:
    """What is wrong with the defaults of a schema, whose root is a whole object."""
    return list(_errors(schema, path, context, _Inside(schema)))


def _errors(node: Structural, path: Path, context: Context, inside: _Inside) -> Iterator[FieldError]:
    if node.embedded:
        inside = _Inside(node)
    if node.default is not None:
        yield from _own_default(node, path.child("default"), context, inside)
    if node.items is not None:
        below = replace(inside, steps=(*inside.steps, ""))
        yield from _errors(node.items, path.child("items"), context, below)
    whole = node.embedded or node.resource_root
    for name, child in node.properties.items():
        enters = inside.in_metadata or (whole and name in META_FIELDS)
        below = replace(inside, steps=(*inside.steps, name), in_metadata=enters)
        yield from _errors(child, path.child("properties").key(name), context, below)


def _own_default(node: Structural, path: Path, context: Context, inside: _Inside) -> Iterator[FieldError]:
    value = deep_copy(node.default)
    if inside.in_metadata:
        wrong = _in_metadata(value, inside, context)
        if wrong:
            yield invalid(path, as_go_shows(node.default), f"must result in valid metadata: {wrong}")
            return
    else:
        tried = list(_unreadable(value, node, path, context))
        if context.must_be_pruned and _has_unknown(node, context):
            yield invalid(path, as_go_shows(node.default), _UNKNOWN)
        tried += [] if tried else embedded_errors(value, node, path)
        if tried:
            yield from tried
            return
    wrong_values = field_errors(problems(node.default, Structural(node.raw, of_default=True)), str(path))
    yield from wrong_values
    if context.rules and not wrong_values:
        yield from Rules(context.rules).of_default(node, node.default, path)


def _has_unknown(node: Structural, context: Context) -> bool:
    value, state = deep_copy(node.default), State(context.read_metadata, lenient=True)
    if type(value) is dict or type(value) is list:
        visitor(node)(value, state, None)
    return bool(state.unknown)


def _unreadable(value: Any, node: Structural, path: Path, context: Context) -> Iterator[FieldError]:
    if type(value) is not dict and type(value) is not list:
        return
    try:
        visitor(node)(value, State(context.read_metadata), None)
    except Unreadable as error:
        yield error.below(str(path))


def _in_metadata(value: Any, inside: _Inside, context: Context) -> str:
    """What is wrong with the metadata that has nothing but one default, or ""."""
    for step in reversed(inside.steps):
        value = {step: value} if step else [value]
    obj: dict[str, Any] = {"apiVersion": "validation/v1", "kind": "Validation", **value}
    whole = Structural({**inside.root.raw, "x-kubernetes-embedded-resource": True})
    try:
        visitor(whole)(obj, State(context.read_metadata), None)
    except Unreadable as error:
        return str(error)
    return aggregated(embedded_errors(obj, whole))
