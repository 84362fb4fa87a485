"""Lists that are sets or maps hold nothing twice: x-kubernetes-list-type. Called by resource.py.

Of a value that occurs three times, only the second is told. Upstream: apiserver/schema/listtype/validation.go.
"""

from collections.abc import Iterator
from typing import Any

from sampan.machinery.errors import FieldError
from sampan.machinery.paths import Path, invalid
from sampan.machinery.structural.problems import as_go_shows
from sampan.machinery.structural.schema import Structural
from sampan.machinery.structural.words import identity
from sampan.machinery.validation import duplicate


def duplicates(value: Any, node: Structural, path: Path | None = None) -> Iterator[FieldError]:
    """What occurs twice in the sets and maps of a value, and what is no object in the maps."""
    at = path or Path()
    if type(value) is list:
        if node.list_type == "set":
            yield from _twice(value, value, at)
        elif node.list_type == "map":
            yield from _in_map(value, node, at)
        if node.items is not None:
            for index, item in enumerate(value):
                if type(item) is dict or type(item) is list:
                    yield from duplicates(item, node.items, at.index(index))
    elif type(value) is dict:
        yield from _in_object(value, node, at)


def _in_object(value: dict[str, Any], node: Structural, path: Path) -> Iterator[FieldError]:
    for key, item in value.items():
        if type(item) is not dict and type(item) is not list:
            continue
        if key in node.properties:
            yield from duplicates(item, node.properties[key], path.child(key))
        elif node.additional is not None:
            yield from duplicates(item, node.additional, path.key(key))


def _in_map(items: list[Any], node: Structural, path: Path) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        if item is not None and type(item) is not dict:
            yield invalid(path.index(index), as_go_shows(item), "must be an object for an array of list-type map")
            return
    yield from _twice([key_of(item or {}, node) for item in items], items, path)


def key_of(item: dict[str, Any], node: Structural) -> dict[str, Any]:
    """The fields that tell an item of a list map from others."""
    return {key: item[key] for key in node.list_map_keys if key in item}


def _twice(keys: list[Any], items: list[Any], path: Path) -> Iterator[FieldError]:
    if len(keys) < 2:
        return
    seen: dict[bytes, int] = {}
    for index, key in enumerate(keys):
        text = identity(key)
        seen[text] = seen.get(text, 0) + 1
        if seen[text] == 2:
            yield duplicate(path.index(index), as_go_shows(key))
