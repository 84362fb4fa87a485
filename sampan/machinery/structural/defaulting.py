"""Defaults of a structural schema, given in place: `default(obj, node)`.

A field that is absent, or null where null is no value, gets a copy of its default, which then gets the defaults below
it. Visits what the object has, never the whole schema. Called by resource.py, for requests and for what is read from
storage. Upstream: apiserver/schema/defaulting/algorithm.go.
"""

from collections.abc import Callable
from typing import Any

from sampan.machinery.structural.schema import Structural
from sampan.machinery.tree import deep_copy

Default = Callable[[Any], None]


def default(obj: Any, node: Structural) -> None:
    """Give a dict or list its defaults, and all below it."""
    _closure(node)(obj)


def _closure(node: Structural) -> Default:
    return node.memo("default", _compile)


def _compile(node: Structural) -> Default:
    given = [
        (name, child.default, child.nullable) for name, child in node.properties.items() if child.default is not None
    ]
    below: dict[str, Structural] = node.properties
    additional = node.additional

    def default_object(obj: dict[str, Any]) -> None:
        for name, value, nullable in given:
            if name not in obj or (obj[name] is None and not nullable):
                obj[name] = deep_copy(value)
        if additional is None:
            for name, item in obj.items():
                if (type(item) is dict or type(item) is list) and name in below:
                    _closure(below[name])(item)
        else:
            _default_map(obj, below, additional)

    def default_either(obj: Any) -> None:
        if type(obj) is dict:
            default_object(obj)
        elif type(obj) is list and node.items is not None:
            _default_items(obj, node.items)

    return default_either


def _default_map(obj: dict[str, Any], below: dict[str, Structural], additional: Structural) -> None:
    for name, item in obj.items():
        child = below.get(name, additional)
        if item is None and child is additional and not child.nullable:
            obj[name] = item = deep_copy(child.default)
        if type(item) is dict or type(item) is list:
            _closure(child)(item)


def _default_items(items: list[Any], node: Structural) -> None:
    for index, item in enumerate(items):
        if item is None and not node.nullable:
            items[index] = item = deep_copy(node.default)
        if type(item) is dict or type(item) is list:
            _closure(node)(item)
