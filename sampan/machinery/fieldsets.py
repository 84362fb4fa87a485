"""Sets of field paths: what a manager owns in an object, as metadata.managedFields writes it (FieldsV1).

A path is a tuple of elements in the spelling of FieldsV1: `f:name` a field or map key, `k:{"name":"web"}` an item of a
list with keys, `v:"x"` an item of a list that is a set. Called by apply.py and managers.py. Rules: KEP-555 and
sigs.k8s.io/structured-merge-diff.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from sampan.machinery.schema import Field

Path = tuple[str, ...]
FieldSet = frozenset[Path]

NO_FIELDS: FieldSet = frozenset()
_DOT = "."
# Defaults of list keys, so that an item is the same item whether a client writes them or not.
_KEY_DEFAULTS = {"protocol": "TCP"}
_CONTAINER = object()


def is_atomic(field: Field) -> bool:
    """Whether a value is owned as one: scalars, and what the schema says is replaced whole."""
    if field.type == "object":
        return field.map_type == "atomic" or field.definition.map_type == "atomic"
    if field.type == "map":
        return field.map_type == "atomic"
    if field.type == "any":
        return field.map_type != "granular"
    return field.type != "array" or field.list_type not in ("map", "set")


def is_merged(field: Field, value: Any) -> bool:
    """Whether what lies in a value has owners of its own; a value of another type than its field's has none."""
    return isinstance(value, list if field.type == "array" else dict) and not is_atomic(field)


def below(field: Field, element: str) -> Field | None:
    """The field at a path element below another; None where the type has none."""
    if field.type == "object":
        return field.definition.fields.get(element[2:]) or field.definition.others
    return field if field.type == "any" else field.items


def item_element(field: Field, item: Any) -> str:
    """The path element of an item of a list that is merged."""
    if field.list_type == "set" or not isinstance(item, dict):
        return "v:" + orjson.dumps(item).decode()
    defaults = _KEY_DEFAULTS if field.key_defaults is None else dict(field.key_defaults)
    keys = {key: item[key] if key in item else defaults.get(key) for key in sorted(field.list_map_keys)}
    return "k:" + orjson.dumps({key: value for key, value in keys.items() if value is not None}).decode()


def children(field: Field, value: Any) -> Iterator[tuple[str, Field, Any]]:
    """(path element, field, value) of everything directly below a value that is not atomic."""
    if field.type == "array":
        assert field.items is not None
        for item in value:
            yield item_element(field, item), field.items, item
    else:
        for name, item in value.items():
            found = below(field, "f:" + name)
            if found is not None:
                yield "f:" + name, found, item


def nodes(field: Field, value: Any) -> dict[Path, Any]:
    """Every path in a value: of leaves with their values, of containers that may be absent with a marker."""
    found: dict[Path, Any] = {}
    _collect(field, value, (), found)
    return found


def _collect(field: Field, value: Any, path: Path, found: dict[Path, Any]) -> None:
    for element, child, item in children(field, value):
        place = (*path, element)
        if not is_merged(child, item) or not item:
            found[place] = item
            continue
        # A struct that Go always has is no field that anyone sets; an item of a list is.
        if not child.always or field.type == "array":
            found[place] = _CONTAINER
        _collect(child, item, place, found)


def applied_set(field: Field, value: Any) -> FieldSet:
    """The paths that an applied configuration owns: leaves and items of lists (and what is empty)."""
    return frozenset(
        path for path, item in nodes(field, value).items() if item is not _CONTAINER or path[-1][0] in "kv"
    )


def compare(field: Field, old: Any, new: Any) -> tuple[FieldSet, FieldSet]:
    """(paths that are new or have new values, paths that are gone)."""
    before, after = nodes(field, old), nodes(field, new)
    missing = object()
    changed = frozenset(path for path, item in after.items() if before.get(path, missing) != item)
    return changed, frozenset(before.keys() - after.keys())


def undeclared(
    field: Field | None, given: Any, pruned: Any, is_open: Callable[[Path], bool], path: Path = ()
) -> Iterator[Path]:
    """Where a value has fields that its pruned form lacks, that its type does not have (reading also drops what is
    empty) and that `is_open` does not excuse; of one map the first only, as upstream reports them."""
    if isinstance(given, dict) and isinstance(pruned, dict):
        for name, item in given.items():
            place = (*path, "f:" + name)
            if name in pruned:
                yield from undeclared(field and below(field, place[-1]), item, pruned[name], is_open, place)
            elif item is not None and not (field and below(field, place[-1])) and not is_open(place):
                yield place
                return
    elif isinstance(given, list) and isinstance(pruned, list):
        keyed = field if field and is_merged(field, given) else None
        for index, (item, kept) in enumerate(zip(given, pruned, strict=False)):
            element = item_element(keyed, item) if keyed else f"i:{index}"
            yield from undeclared(field and field.items, item, kept, is_open, (*path, element))


def to_fields(paths: Iterable[Path]) -> dict[str, Any]:
    """A set in the form of FieldsV1: nested objects, with "." for a member that has members below."""
    root: dict[str, Any] = {}
    members = set(paths)
    for path in sorted(members):
        node = root
        for end, element in enumerate(path, 1):
            node = node.setdefault(element, {})
            if end < len(path) and path[:end] in members:
                node[_DOT] = {}
    return root


def from_fields(fields: Any) -> FieldSet:
    """The set that a FieldsV1 stands for; what is malformed stands for nothing."""
    found: set[Path] = set()
    _read(fields, (), found)
    return frozenset(found)


def _read(node: Any, path: Path, found: set[Path]) -> None:
    if not isinstance(node, dict):
        return
    if path and (not node or _DOT in node):
        found.add(path)
    for element, child in node.items():
        if element != _DOT and element[:2] in ("f:", "k:", "v:", "i:"):
            _read(child, (*path, element), found)


def show(path: Path) -> str:
    """A path as messages show it: `.spec.containers[name="web"].image`."""
    return "".join(_show_element(element) for element in path)


def _show_element(element: str) -> str:
    kind, text = element[0], element[2:]
    if kind == "f":
        return "." + text
    if kind == "k":
        keys = json.loads(text)
        return "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(keys.items())) + "]"
    return f"[={text}]" if kind == "v" else f"[{text}]"
