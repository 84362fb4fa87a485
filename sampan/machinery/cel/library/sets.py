"""Lists taken as sets. Upstream: cel-go ext/sets.go."""

from typing import Any

from sampan.machinery.cel.functions import Library, overload
from sampan.machinery.cel.values import contains


def _contains(values: list[Any], parts: list[Any]) -> bool:
    return all(contains(values, part) for part in parts)


def _intersects(left: list[Any], right: list[Any]) -> bool:
    return any(contains(right, value) for value in left)


def _equivalent(left: list[Any], right: list[Any]) -> bool:
    return _contains(left, right) and _contains(right, left)


SETS = Library(
    "sets",
    (
        overload("sets.contains(list(T), list(T)) -> bool", _contains, "list_sets_contains_list", since=(1, 29)),
        overload("sets.intersects(list(T), list(T)) -> bool", _intersects, "list_sets_intersects_list", since=(1, 29)),
        overload("sets.equivalent(list(T), list(T)) -> bool", _equivalent, "list_sets_equivalent_list", since=(1, 29)),
    ),
)
