"""JSON trees: copying, reading, changing without harm to sharers, comparing.

Objects that come out of a cache are shared by everyone who looks at them, so a change is made to a copy: of the whole
tree (`deep_copy`) where most of it is rewritten, of the path only (`with_changes`) where a few fields are. Called from
everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Path = Sequence[str]

MAX_DEPTH = 200  # of a tree from outside: far beyond any API type, and a few frames each stay within Python's stack


class _Removed:
    """The type of REMOVED."""

    def __repr__(self) -> str:
        return "REMOVED"


REMOVED: Final = _Removed()  # as a value of with_changes: take the field away


def deep_copy(value: Any) -> Any:
    """A copy that shares no dict and no list with `value`; strings and numbers are shared."""
    kind = type(value)
    if kind is dict:
        return {
            key: item if (t := type(item)) is str or (t is not dict and t is not list) else deep_copy(item)
            for key, item in value.items()
        }
    if kind is list:
        return [
            item if (t := type(item)) is str or (t is not dict and t is not list) else deep_copy(item) for item in value
        ]
    return value


def is_too_deep(value: Any) -> bool:
    """Whether a tree is nested deeper than MAX_DEPTH. Walks it level by level: no depth is too much for this."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for node in level
            if isinstance(node, (dict, list))
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


def get_path(obj: Any, path: Path, default: Any = None) -> Any:
    """The value at a path of field names, or `default` where any step is missing or null."""
    for name in path:
        if not isinstance(obj, dict):
            return default
        obj = obj.get(name)
    return default if obj is None else obj


def with_changes(obj: Mapping[str, Any], changes: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """`obj` with some fields set (or, given REMOVED, taken away); only the dicts on the paths are copied.

    A field that is missing on the way to a value that is set comes into being; removing what is not there does nothing.
    """
    result = dict(obj)
    owned = {id(result)}
    for path, value in changes.items():
        _change(result, path, value, owned)
    return result


def _change(node: dict[str, Any], path: tuple[str, ...], value: Any, owned: set[int]) -> None:
    for name in path[:-1]:
        below = node.get(name)
        if not isinstance(below, dict):
            if value is REMOVED:
                return
            below = {}
        elif id(below) not in owned:
            below = dict(below)
        owned.add(id(below))
        node[name] = below
        node = below
    if value is REMOVED:
        node.pop(path[-1], None)
    else:
        node[path[-1]] = value


def semantic_equal(left: Any, right: Any) -> bool:
    """Whether two trees mean the same: null, [], {} and a missing field are one thing.

    The counterpart of equality.Semantic.DeepEqual for trees whose quantities are already in canonical form.
    """
    if left == right:
        return True
    if isinstance(left, dict) and isinstance(right, dict):
        return all(semantic_equal(left.get(name), right.get(name)) for name in left.keys() | right.keys())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(semantic_equal, left, right))
    return is_empty(left) and is_empty(right)


def is_empty(value: Any) -> bool:
    """Whether a value is null, an empty list, or a dict in which everything is empty."""
    if isinstance(value, dict):
        return all(is_empty(item) for item in value.values())
    return value is None or value == []
