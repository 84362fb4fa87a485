"""The order of a merged list: items that the patch names in its order, the others between them as they were.

Called by patch_strategic.py only. Rule: k8s.io/apimachinery/pkg/util/strategicpatch (normalizeElementOrder).
"""

from typing import Any


def ordered(merged: list[Any], order: list[Any], live: list[Any], key: str) -> list[Any]:
    """`merged` with the items that occur in `order` in that order, the rest in the order of `live`.

    Items are known by their merge key, or by themselves where `key` is "". An item that only the server has goes before
    the first named one that followed it in the live list.
    """
    wanted, before = _places(order, key), _places(live, key)
    named = sorted((item for item in merged if _name(item, key) in wanted), key=lambda i: wanted[_name(i, key)])
    others = [item for item in merged if _name(item, key) not in wanted]
    others.sort(key=lambda item: before.get(_name(item, key), len(live)))
    return _interleave(others, named, before, key)


def _interleave(others: list[Any], named: list[Any], before: dict[Any, int], key: str) -> list[Any]:
    result: list[Any] = []
    at = 0
    for item in named:
        place = before.get(_name(item, key))
        while place is not None and at < len(others) and before.get(_name(others[at], key), place) < place:
            result.append(others[at])
            at += 1
        result.append(item)
    return result + others[at:]


def _places(items: list[Any], key: str) -> dict[Any, int]:
    places: dict[Any, int] = {}
    for index, item in enumerate(items):
        places.setdefault(_name(item, key), index)
    return places


def _name(item: Any, key: str) -> Any:
    """What an item is known by, hashable; 1 and True differ."""
    found = item.get(key) if key and isinstance(item, dict) else item
    return (type(found), repr(found) if isinstance(found, (dict, list)) else found)
