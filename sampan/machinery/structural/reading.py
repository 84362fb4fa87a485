"""Reading an object by its schema: unknown fields and stray nulls go, embedded objects get real metadata.

`read(obj, node)` changes the tree in place in one pass, over what the object has, never over what the schema has, and
reports unknown fields. Rules: x-kubernetes-preserve-unknown-fields keeps the unknown fields of a node and of lists in
it, but not of properties that it names; additionalProperties without a schema keeps a field and prunes what is in it;
null is absent where it is neither nullable nor replaced by a default. Metadata is read by a function that the caller
gives, so that this module knows no type.

Called by resource.py. Upstream: apiserver/schema/{pruning,objectmeta}, defaulting/prunenulls.go.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sampan.machinery.errors import FIELD_INVALID, FieldError
from sampan.machinery.paths import Path
from sampan.machinery.places import Place, note, steps_of
from sampan.machinery.structural.schema import META_FIELDS, Structural

_MOST_INTEGER = 2**63 - 1  # what is more is a float, as sigs.k8s.io/json reads it

# Reads metadata in place and returns the paths of unknown fields below it; raises ValueError.
ReadMetadata = Callable[[Any], list[str]]


class _MapKey(str):
    """A key of a map, which field paths write in brackets."""

    __slots__ = ()


def _path_text(place: Place) -> str:
    """A place as a field path: the fields of maps in brackets."""
    path = Path()
    for step in steps_of(place):
        path = path.key(str(step)) if isinstance(step, (int, _MapKey)) else path.child(step)
    return str(path)


class Unreadable(Exception):
    """An object without a string where one must be, or with malformed metadata; str() is what to tell the client."""

    def __init__(self, path: str, value: Any, detail: str) -> None:
        own = path == "metadata"
        self._error = FieldError(FIELD_INVALID, path, detail, value)
        super().__init__(detail if own else str(self._error))

    def below(self, path: str) -> FieldError:
        """The same as a field error of an object that is part of another."""
        return replace(self._error, field=".".join(part for part in (path, self._error.field) if part))


class State:
    """What one pass leaves behind: unknown fields by pruning and by metadata, which upstream lists in this order."""

    __slots__ = ("lenient", "metadata", "read_metadata", "unknown")

    def __init__(self, read_metadata: ReadMetadata, lenient: bool = False) -> None:
        """`lenient` drops malformed metadata instead of refusing it, for what comes from storage."""
        self.read_metadata, self.lenient = read_metadata, lenient
        self.unknown: list[str] = []
        self.metadata: list[str] = []


Visit = Callable[[Any, State, Place], None]
Rule = tuple[Visit, bool]  # what reads a dict or list; whether null is dropped


def visitor(node: Structural) -> Visit:
    """The closure that reads a dict or list at a node."""
    return node.memo("read", _compile)


def _compile(node: Structural) -> Visit:
    rules: dict[str, Rule] = {}
    preserve, additional = node.preserve_unknown, _additional(node)
    own = META_FIELDS if node.embedded or node.resource_root else ()

    def read_object(value: dict[str, Any], state: State, place: Place) -> None:
        if not rules and node.properties:
            rules.update((name, _rule(child)) for name, child in node.properties.items())
        gone: list[str] = []
        for key, item in value.items():
            rule = rules.get(key, additional)
            if rule is None:
                if not preserve and key not in own:
                    note(state.unknown, (place, key))
                    gone.append(key)
            elif item is None:
                if rule[1]:
                    gone.append(key)
            elif (type(item) is dict or type(item) is list) and key not in own:
                rule[0](item, state, (place, key if key in rules else _MapKey(key)))
            elif type(item) is int and item > _MOST_INTEGER:
                value[key] = float(item)
        for key in gone:
            del value[key]
        if node.embedded:
            _read_embedded(value, node, state, place)

    def read(value: Any, state: State, place: Place) -> None:
        if type(value) is dict:
            read_object(value, state, place)
        else:
            each = _items(node)
            for index, item in enumerate(value):
                if type(item) is dict or type(item) is list:
                    each(item, state, (place, index))
                elif type(item) is int and item > _MOST_INTEGER:
                    value[index] = float(item)

    return read


def _rule(node: Structural) -> Rule:
    return _lazily(node), not node.nullable and node.default is None


def _lazily(node: Structural) -> Visit:
    def visit(value: Any, state: State, place: Place) -> None:
        visitor(node)(value, state, place)

    return visit


def _additional(node: Structural) -> Rule | None:
    if node.additional is not None:
        return _rule(node.additional)
    return (_nothing_known, False) if node.has_additional else None


def _items(node: Structural) -> Visit:
    if node.preserve_unknown:
        return _keep_all if node.items is None else node.items.memo("read-preserving", _preserving)
    return _nothing_known if node.items is None else visitor(node.items)


def _preserving(node: Structural) -> Visit:
    """The items of a list that preserves unknown fields do so too."""
    return _compile(Structural({**node.raw, "x-kubernetes-preserve-unknown-fields": True}))


def _keep_all(value: Any, state: State, place: Place) -> None:
    pass


def _nothing_known(value: Any, state: State, place: Place) -> None:
    """Where no schema is, no field is known."""
    if type(value) is dict:
        for key in value:
            note(state.unknown, (place, key))
        value.clear()
    elif type(value) is list:
        for index, item in enumerate(value):
            _nothing_known(item, state, (place, index))


def _read_embedded(value: dict[str, Any], node: Structural, state: State, place: Place) -> None:
    """apiVersion and kind are strings, and metadata is an ObjectMeta."""
    for key in ("apiVersion", "kind"):
        if key in value and type(value[key]) is not str:
            if not state.lenient:
                raise Unreadable(_path_text((place, key)), value[key], "must be a string")
            del value[key]
    if "metadata" not in value:
        return
    where = _path_text((place, "metadata"))
    try:
        unknown = state.read_metadata(value["metadata"])
    except ValueError as error:
        if not state.lenient:
            raise Unreadable(where, value["metadata"], str(error)) from None
        _keep_readable(value, state)
        return
    if value["metadata"] is None:
        value["metadata"] = {}
    state.metadata += [f"{where}.{path}" for path in unknown]


def _keep_readable(value: dict[str, Any], state: State) -> None:
    """Of malformed metadata, only the fields that can be read by themselves."""
    metadata: Any = value["metadata"]
    kept: dict[str, Any] = {}
    for key, item in metadata.items() if isinstance(metadata, Mapping) else ():
        alone = {key: item}
        try:
            state.read_metadata(alone)
        except ValueError:
            continue
        kept |= alone
    value["metadata"] = kept
