"""Equality, membership and concatenation where declared types change them: sets and maps kept as lists, dates as text.

Upstream: apiserver pkg/cel/common/valuesunstructured.go (unstructuredSetList, unstructuredMapList).
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sampan.machinery.cel.errors import no_such_overload
from sampan.machinery.cel.types import Declaration, Type
from sampan.machinery.cel.values import contains, equal

_PLAIN = frozenset(("string", "bytes", "timestamp", "duration", "null"))
Same = Callable[[Any, Any], bool]


def equality(left: Type, right: Type, negated: bool) -> Callable[[Any, Any], bool]:
    """How `==` compares values of two types, or `!=`."""
    same = _same(left, right)
    return (lambda a, b: not same(a, b)) if negated else same


def _same(left: Type, right: Type) -> Same:
    if left.kind in _PLAIN and right.kind == left.kind:
        return _by_value
    declaration = left.declaration  # the left side's kind of list decides, as upstream's does
    return typed_same(declaration) if declaration else equal


def _by_value(a: Any, b: Any) -> bool:
    return bool(a == b)


def typed_same(declaration: Declaration) -> Same:
    """How values of a declared type compare, in their JSON form for what is inside them."""
    if not _special(declaration, set()):
        return equal
    if declaration.list_type == "set":
        return _same_set
    if declaration.list_type == "map":
        return _same_map_list(declaration)
    if declaration.item is not None:
        inner = inside(declaration.item)
        return lambda a, b: _same_items(a, b, inner)
    fields = {field.key: inside(field.declaration) for field in declaration.fields.values()}
    return lambda a, b: _same_fields(a, b, fields)


def inside(declaration: Declaration) -> Same:
    """The same for values in a container, which are not converted yet unless the container is of scalars."""
    if declaration.read is not None and not declaration.fields and declaration.item is None:
        read = declaration.read
        return lambda a, b: equal(read(a), read(b))
    return typed_same(declaration)


def _special(declaration: Declaration, seen: set[int]) -> bool:
    """Whether anything in a type compares otherwise than its JSON."""
    if id(declaration) in seen:
        return False
    seen.add(id(declaration))
    if declaration.list_type in ("set", "map") or declaration.type.kind in ("timestamp", "duration"):
        return True
    parts = [field.declaration for field in declaration.fields.values()]
    if declaration.item is not None:
        parts.append(declaration.item)
    return any(_special(part, seen) for part in parts)


def _same_items(a: Any, b: Any, inner: Same) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(inner(value, b[key]) for key, value in a.items())
    return isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and all(map(inner, a, b))


def _same_fields(a: Any, b: Any, fields: dict[str, Same]) -> bool:
    if not isinstance(a, dict) or not isinstance(b, dict) or a.keys() != b.keys():
        return equal(a, b)
    return all(fields.get(key, equal)(value, b[key]) for key, value in a.items())


def _same_set(a: Any, b: Any) -> bool:
    if not isinstance(a, list) or not isinstance(b, list) or len(a) != len(b):
        return False
    return set(map(_set_key, a)) == set(map(_set_key, b))


def _set_key(item: Any) -> Any:
    """What an element of a set is known by; true is not 1."""
    if isinstance(item, (list, dict)):
        return json.dumps(item, sort_keys=True, default=repr)
    return (type(item) is bool, item)


def _same_map_list(declaration: Declaration) -> Same:
    keys = declaration.list_keys
    inner = typed_same(declaration.item) if declaration.item else equal

    def same(a: Any, b: Any) -> bool:
        if not isinstance(a, list) or not isinstance(b, list) or len(a) != len(b):
            return False
        others = {_identity(item, keys): item for item in b}
        return all(_identity(item, keys) in others and inner(item, others[_identity(item, keys)]) for item in a)

    return same


def _identity(item: Any, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(repr(item.get(key)) if isinstance(item, dict) else "" for key in keys)


def membership(value: Type, values: Type) -> Callable[[Any, Any], bool]:
    """How `in` looks in a list or a map."""
    item = values.declaration.item if values.declaration and values.kind == "list" else None
    same = typed_same(item) if item and item.read is None else equal

    def in_(a: Any, b: Any) -> bool:
        if isinstance(b, list):
            return contains(b, a, same)
        if isinstance(b, dict):
            return _hashable(a) and a in b
        raise no_such_overload()

    return in_


def _hashable(value: Any) -> bool:
    return not isinstance(value, (list, dict))


def concatenation(left: Type) -> Callable[[Any, Any], list[Any]] | None:
    """How `+` joins lists that are sets or maps: what the right has anew comes last, what it repeats replaces."""
    declaration = left.declaration
    if declaration is None or left.kind != "list":
        return None
    if declaration.list_type == "set":
        return _join_sets
    if declaration.list_type == "map":
        return lambda a, b: _join_maps(a, b, declaration.list_keys)
    return None


def _join_sets(a: list[Any], b: list[Any]) -> list[Any]:
    joined: dict[Any, Any] = {}
    for item in (*a, *b):
        joined.setdefault(_set_key(item), item)
    return list(joined.values())


def _join_maps(a: list[Any], b: list[Any], keys: Sequence[str]) -> list[Any]:
    joined = {_identity(item, keys): item for item in a}
    for item in b:
        joined[_identity(item, keys)] = item
    return list(joined.values())
