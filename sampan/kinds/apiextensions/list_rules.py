"""What lists that are sets or maps must be like: x-kubernetes-list-type, -list-map-keys and -map-type.

Called by schema_validation.py and options.py. Upstream: ValidateCustomResourceDefinitionOpenAPISchema.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sampan.machinery.errors import FieldError
from sampan.machinery.structural.schema import Tree
from sampan.machinery.validation import ROOT, Path, forbidden, invalid, not_supported, required

Errors = Iterator[FieldError]

LIST_TYPE, MAP_TYPE, KEYS = "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-list-map-keys"
_ATOMIC_ITEM = "must be atomic as item of a list with x-kubernetes-list-type=set"
_KEYWORDS = frozenset((LIST_TYPE, MAP_TYPE, KEYS))
_IN_KEYS = "this property is in x-kubernetes-list-map-keys, so it"


def list_errors(schema: Tree, path: Path, *, atomic_sets: bool, keys: bool) -> Errors:
    """What is wrong with a schema's list and map types; two rules are younger than definitions that break them."""
    if not _KEYWORDS & schema.keys():
        return
    yield from _needs_type(schema, MAP_TYPE, "object", path)
    if schema.get(MAP_TYPE) is not None and schema[MAP_TYPE] not in ("atomic", "granular"):
        yield not_supported(path.child(MAP_TYPE), schema[MAP_TYPE], ["atomic", "granular"])
    yield from _needs_type(schema, LIST_TYPE, "array", path)
    if atomic_sets and schema.get("type") == "array":
        yield from _set_items(schema, path)
    if schema.get(LIST_TYPE) is not None and schema[LIST_TYPE] not in ("atomic", "set", "map"):
        yield not_supported(path.child(LIST_TYPE), schema[LIST_TYPE], ["atomic", "set", "map"])
    yield from _map_keys(schema, path)
    if keys:
        yield from key_errors(schema, path)


def _needs_type(schema: Tree, keyword: str, wanted: str, path: Path) -> Errors:
    given = schema.get("type") or ""
    if schema.get(keyword) is not None and given != wanted:
        detail = f"must be {wanted} if {keyword} is specified"
        yield invalid(path.child("type"), given, detail) if given else required(path.child("type"), detail)


def _item(schema: Tree) -> Mapping[str, Any] | None:
    items = schema.get("items")
    return items if isinstance(items, Mapping) else None


def _set_items(schema: Tree, path: Path) -> Errors:
    item = _item(schema)
    if schema.get(LIST_TYPE) != "set" or item is None:
        return
    at = path.child("items")
    if item.get("type") == "array" and item.get(LIST_TYPE) not in (None, "atomic"):
        yield invalid(at.child(LIST_TYPE), item[LIST_TYPE], _ATOMIC_ITEM)
    elif item.get("type") == "object" and item.get(MAP_TYPE) != "atomic":
        yield invalid(at.child(MAP_TYPE), item.get(LIST_TYPE), _ATOMIC_ITEM)


def has_bad_set(schema: Tree) -> bool:
    """Whether the items of a set are merged."""
    return any(True for _ in _set_items(schema, ROOT))


def _map_keys(schema: Tree, path: Path) -> Errors:
    given, list_type = schema.get(KEYS) or [], schema.get(LIST_TYPE)
    if given and list_type != "map":
        detail, at = f"must be map if {KEYS} is non-empty", path.child(LIST_TYPE)
        yield required(at, detail) if list_type is None else invalid(at, list_type, detail)
    if list_type != "map":
        return
    if not given:
        yield required(path.child(KEYS), f"must not be empty if {LIST_TYPE} is map")
    items, at = schema.get("items"), path.child("items")
    if items is None:
        yield required(at, f"must have a schema if {LIST_TYPE} is map")
    elif not isinstance(items, Mapping):
        yield invalid(at, items, f"must only have a single schema if {LIST_TYPE} is map")
    elif items.get("type") != "object":
        yield invalid(at.child("type"), items.get("type") or "", f"must be object if parent array's {LIST_TYPE} is map")
    else:
        yield from _keys_of_items(given, items, path)


def _keys_of_items(keys: list[str], item: Tree, path: Path) -> Errors:
    properties, seen = item.get("properties") or {}, set()
    for key in keys:
        if key not in properties:
            yield invalid(path.child(KEYS), keys, "entries must all be names of item properties")
        elif properties[key].get("type") in ("array", "object"):
            at = path.child("items", "properties").key(key).child("type")
            yield invalid(at, item.get("type"), f"must be a scalar type if parent array's {LIST_TYPE} is map")
        if key in seen:
            yield invalid(path.child(KEYS), keys, "must not contain duplicate entries")
        seen.add(key)


def key_errors(schema: Tree, path: Path) -> Errors:
    """What keeps the items of sets and maps from having an identity: null, and keys that may be missing."""
    item, list_type = _item(schema), schema.get(LIST_TYPE)
    if item is None or list_type not in ("set", "map"):
        return
    if item.get("nullable"):
        yield forbidden(path.child("items", "nullable"), f"cannot be nullable when {LIST_TYPE} is {list_type}")
    needed, properties = frozenset(item.get("required") or ()), item.get("properties") or {}
    for key in (schema.get(KEYS) or ()) if list_type == "map" else ():
        field, at = properties.get(key), path.child("items", "properties").key(key)
        if field is None:
            continue
        if key not in needed and field.get("default") is None:
            yield required(at.child("default"), f"{_IN_KEYS} must have a default or be a required property")
        if field.get("nullable"):
            yield forbidden(at.child("nullable"), f"{_IN_KEYS} cannot be nullable")


def has_bad_keys(schema: Tree) -> bool:
    """Whether the items of a set or map may have no identity."""
    return any(True for _ in key_errors(schema, ROOT))
