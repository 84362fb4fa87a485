"""Strategic merge patch: a merge patch that knows which lists are merged, and by which key.

Lists whose field has patch strategy `merge` are merged item by item (by the field's merge key, or as sets of scalars);
all other lists are replaced. Directives in the patch:

    $patch: replace | delete              in a map or a list item
    $retainKeys: [...]                    the keys of a map that stay (unions such as Deployment.spec.strategy)
    $setElementOrder/<field>: [...]       the order of a merged list
    $deleteFromPrimitiveList/<field>: [...]

Called through patches.py. Semantics and texts: the documentation page on kubectl patch, the API conventions' "Strategic
Merge Patch", k8s.io/apimachinery/pkg/util/strategicpatch. List order is in patch_order.py.
"""

from typing import Any

from sampan.machinery.errors import BadRequest
from sampan.machinery.meta import Object
from sampan.machinery.patch_json import not_fitting
from sampan.machinery.patch_order import ordered
from sampan.machinery.schema import Definition, Field
from sampan.machinery.tree import deep_copy

PATCH, RETAIN_KEYS = "$patch", "$retainKeys"
ORDER_PREFIX, DELETE_PREFIX = "$setElementOrder/", "$deleteFromPrimitiveList/"
_BAD_DELETE = "invalid patch format of primitive list"
_BAD_RETAIN = "invalid patch format of retainKeys"
_BAD_ORDER = "invalid patch format of setElementOrder list"


def strategic_merge_patch(obj: Object, patch: Any, definition: Definition) -> Object:
    """The object of a definition with the patch merged in; `obj` may be changed. Raises BadRequest, Invalid."""
    if not isinstance(patch, dict):
        raise BadRequest("invalid JSON document")
    return _merge_map(obj, deep_copy(patch), dict(definition.fields))


def _fields(field: Field | None) -> dict[str, Field]:
    """The fields below a field, where its type has named ones."""
    if field is None or field.type != "object" or field.schema is None or field.ref not in field.schema:
        return {}
    return dict(field.definition.fields)


def _merge_map(original: Object, patch: Object, fields: dict[str, Field]) -> Object:
    """Merge the patch, which is private and used up, into the original."""
    if PATCH in patch:
        return _directed(patch)
    _retain_keys(original, patch)
    for key in [key for key in patch if key.startswith(ORDER_PREFIX)]:
        _merge_in_order(original, patch, key, fields)
    for key, value in patch.items():
        if key.startswith(DELETE_PREFIX):
            _delete_scalars(original, key.removeprefix(DELETE_PREFIX), value)
        elif value is None:
            original.pop(key, None)
        else:
            _merge_field(original, key, value, fields.get(key))
    return original


def _directed(patch: Object) -> Object:
    """What a map becomes by its $patch directive."""
    directive = patch.pop(PATCH)
    if directive == "replace":
        return dict(_without_directives(patch))
    if directive == "delete":
        return {}
    raise BadRequest(f"unknown patch type {directive} in map {patch}" if directive else "unknown patch type in map")


def _merge_field(original: Object, key: str, value: Any, field: Field | None) -> None:
    before = original.get(key)
    if isinstance(value, dict) and isinstance(before, dict) and not _replaces(field):
        original[key] = _merge_map(before, value, _fields(_map_item(field)))
    elif isinstance(value, list) and isinstance(before, list) and field is not None and _merges(field):
        original[key] = _merge_list(before, value, field)
    else:
        original[key] = _without_directives(value)


def _replaces(field: Field | None) -> bool:
    return field is not None and "replace" in field.patch_strategies


def _merges(field: Field) -> bool:
    return "merge" in field.patch_strategies


def _map_item(field: Field | None) -> Field | None:
    """What describes the fields of a merged map: itself; for a map of objects, nothing by name."""
    return field if field is not None and field.type == "object" else None


def _retain_keys(original: Object, patch: Object) -> None:
    if RETAIN_KEYS not in patch:
        return
    listed = patch.pop(RETAIN_KEYS)
    if not isinstance(listed, list) or not all(isinstance(key, str) for key in listed):
        raise BadRequest(_BAD_RETAIN)
    kept = set(listed)
    if any(value is not None and key not in kept for key, value in patch.items() if not key.startswith("$")):
        raise not_fitting()
    for key in [key for key in original if key not in kept]:
        del original[key]


def _delete_scalars(original: Object, key: str, unwanted: Any) -> None:
    if not isinstance(unwanted, list):
        raise BadRequest(_BAD_DELETE)
    before, gone = original.get(key), set(filter(_is_scalar, unwanted))
    if isinstance(before, list):
        original[key] = [item for item in before if not (_is_scalar(item) and item in gone)]


def _merge_in_order(original: Object, patch: Object, directive: str, fields: dict[str, Field]) -> None:
    """Merge one list and put it into the order that the patch asks for."""
    order, key = patch.pop(directive), directive.removeprefix(ORDER_PREFIX)
    field = fields.get(key)
    if not isinstance(order, list):
        raise BadRequest(_BAD_ORDER)
    before, change = original.get(key), patch.get(key)
    if field is None or not _merges(field) or not _is_list_or_none(before) or not _is_list_or_none(change):
        return
    if field.merge_key and not all(isinstance(item, dict) and field.merge_key in item for item in order):
        raise BadRequest(_BAD_ORDER)
    if before is None and change is None:
        return
    patch.pop(key, None)
    merged = _merge_list(list(before or ()), change or [], field)
    original[key] = ordered(merged, order, before or [], field.merge_key)


def _is_list_or_none(value: Any) -> bool:
    return value is None or isinstance(value, list)


def _merge_list(original: list[Any], patch: list[Any], field: Field) -> list[Any]:
    """Merge a list item by item; server-only items keep their places relative to their old neighbours."""
    if not field.merge_key:
        return _merge_scalars(original, patch)
    key = field.merge_key
    for item in patch:
        if not isinstance(item, dict):
            raise not_fitting()
    if any(item.get(PATCH) == "replace" for item in patch):
        return [_without_directives(item) for item in patch if PATCH not in item]
    deleted = {_merge_key(item, key) for item in patch if _deletes(item)}
    kept = [item for item in original if not (_has_scalar(item, key) and item.get(key, _ABSENT) in deleted)]
    wanted = [item for item in patch if not _deletes(item)]
    merged = _merge_items(kept, wanted, field)
    return ordered(merged, wanted, original, key) if wanted else merged


_ABSENT = object()


def _deletes(item: Object) -> bool:
    directive = item.get(PATCH)
    if directive is None or directive == "delete":
        return directive is not None
    raise BadRequest(f"unknown patch type {directive} in map {item}")


def _merge_key(item: Object, key: str) -> Any:
    if key not in item or not _is_scalar(item[key]):
        raise BadRequest(f"map: {item} does not contain declared merge key: {key}")
    return item[key]


def _merge_items(original: list[Any], patch: list[Object], field: Field) -> list[Any]:
    merged, key, fields = list(original), field.merge_key, _fields(field.items)
    places = {item.get(key): at for at, item in enumerate(merged) if _has_scalar(item, key)}
    for item in patch:
        name = _merge_key(item, key)
        if name in places:
            merged[places[name]] = _merge_map(merged[places[name]], item, fields)
        else:
            places[name] = len(merged)
            merged.append(_without_directives(item))
    return merged


def _has_scalar(item: Any, key: str) -> bool:
    return isinstance(item, dict) and _is_scalar(item.get(key))


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def _merge_scalars(original: list[Any], patch: list[Any]) -> list[Any]:
    if not all(map(_is_scalar, patch)):
        raise not_fitting()
    known = set(filter(_is_scalar, original))
    merged = original + [item for item in dict.fromkeys(patch) if item not in known]
    return ordered(merged, patch, original, "")


def _without_directives(value: Any) -> Any:
    """A value of a patch as it stands where there is nothing to merge with: directives done, nulls left out."""
    if isinstance(value, dict):
        if value.get(PATCH) == "delete":
            return {}
        return {
            key: _without_directives(item)
            for key, item in value.items()
            if item is not None
            and key not in (PATCH, RETAIN_KEYS)
            and not key.startswith((ORDER_PREFIX, DELETE_PREFIX))
        }
    if isinstance(value, list):
        return [
            _without_directives(item)
            for item in value
            if not (isinstance(item, dict) and item.get(PATCH) in ("delete", "replace"))
        ]
    return value
